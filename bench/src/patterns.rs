//! The orders in which blocks are allocated and freed.

use std::collections::VecDeque;
use std::hint::black_box;

use crate::measured_pools::{BLOCKS, MeasuredPool};
use crate::stepper::count;

/// Fewest and most instructions of one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) least: u64,
    pub(crate) most: u64,
}

impl Range {
    const NOTHING: Self = Self { least: u64::MAX, most: 0 };

    pub(crate) fn join(self, other: Self) -> Self {
        Self { least: self.least.min(other.least), most: self.most.max(other.most) }
    }

    fn add(&mut self, count: u64) {
        *self = self.join(Self { least: count, most: count });
    }
}

/// The cost of one pattern on one pool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) pattern: &'static str,
    pub(crate) alloc: Range,
    pub(crate) free: Range,
}

impl Cost {
    fn of(pattern: &'static str) -> Self {
        Self { pattern, alloc: Range::NOTHING, free: Range::NOTHING }
    }

    /// Out of line, so that every pattern runs the same instructions around the operation.
    #[inline(never)]
    fn alloc<P: MeasuredPool>(&mut self, pool: &mut P) -> P::Handle {
        let (handle, steps) = count(|| pool.alloc());
        self.alloc.add(steps);
        handle
    }

    #[inline(never)]
    fn free<P: MeasuredPool>(&mut self, pool: &mut P, handle: P::Handle) {
        let ((), steps) = count(|| pool.free(handle));
        self.free.add(steps);
    }
}

/// Instructions of a LIFO pair, loop and calls included: the slope between two numbers of rounds.
pub(crate) fn pair_with_loop<P: MeasuredPool>(new: impl Fn() -> P) -> f64 {
    let mut pool = new();
    // A pool that was used before: the first pair of a new pool is another case.
    warm_up(&mut pool);
    let mut rounds = |rounds: usize| count(|| pairs(&mut pool, rounds)).1;
    (rounds(300) - rounds(100)) as f64 / 200.0
}

#[inline(never)]
fn pairs<P: MeasuredPool>(pool: &mut P, rounds: usize) {
    for _ in 0..rounds {
        let block = pool.alloc();
        pool.free(black_box(block));
    }
}

fn warm_up<P: MeasuredPool>(pool: &mut P) {
    let handles: Vec<_> = (0..BLOCKS).map(|_| pool.alloc()).collect();
    handles.into_iter().for_each(|handle| pool.free(handle));
}

/// Every pattern; the first is on a new pool.
pub(crate) fn costs<P: MeasuredPool>(new: impl Fn() -> P) -> Vec<Cost> {
    let warm = || {
        let mut pool = new();
        warm_up(&mut pool);
        pool
    };
    // One pool at a time, so that the memory of the simulated chip suffices.
    let first = fifo("first fill", &mut new());
    let lifo = lifo(&mut warm());
    let fifo = fifo("fifo", &mut warm());
    let random = random(&mut warm());
    vec![first, lifo, fifo, random, full(&mut warm())]
}

fn lifo<P: MeasuredPool>(pool: &mut P) -> Cost {
    let mut cost = Cost::of("lifo");
    for _ in 0..BLOCKS {
        let handle = cost.alloc(pool);
        cost.free(pool, handle);
    }
    cost
}

fn fifo<P: MeasuredPool>(pattern: &'static str, pool: &mut P) -> Cost {
    let mut cost = Cost::of(pattern);
    let handles: Vec<_> = (0..BLOCKS).map(|_| cost.alloc(pool)).collect();
    handles.into_iter().for_each(|handle| cost.free(pool, handle));
    cost
}

/// Slots are chosen at random from a fixed seed: a block is allocated into an empty slot, or freed from a full one.
fn random<P: MeasuredPool>(pool: &mut P) -> Cost {
    let mut cost = Cost::of("random");
    let mut slots: Vec<Option<P::Handle>> = (0..BLOCKS).map(|_| None).collect();
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    for _ in 0..2 * BLOCKS {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let slot = &mut slots[(state % BLOCKS as u64) as usize];
        match slot.take() {
            Some(handle) => cost.free(pool, handle),
            None => *slot = Some(cost.alloc(pool)),
        }
    }
    slots.into_iter().flatten().for_each(|handle| cost.free(pool, handle));
    cost
}

/// In a full pool, one block after the other is freed and allocated again, the last one first. Each time it is the only
/// free block, and for a pool that searches upwards from the last block that it found, it is the farthest.
fn full<P: MeasuredPool>(pool: &mut P) -> Cost {
    let mut cost = Cost::of("full");
    let mut handles: VecDeque<_> = (0..BLOCKS).map(|_| pool.alloc()).collect();
    for _ in 0..2 * BLOCKS {
        let handle = handles.pop_back().expect("the pool is full");
        cost.free(pool, handle);
        handles.push_front(cost.alloc(pool));
    }
    handles.into_iter().for_each(|handle| cost.free(pool, handle));
    cost
}
