//! What the threads do.

use std::thread;
use std::time::Instant;

use microusc_testkit::SharedPool;

use crate::fault::fault;
use crate::pools::StressedPool;
use crate::ring::Ring;
use crate::traffic::{self, OperationCounts};
use crate::{handler, interrupt};

/// The most blocks that a thread owns: if both own so many, the handler finds none.
const MOST_OWNED: u64 = 22;

/// Both patterns on one pool, with `operations` in all; ends the program if the pool is at fault.
pub(crate) fn run<S: StressedPool>(operations: u64) {
    let share = operations / 4;
    traffic::learn::<S>();
    handler::install::<S>();
    interrupted::<S>(
        "each thread its own",
        [
            Box::new(move || own_blocks::<S>(1 << 40, share)),
            Box::new(move || own_blocks::<S>(2 << 40, share)),
        ],
    );
    static RING: Ring = Ring::new();
    // Each block is one operation of either thread.
    interrupted::<S>(
        "one allocs, one frees",
        [Box::new(move || produce::<S>(&RING, share)), Box::new(move || consume::<S>(&RING, share))],
    );
}

/// Runs two threads, each of them interrupted until it is done, and checks the pool.
fn interrupted<S: StressedPool>(pattern: &str, work: [Box<dyn FnOnce() -> OperationCounts + Send>; 2]) {
    let start = Instant::now();
    let threads = work.map(|work| {
        thread::spawn(move || {
            let _interrupts = interrupt::start();
            work()
        })
    });
    let counts = threads.map(|thread| thread.join().unwrap_or_else(|_| fault("a thread panicked")));
    let (of_handler, interrupts) = handler::finish::<S>();
    let counts = counts.into_iter().fold(of_handler, OperationCounts::plus);
    println!(
        "{}, {pattern}: {} operations in {:.1} s: {} allocs, {} frees, {} times exhausted; \
         {interrupts} interrupts with {} of them",
        S::NAME,
        counts.total(),
        start.elapsed().as_secs_f64(),
        counts.allocated,
        counts.freed,
        counts.exhausted,
        of_handler.total(),
    );
    if counts.allocated != counts.freed || !S::pool().is_whole() {
        fault("a block was lost, or the pool is damaged");
    }
}

/// Allocates some blocks and frees them in the same order, in reverse, or at random.
fn own_blocks<S: StressedPool>(mut owner: u64, operations: u64) -> OperationCounts {
    let mut counts = OperationCounts::default();
    let mut random = owner;
    let mut owned = Vec::with_capacity(MOST_OWNED as usize);
    while counts.total() < operations {
        random = next(random);
        for _ in 0..random % MOST_OWNED + 1 {
            owner += 1;
            owned.extend(traffic::alloc::<S>(owner, &mut counts));
        }
        match next(random) % 3 {
            0 => owned.reverse(),
            1 => owned.sort_unstable_by_key(|block| next(block.addr().get() as u64 ^ random)),
            _ => {}
        }
        owned.drain(..).for_each(|block| traffic::free::<S>(block, &mut counts));
    }
    counts
}

/// Allocates blocks and passes them on.
fn produce<S: StressedPool>(ring: &Ring, blocks: u64) -> OperationCounts {
    let mut counts = OperationCounts::default();
    for at in 0..blocks {
        let block = until(|| traffic::alloc::<S>(at + 1, &mut counts));
        until(|| ring.push(at, block).then_some(()));
    }
    counts
}

/// Frees the blocks that were passed on.
fn consume<S: StressedPool>(ring: &Ring, blocks: u64) -> OperationCounts {
    let mut counts = OperationCounts::default();
    for at in 0..blocks {
        traffic::free::<S>(until(|| ring.pop(at)), &mut counts);
    }
    counts
}

/// Tries until there is a result. Yields now and then, so that the other thread can run.
fn until<V>(mut attempt: impl FnMut() -> Option<V>) -> V {
    loop {
        for _ in 0..100 {
            if let Some(value) = attempt() {
                return value;
            }
            std::hint::spin_loop();
        }
        thread::yield_now();
    }
}

/// The next number of a random sequence (xorshift).
fn next(mut state: u64) -> u64 {
    state ^= state << 13;
    state ^= state >> 7;
    state ^ state << 17
}
