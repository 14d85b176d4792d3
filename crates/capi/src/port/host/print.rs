//! The log of the host port: lines as ESP-IDF's, on standard error; what was asked to be printed on standard output.

use std::ffi::CStr;
use std::io::Write;
use std::sync::LazyLock;
use std::time::Instant;

use microusc_chips::Caps;

use crate::abi::*;
use crate::port::advice::next_step;

use super::board;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

fn text(string: *const core::ffi::c_char) -> String {
    // SAFETY: the strings of reports and snapshots are C strings that live for the call.
    unsafe { CStr::from_ptr(string) }.to_string_lossy().into_owned()
}

pub(crate) fn log(report: &memory_pool_report_t) {
    let (function, pool) = (text(report.function), text(report.pool));
    let reason = reason_name(report.reason).to_string_lossy();
    let of = if pool.is_empty() { String::new() } else { format!(" of pool \"{pool}\"") };
    let count = if report.count > 0 { format!(", {} blocks in use", report.count) } else { String::new() };
    eprintln!(
        "W ({}) memory_pool: {function}({:p}){of}: {reason}{count}: {}",
        START.elapsed().as_millis(),
        report.address,
        next_step(report.reason)
    );
}

pub(crate) fn print(text: &[u8]) {
    // Nobody can be told when standard output is closed.
    let _closed = std::io::stdout().write_all(text);
}

pub(crate) fn print_heap() {
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
}
