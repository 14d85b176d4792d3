//! The log of the host port: lines as ESP-IDF's, on standard error; what was asked to be printed on standard output.

use std::ffi::CStr;
use std::io::Write;
use std::ptr::null;
use std::sync::LazyLock;
use std::time::Instant;

use microusc_chips::Caps;

use crate::abi::*;
use crate::port::Moment;

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
