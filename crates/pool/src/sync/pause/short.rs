//! On chips, where one waits with interrupts masked, for a few instructions of another core: look again at once.

#[inline(always)]
pub(crate) fn pause() {
    core::hint::spin_loop();
}
