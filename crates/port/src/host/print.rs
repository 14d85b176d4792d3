//! The log of the host port: lines as ESP-IDF's, on standard error; what was asked to be printed on standard output.

use std::ffi::CStr;
use std::io::Write;
use std::ptr::null;
use std::sync::LazyLock;
use std::time::Instant;

use microusc_chips::Caps;

use crate::log::write_line;
use crate::text::{Output, Text};
use crate::types::{CallContext, memory_pool_report_t};

use super::board::board;
use super::signal;
use super::tasks::current;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// A line that is written at once: other threads write theirs.
struct Whole(Vec<u8>);

impl Text for Whole {
    fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }
}

pub fn log(report: &memory_pool_report_t, reason: &CStr, step: &str) {
    let mut line = Whole(Vec::new());
    write_line(&mut line, START.elapsed().as_millis() as usize, report, reason, step);
    eprint!("{}", String::from_utf8_lossy(&line.0));
}

thread_local! {
    /// A thread that is no task of the system layer is named by where this is.
    static TASK: u8 = const { 0 };
}

/// Where and when the calling thread runs. A thread that ends has no name left.
#[inline(never)]
pub fn call_context() -> CallContext {
    let in_interrupt = signal::in_interrupt();
    let name = || match current() {
        task if task.is_null() => TASK.try_with(|task| std::ptr::from_ref(task).cast()).unwrap_or(null()),
        task => task,
    };
    CallContext {
        time_us: START.elapsed().as_micros() as u64,
        task: if in_interrupt { null() } else { name() },
        core: 0,
        in_interrupt,
    }
}

/// The output of [`print()`].
pub struct Console;

impl Output for Console {
    fn print(text: &[u8]) {
        print(text);
    }
}

pub fn print(text: &[u8]) {
    // An error on standard output cannot be reported anywhere.
    let _closed = std::io::stdout().write_all(text);
}

pub fn print_heap() {
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
