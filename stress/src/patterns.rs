//! What the threads do.

use std::thread;
use std::time::Instant;

use crate::owner::{self, Count, fault};
use crate::ring::Ring;
use crate::signals;
use crate::subjects::Subject;

/// The most blocks that a thread holds: two that hold so many leave none for the handler.
const MOST_HELD: u64 = 22;

/// Both patterns on one pool, so many operations in all; ends the program if the pool is at fault.
pub(crate) fn run<S: Subject>(operations: u64) {
    let share = operations / 4;
    owner::learn::<S>();
    signals::install::<S>();
    interrupted::<S>(
        "each thread its own",
        [
            Box::new(move || own_blocks::<S>(1 << 40, share)),
            Box::new(move || own_blocks::<S>(2 << 40, share)),
        ],
    );
    static RING: Ring = Ring::new();
    // A block is one operation of each thread.
    interrupted::<S>(
        "one takes, one returns",
        [Box::new(move || produce::<S>(&RING, share)), Box::new(move || consume::<S>(&RING, share))],
    );
}

/// Runs two threads, each interrupted until it is done, and judges.
fn interrupted<S: Subject>(pattern: &str, work: [Box<dyn FnOnce() -> Count + Send>; 2]) {
    let start = Instant::now();
    let threads = work.map(|work| {
        thread::spawn(move || {
            let _interrupts = signals::interrupts_begin();
            work()
        })
    });
    let counts = threads.map(|thread| thread.join().unwrap_or_else(|_| fault("a thread panicked")));
    let (handler, interrupts) = signals::finish::<S>();
    let count = counts.into_iter().fold(handler, Count::plus);
    println!(
        "{}, {pattern}: {} operations in {:.1} s: {} taken, {} returned, {} times none left; \
         {interrupts} interrupts with {} of them",
        S::NAME,
        count.operations(),
        start.elapsed().as_secs_f64(),
        count.taken,
        count.returned,
        count.exhausted,
        handler.operations(),
    );
    if count.taken != count.returned || !S::all_is_well() {
        fault("not every block came back");
    }
}

/// Takes some blocks and returns them, in the order taken, in reverse, or in disorder.
fn own_blocks<S: Subject>(mut owner: u64, operations: u64) -> Count {
    let mut count = Count::default();
    let mut random = owner;
    let mut held = Vec::with_capacity(MOST_HELD as usize);
    while count.operations() < operations {
        random = next(random);
        for _ in 0..random % MOST_HELD + 1 {
            owner += 1;
            held.extend(owner::take::<S>(owner, &mut count));
        }
        match next(random) % 3 {
            0 => held.reverse(),
            1 => held.sort_unstable_by_key(|block| next(block.addr().get() as u64 ^ random)),
            _ => {}
        }
        held.drain(..).for_each(|block| owner::put::<S>(block, &mut count));
    }
    count
}

/// Takes blocks and hands them over.
fn produce<S: Subject>(ring: &Ring, blocks: u64) -> Count {
    let mut count = Count::default();
    for at in 0..blocks {
        let block = until(|| owner::take::<S>(at + 1, &mut count));
        until(|| ring.push(at, block).then_some(()));
    }
    count
}

/// Returns what was handed over.
fn consume<S: Subject>(ring: &Ring, blocks: u64) -> Count {
    let mut count = Count::default();
    for at in 0..blocks {
        owner::put::<S>(until(|| ring.pop(at)), &mut count);
    }
    count
}

/// Tries until there is an answer; lets others run now and then.
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

/// The next of a sequence without order (xorshift).
fn next(mut state: u64) -> u64 {
    state ^= state << 13;
    state ^= state >> 7;
    state ^ state << 17
}
