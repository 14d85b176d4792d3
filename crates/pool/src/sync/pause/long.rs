//! On other hosts: a number of pauses, about a microsecond of them.

const LOOPS: u32 = 64;

pub(crate) fn pause() {
    (0..LOOPS).for_each(|_| core::hint::spin_loop());
}
