//! `firmware/runtime/board.h`.

use core::alloc::{GlobalAlloc, Layout};
use core::fmt;
use core::panic::PanicInfo;

/// A program's end: all went as it should.
pub const PASSED: i32 = 0;
/// A program's end: it found a rule broken.
pub const BROKEN: i32 = 1;
const CRASHED: i32 = 3;

mod c {
    use core::ffi::c_void;

    unsafe extern "C" {
        pub(super) fn board_write(text: *const u8, length: usize);
        pub(super) safe fn board_exit(status: i32) -> !;
        pub(super) safe fn board_timer_start(tick: extern "C" fn(), microseconds: u32);
        pub(super) safe fn board_timer_stop();
        pub(super) safe fn board_start_second_core(run: extern "C" fn());
        pub(super) safe fn board_allocate(bytes: usize, align: usize) -> *mut c_void;
        pub(super) fn board_release(memory: *mut c_void);
    }
}

/// Calls `tick` from the timer interrupt, about every so many microseconds of emulated time.
pub fn timer_start(tick: extern "C" fn(), microseconds: u32) {
    c::board_timer_start(tick, microseconds);
}

/// No more ticks.
pub fn timer_stop() {
    c::board_timer_stop();
}

/// Ends the run.
pub fn exit(status: i32) -> ! {
    c::board_exit(status)
}

/// Runs `run` on the second core.
pub fn start_second_core(run: extern "C" fn()) {
    c::board_start_second_core(run);
}

/// The console, for `write!`.
pub struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // SAFETY: the text is as long as it says.
        unsafe { c::board_write(text.as_ptr(), text.len()) };
        Ok(())
    }
}

/// Writes a line to the console.
macro_rules! println {
    ($($argument:tt)*) => {{
        use core::fmt::Write;
        let _infallible = writeln!($crate::board::Console, $($argument)*);
    }};
}
pub(crate) use println;

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    println!("{info}");
    exit(CRASHED)
}

struct Heap;

// SAFETY: the board's heap returns memory as large and aligned as asked, and never the same memory twice. The programs use it from their
// first core, outside interrupts, only.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        c::board_allocate(layout.size(), layout.align()).cast()
    }

    unsafe fn dealloc(&self, memory: *mut u8, _: Layout) {
        // SAFETY: it came from `alloc`.
        unsafe { c::board_release(memory.cast()) };
    }
}

#[global_allocator]
static HEAP: Heap = Heap;
