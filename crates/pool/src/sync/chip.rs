//! A chip: one or two cores, which wait with interrupts masked, and whose memory has no caches between the cores.

/// The other core holds a lock for a few instructions only: look again at once.
#[inline(always)]
#[allow(dead_code, reason = "only locks with a flag pause, and model checkers schedule instead")]
pub(super) fn pause() {
    core::hint::spin_loop();
}

/// There is nothing to prefetch.
pub(crate) mod prefetch {
    #[inline(always)]
    pub(crate) fn after_alloc(_: usize) {}

    #[inline(always)]
    pub(crate) fn remember_freed(_: usize, _: usize) {}
}
