//! What a program that cannot go on does. No function of the archive panics on purpose; `core` asks for this.

use core::panic::PanicInfo;

use super::shim::microusc_esp_idf_stop;

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    // SAFETY: it ends the program, as ESP-IDF is configured to.
    unsafe { microusc_esp_idf_stop() }
}
