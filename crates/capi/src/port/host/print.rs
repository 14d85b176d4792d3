//! The log of the host port: lines as ESP-IDF's, on standard error; what was asked to be printed on standard output.

use std::ffi::CStr;
use std::sync::LazyLock;
use std::time::Instant;

use microusc_chips::Caps;

use crate::abi::*;
use crate::port::advice::placement_name;

use super::board;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

fn text(string: *const core::ffi::c_char) -> String {
    // SAFETY: the strings of reports and snapshots are C strings that live for the call.
    unsafe { CStr::from_ptr(string) }.to_string_lossy().into_owned()
}

pub(crate) fn log(report: &memory_pool_report_t, step: &str) {
    let (function, pool) = (text(report.function), text(report.pool));
    let reason = reason_name(report.reason).to_string_lossy();
    let of = if pool.is_empty() { String::new() } else { format!(" of pool \"{pool}\"") };
    let count = if report.count > 0 { format!(", {} blocks in use", report.count) } else { String::new() };
    eprintln!(
        "W ({}) memory_pool: {function}({:p}){of}: {reason}{count}: {step}",
        START.elapsed().as_millis(),
        report.address,
    );
}

pub(crate) fn print_info(info: &memory_pool_info_t) {
    println!("=== {} Pool Statistics ===", text(info.name.as_ptr()));
    println!("Placement: {}", placement_name(info.placement));
    println!("Block size: {} bytes ({} asked for)", info.block_size, info.requested_size);
    println!("Total blocks: {}", info.num_blocks);
    println!("Free blocks: {} (lowest ever {})", info.free_blocks, info.lowest_free);
    println!("Used blocks: {}", info.used_blocks);
    println!("Total memory: {} bytes + {} overhead", info.storage_bytes, info.overhead_bytes);
    println!("Utilization: {}%", info.used_blocks * 100 / info.num_blocks);
    println!("Failed allocations: {}", info.alloc_failures);
    println!("Refused frees: {}", info.refused_frees);
    println!("Corruptions met: {}", info.corruptions);
    println!("Waiting tasks: {}", info.waiting_tasks);
}

pub(crate) fn print_usage(pools: impl Iterator<Item = memory_pool_info_t>) {
    let mut board = board();
    let heap = board.heap();
    println!("Memory of {}", heap.chip());
    println!("{:<10} {:>9} {:>9} {:>9} {:>9}", "heap", "total", "free", "min_free", "largest");
    for (name, caps) in [
        ("internal", Caps::INTERNAL | Caps::B8),
        ("dma", Caps::DMA),
        ("psram", Caps::SPIRAM),
        ("iram", Caps::INTERNAL | Caps::B32),
    ] {
        let info = heap.info(caps);
        let total = info.total_free + info.total_allocated;
        println!(
            "{name:<10} {total:>9} {:>9} {:>9} {:>9}",
            info.total_free, info.minimum_free, info.largest_free_block
        );
    }
    drop(board);
    println!(
        "{:<16} {:<5} {:>7} {:>6} {:>6} {:>9} {:>7}",
        "pool", "where", "block B", "used", "free", "lowest", "failed"
    );
    for info in pools {
        println!(
            "{:<16} {:<5} {:>7} {:>6} {:>6} {:>9} {:>7}",
            text(info.name.as_ptr()),
            placement_name(info.placement),
            info.block_size,
            info.used_blocks,
            info.free_blocks,
            info.lowest_free,
            info.alloc_failures
        );
    }
}
