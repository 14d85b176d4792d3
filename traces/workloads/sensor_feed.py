"""Prints JSON lines like those of a field bus: one sensor record per line, at a steady pace.

usage: sensor_feed.py RECORDS MILLISECONDS_BETWEEN
"""

import json
import random
import sys
import time

KINDS = [("temp", 18, 31), ("hum", 25, 80), ("lux", 0, 900), ("co2", 400, 1800), ("volt", 2.4, 3.3)]


def record(rng, number):
    """One node's record: 100 to 290 bytes."""
    node = rng.randint(1, 8)
    values = {kind: round(rng.uniform(low, high), 2) for kind, low, high in rng.sample(KINDS, 3)}
    line = {"seq": number, "node": f"n{node:02d}", "at": 1_700_000_000 + number, "values": values}
    if number % 9 == 0:
        line["tags"] = [f"zone-{node % 4}", "battery" if node % 3 else "mains"]
    if number % 25 == 0:
        line["log"] = [{"code": rng.randint(1, 40), "text": "radio retry"} for _ in range(4)]
    return line


def main():
    """Writes the records, each as soon as its time has come."""
    count, pause = int(sys.argv[1]), float(sys.argv[2]) / 1000
    rng = random.Random(20261123)
    start = time.monotonic()
    for number in range(count):
        print(json.dumps(record(rng, number)), flush=True)
        time.sleep(max(start + (number + 1) * pause - time.monotonic(), 0))


if __name__ == "__main__":
    main()
