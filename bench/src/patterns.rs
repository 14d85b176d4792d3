//! The order in which blocks are taken and returned.

use std::collections::VecDeque;
use std::hint::black_box;

use crate::stepper::count;
use crate::subjects::{BLOCKS, Subject};

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

/// One pattern of one subject.
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
    fn alloc<S: Subject>(&mut self, subject: &mut S) -> S::Handle {
        let (handle, steps) = count(|| subject.alloc());
        self.alloc.add(steps);
        handle
    }

    #[inline(never)]
    fn free<S: Subject>(&mut self, subject: &mut S, handle: S::Handle) {
        let ((), steps) = count(|| subject.free(handle));
        self.free.add(steps);
    }
}

/// Instructions a LIFO pair, the loop and the calls included: the slope between two numbers of rounds.
pub(crate) fn pair_with_loop<S: Subject>(new: impl Fn() -> S) -> f64 {
    let mut subject = new();
    // The first pair finds a new pool; it is the hundredth that is of interest.
    warm_up(&mut subject);
    let mut rounds = |rounds: usize| count(|| pairs(&mut subject, rounds)).1;
    (rounds(300) - rounds(100)) as f64 / 200.0
}

#[inline(never)]
fn pairs<S: Subject>(subject: &mut S, rounds: usize) {
    for _ in 0..rounds {
        let block = subject.alloc();
        subject.free(black_box(block));
    }
}

fn warm_up<S: Subject>(subject: &mut S) {
    let handles: Vec<_> = (0..BLOCKS).map(|_| subject.alloc()).collect();
    handles.into_iter().for_each(|handle| subject.free(handle));
}

/// Every operation of every pattern; the first is that of a new pool.
pub(crate) fn costs<S: Subject>(new: impl Fn() -> S) -> Vec<Cost> {
    let warm = || {
        let mut subject = new();
        warm_up(&mut subject);
        subject
    };
    // One at a time, so that a chip's memory has room for each.
    let first = fifo("first fill", &mut new());
    let lifo = lifo(&mut warm());
    let fifo = fifo("fifo", &mut warm());
    let random = random(&mut warm());
    vec![first, lifo, fifo, random, full(&mut warm())]
}

fn lifo<S: Subject>(subject: &mut S) -> Cost {
    let mut cost = Cost::of("lifo");
    for _ in 0..BLOCKS {
        let handle = cost.alloc(subject);
        cost.free(subject, handle);
    }
    cost
}

fn fifo<S: Subject>(pattern: &'static str, subject: &mut S) -> Cost {
    let mut cost = Cost::of(pattern);
    let handles: Vec<_> = (0..BLOCKS).map(|_| cost.alloc(subject)).collect();
    handles.into_iter().for_each(|handle| cost.free(subject, handle));
    cost
}

/// Slots in a fixed random order; each turn takes a block into an empty slot, or returns that of a full one.
fn random<S: Subject>(subject: &mut S) -> Cost {
    let mut cost = Cost::of("random");
    let mut slots: Vec<Option<S::Handle>> = (0..BLOCKS).map(|_| None).collect();
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    for _ in 0..2 * BLOCKS {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let slot = &mut slots[(state % BLOCKS as u64) as usize];
        match slot.take() {
            Some(handle) => cost.free(subject, handle),
            None => *slot = Some(cost.alloc(subject)),
        }
    }
    slots.into_iter().flatten().for_each(|handle| cost.free(subject, handle));
    cost
}

/// In a full pool, one block after the other is returned and taken again, the last first: each time it is the only one
/// there is, and for a pool that looks upwards from where it last found one, time and again the farthest.
fn full<S: Subject>(subject: &mut S) -> Cost {
    let mut cost = Cost::of("full");
    let mut handles: VecDeque<_> = (0..BLOCKS).map(|_| subject.alloc()).collect();
    for _ in 0..2 * BLOCKS {
        let handle = handles.pop_back().expect("it is full");
        cost.free(subject, handle);
        handles.push_front(cost.alloc(subject));
    }
    handles.into_iter().for_each(|handle| cost.free(subject, handle));
    cost
}
