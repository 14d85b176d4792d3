//! What a program that cannot go on does. No function of the archive panics on purpose; `core` asks for this.

use core::panic::PanicInfo;

use super::lines::Line;
use super::stop;

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    let mut line = Line::new();
    line.text("E memory_pool: stopped by a fault of its own\n");
    drop(line);
    stop()
}
