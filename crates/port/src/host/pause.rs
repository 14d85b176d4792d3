//! What a thread does that waits for a lock.

use std::time::{Duration, Instant};

/// Before each look: the holder does many operations on cache lines that it has.
const PAUSE: Duration = Duration::from_micros(1);

/// Pauses, and now and then lets other threads run: they may be more than the cores.
pub(super) fn before_look(looks: u32) {
    let start = Instant::now();
    while start.elapsed() < PAUSE {
        std::hint::spin_loop();
    }
    if looks.is_multiple_of(64) {
        std::thread::yield_now();
    }
}
