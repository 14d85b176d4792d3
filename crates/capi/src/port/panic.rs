//! What a program that cannot go on does. No function of the archive panics on purpose; `core` asks for this.

use core::panic::PanicInfo;

use super::stop;
use crate::print::Line;
use crate::text::Text;

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    Line::new().text("E memory_pool: stopped by a fault of its own\n");
    stop()
}
