//! A host whose clock and prefetches this crate does not use.

const LOOPS: u32 = 64;

/// About a microsecond: as long as the other thread needs for many operations on cache lines that it has.
pub(super) fn pause() {
    (0..LOOPS).for_each(|_| core::hint::spin_loop());
}

/// Nothing is prefetched.
pub(crate) mod prefetch {
    #[inline(always)]
    pub(crate) fn after_alloc(_: usize) {}

    #[inline(always)]
    pub(crate) fn remember_freed(_: usize, _: usize) {}
}
