//! The log of the host port: lines as ESP-IDF's, on standard error; what was asked to be printed on standard output.

use std::ffi::CStr;
use std::ptr::null;
use std::sync::LazyLock;
use std::time::Instant;

use microusc_chips::Caps;

use crate::abi::*;
use crate::port::Moment;
use crate::port::advice::placement_name;

use super::board;
use super::signal::is_interrupt;
use super::tasks::current;

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

thread_local! {
    /// A thread that is no task of the system layer is named by where this is.
    static TASK: u8 = const { 0 };
}

/// Where and when the calling thread runs. A thread that ends has no name left.
#[inline(never)]
pub(crate) fn moment() -> Moment {
    let in_interrupt = is_interrupt();
    let name = || match current() {
        task if task.is_null() => TASK.try_with(|task| std::ptr::from_ref(task).cast()).unwrap_or(null()),
        task => task,
    };
    Moment {
        time_us: START.elapsed().as_micros() as u64,
        task: if in_interrupt { null() } else { name() },
        core: 0,
        in_interrupt,
    }
}

pub(crate) fn log_leak(pool: *const core::ffi::c_char, count: usize, site: &memory_pool_site_t) {
    let taken = format!(
        "W ({}) memory_pool: pool \"{}\": {count} in use, taken",
        START.elapsed().as_millis(),
        text(pool)
    );
    if !site.recorded {
        eprintln!("{taken} before that was recorded, the first {:p}", site.block);
        return;
    }
    let place = match (site.file.is_null(), site.caller.is_null()) {
        (false, _) => format!("at {}:{}", text(site.file), site.line),
        (true, false) => format!("from {:p}", site.caller),
        (true, true) => "somewhere".to_owned(),
    };
    let owner = match (site.in_interrupt, site.task.is_null()) {
        (true, _) => " by an interrupt".to_owned(),
        (false, false) => format!(" by task {:p}", site.task),
        (false, true) => String::new(),
    };
    let (core, block, seconds) = (site.core, site.block, site.age_us as f64 / 1e6);
    eprintln!("{taken} {place}{owner} on core {core}, the oldest {block:p} for {seconds:.3} s");
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
