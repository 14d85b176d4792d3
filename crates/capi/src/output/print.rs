//! What is printed about pools: the same lines on every port, which only says where text goes. From tasks only.

use microusc_port as port;
use microusc_port::text::{Line, Text, name_bytes};

use crate::types::*;

/// Text on its way to the port.
pub(crate) fn line() -> Line<port::Console> {
    Line::new()
}

/// The snapshot of one pool.
pub(crate) fn info(info: &memory_pool_info_t) {
    let mut line = line();
    line.text("=== ").bytes(name_bytes(&info.name)).text(" Pool Statistics ===\nPlacement: ");
    line.text(placement_name(info.placement)).text("\nBlock size: ").number(info.block_size);
    line.text(" bytes (").number(info.requested_size).text(" asked for)\nTotal blocks: ");
    line.number(info.num_blocks).text("\nFree blocks: ").number(info.free_blocks).text(" (lowest ever ");
    line.number(info.lowest_free).text(")\nUsed blocks: ").number(info.used_blocks);
    line.text("\nTotal memory: ").number(info.storage_bytes).text(" bytes + ").number(info.overhead_bytes);
    line.text(" overhead\nUtilization: ").number(info.used_blocks * 100 / info.num_blocks.max(1));
    for (what, count) in [
        ("%\nFailed allocations: ", info.alloc_failures as usize),
        ("\nRefused frees: ", info.refused_frees as usize),
        ("\nCorruptions met: ", info.corruptions as usize),
        ("\nWaiting tasks: ", info.waiting_tasks),
    ] {
        line.text(what).number(count);
    }
    line.text("\n");
}

/// The heap's totals, and a line a pool.
pub(crate) fn usage(pools: impl Iterator<Item = memory_pool_info_t>) {
    port::print_heap();
    let mut line = line();
    line.text("pool             where block B   used   free    lowest  failed\n");
    for info in pools {
        line.left(name_bytes(&info.name), 17).left(placement_name(info.placement).as_bytes(), 5);
        for (number, places) in [
            (info.block_size, 8),
            (info.used_blocks, 7),
            (info.free_blocks, 7),
            (info.lowest_free, 10),
            (info.alloc_failures as usize, 8),
        ] {
            line.right(number, places);
        }
        line.text("\n");
    }
}

/// What a kind of memory is called.
pub(crate) fn placement_name(placement: memory_placement_t) -> &'static str {
    match placement {
        DRAM => "DRAM",
        PSRAM => "PSRAM",
        IRAM => "IRAM",
        _ => "?",
    }
}
