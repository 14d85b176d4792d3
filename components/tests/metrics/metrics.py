"""Reads what metrics.c printed with Prometheus's own parser, and compares: metrics.py FILE"""

import sys
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

# Pool, placement, further labels: bytes a block may use, blocks, in use, fewest free, allocations and frees refused.
POOLS = [
    ('plain', 'DRAM', {}, 32, 10, 3, 6, 0, 1),
    ('say "hi"', 'DRAM', {}, 64, 1, 1, 0, 2, 0),
    ('C:\\temp\\', 'DRAM', {}, 64, 2, 0, 2, 0, 0),
    ('two\nlines', 'DRAM', {}, 64, 3, 0, 3, 0, 0),
    ('{pool="x"} 1 #', 'DRAM', {}, 64, 4, 0, 4, 0, 0),
    ('café', 'DRAM', {}, 64, 5, 0, 5, 0, 0),
    ('fourteen bytes\ufffd', 'DRAM', {}, 64, 6, 0, 6, 0, 0),
    ('fourteen bytes\ufffd', 'DRAM', {'number': '2'}, 64, 7, 0, 7, 0, 0),
    ('latin-1: \ufffd\\', 'DRAM', {}, 64, 8, 0, 8, 0, 0),
    ('plain', 'DRAM', {'number': '2'}, 64, 9, 0, 9, 0, 0),
    ('frames', 'PSRAM', {}, 256, 4, 0, 4, 0, 0),
    ('words', 'IRAM', {}, 64, 2, 0, 2, 0, 0),
]

# Of each family: its type, and the value of a pool; None: any that is positive.
FAMILIES = {
    'blocks': ('gauge', lambda size, blocks, used, fewest, failed, refused: blocks),
    'blocks_in_use': ('gauge', lambda size, blocks, used, fewest, failed, refused: used),
    'blocks_free_lowest': ('gauge', lambda size, blocks, used, fewest, failed, refused: fewest),
    'block_bytes': ('gauge', lambda size, blocks, used, fewest, failed, refused: size),
    'storage_bytes': ('gauge', lambda size, blocks, used, fewest, failed, refused: size * blocks),
    'overhead_bytes': ('gauge', lambda *_: None),
    'waiting_tasks': ('gauge', lambda *_: 0),
    'alloc_failures': ('counter', lambda size, blocks, used, fewest, failed, refused: failed),
    'refused_frees': ('counter', lambda size, blocks, used, fewest, failed, refused: refused),
    'corruptions': ('counter', lambda *_: 0),
}


def check(right, what):
    if not right:
        sys.exit(what)


text = Path(sys.argv[1]).read_bytes().decode('utf-8')  # strict: what is no UTF-8 ends this
# The parser adds what is missing here.
for line in text.splitlines():
    if line.startswith('# TYPE ') and line.endswith(' counter'):
        check(line.split()[2].endswith('_total'), f'{line}: a counter without _total')
families = list(text_string_to_metric_families(text))
names = [family.name for family in families]
check(len(set(names)) == len(names), f'a family in pieces: {names}')
check(names == ['microusc_pool_' + name for name in FAMILIES], f'not these families: {names}')
for family, (kind, value) in zip(families, FAMILIES.values()):
    check(family.type == kind, f'{family.name} is a {family.type}, not a {kind}')
    check(family.documentation.endswith('.'), f'{family.name} has no help')
    check(len(family.samples) == len(POOLS), f'{family.name} has {len(family.samples)} samples')
    seen = set()
    for sample, (pool, placement, further, *numbers) in zip(family.samples, POOLS):
        total = '_total' if kind == 'counter' else ''
        check(sample.name == family.name + total, f'{sample.name} in {family.name}')
        labels = {'pool': pool, 'placement': placement, **further}
        check(sample.labels == labels, f'{sample.labels}, not {labels}')
        wanted = value(*numbers)
        right = sample.value > 0 if wanted is None else sample.value == wanted
        check(right, f'{sample.name} of {labels} is {sample.value}, not {wanted}')
        seen.add(tuple(sorted(sample.labels.items())))
    check(len(seen) == len(POOLS), f'{family.name} has a sample twice')
print(f'{len(families)} families of {len(POOLS)} pools')
