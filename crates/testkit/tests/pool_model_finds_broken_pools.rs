//! The model of a pool finds each of the pools below, which are broken on purpose, each in one way.

#[macro_use]
mod flaws;

use std::ptr::NonNull;

use microusc_testkit::{Counts, Operation, PoolModel, PoolUnderTest, Random, Refusal};

// The ways in which the pool below can be broken.
flaws! {
    CounterOnlyFalls,
    AcceptsDoubleFree,
    AcceptsForeign,
    AcceptsInterior,
    AcceptsNull,
    OneBlockForAll,
    BlocksOverlap,
    OneTooMany,
    ForgetsFailures,
    LowestIsCurrent,
    ReportsDoubleFreeAsNotABlock,
    NeverFindsDamage,
    AlwaysFindsDamage,
}

/// A pool of the simplest form, which keeps everything beside the blocks.
struct BrokenPool {
    memory: Vec<u64>,
    free: Vec<usize>,
    live: Vec<bool>,
    stride: usize,
    lowest: usize,
    exhausted: u32,
    refused: u32,
    flaw: Flaw,
    other: u64,
    /// The first word of each free block at its free.
    links: Vec<u64>,
}

impl BrokenPool {
    fn new(flaw: Flaw, size: usize, count: usize) -> Self {
        let stride = size.next_multiple_of(8);
        Self {
            memory: vec![0; (stride / 8) * (count + 2)],
            free: (0..count).rev().collect(),
            live: vec![false; count + 1],
            stride,
            lowest: count,
            exhausted: 0,
            refused: 0,
            flaw,
            other: 0,
            links: vec![0; count + 1],
        }
    }
    fn capacity(&self) -> usize {
        self.live.len() - 1
    }
    fn block(&mut self, index: usize) -> *mut u64 {
        let distance = if self.flaw == Flaw::BlocksOverlap { self.stride / 8 - 1 } else { self.stride / 8 };
        self.memory.as_mut_ptr().wrapping_add(index * distance)
    }
    fn refuse(&mut self, refusal: Refusal) -> Result<(), Refusal> {
        self.refused += 1;
        Err(refusal)
    }
}

impl PoolUnderTest for BrokenPool {
    fn alloc(&mut self) -> Result<NonNull<u8>, Refusal> {
        if self.flaw == Flaw::OneTooMany && self.free.is_empty() && !self.live[self.capacity()] {
            self.free.push(self.capacity());
        }
        let Some(index) = self.free.pop() else {
            self.exhausted += u32::from(self.flaw != Flaw::ForgetsFailures);
            return Err(Refusal::Exhausted);
        };
        if self.flaw == Flaw::OneBlockForAll {
            self.free.insert(0, index);
        }
        self.live[index] = true;
        self.lowest = self.lowest.min(self.free.len());
        Ok(NonNull::new(self.block(index).cast()).unwrap())
    }

    unsafe fn free(&mut self, block: *mut u8) -> Result<(), Refusal> {
        if block.is_null() && self.flaw == Flaw::AcceptsNull {
            return Ok(());
        }
        let offset = block.addr().wrapping_sub(self.memory.as_ptr().addr());
        if offset >= self.stride * self.capacity() {
            return if self.flaw == Flaw::AcceptsForeign { Ok(()) } else { self.refuse(Refusal::NotABlock) };
        }
        if !offset.is_multiple_of(self.stride) && self.flaw != Flaw::AcceptsInterior {
            return self.refuse(Refusal::NotABlock);
        }
        let index = offset / self.stride;
        if !std::mem::replace(&mut self.live[index], false) && self.flaw != Flaw::AcceptsDoubleFree {
            let refusal = match self.flaw {
                Flaw::ReportsDoubleFreeAsNotABlock => Refusal::NotABlock,
                _ => Refusal::DoubleFree,
            };
            return self.refuse(refusal);
        }
        if self.flaw != Flaw::CounterOnlyFalls {
            self.free.push(index);
        }
        // SAFETY: block `index` is in `memory`.
        self.links[index] = unsafe { self.block(index).read() };
        Ok(())
    }

    fn counts(&mut self) -> Counts {
        let lowest_free = if self.flaw == Flaw::LowestIsCurrent { self.free.len() } else { self.lowest };
        Counts {
            stride_bytes: self.stride,
            capacity: self.capacity(),
            free: self.free.len(),
            lowest_free: Some(lowest_free),
            exhausted: self.exhausted,
            refused: self.refused,
        }
    }

    fn validate(&mut self) -> bool {
        if matches!(self.flaw, Flaw::NeverFindsDamage | Flaw::AlwaysFindsDamage) {
            return self.flaw == Flaw::NeverFindsDamage;
        }
        // SAFETY: each index is in `memory`.
        (0..self.capacity()).all(|i| self.live[i] || unsafe { self.block(i).read() } == self.links[i])
    }

    fn repair(&mut self) -> usize {
        for index in 0..self.capacity() {
            // SAFETY: `index` is in `memory`.
            self.links[index] = unsafe { self.block(index).read() };
        }
        self.free.len()
    }

    fn reset_lowest_free(&mut self) {
        self.lowest = self.free.len();
    }

    fn restart(&mut self, size: usize, count: usize) {
        *self = BrokenPool::new(self.flaw, size, count);
    }

    fn foreign(&mut self) -> *mut u8 {
        (&raw mut self.other).cast()
    }
}

/// A few thousand operations from a fixed seed.
fn check(flaw: Flaw) -> Result<(), microusc_testkit::Violation> {
    let mut pool = BrokenPool::new(flaw, 24, 6);
    let mut model = PoolModel::new(&mut pool);
    let mut bytes = Random::new(0x2545_F491).bytes();
    for _ in 0..5000 {
        model.step(&mut pool, Operation::read(&mut bytes).unwrap())?;
    }
    model.drain(&mut pool)
}

#[test]
fn correct_pool_passes() {
    assert_eq!(check(Flaw::None), Ok(()));
}

#[test]
fn every_flaw_is_found() {
    for &flaw in Flaw::ALL {
        let violation = check(flaw).expect_err(&format!("{flaw:?} was not found"));
        println!("{flaw:?}: {violation}");
    }
}
