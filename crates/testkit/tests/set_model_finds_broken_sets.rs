//! The model of a set finds each of the sets below, which are broken on purpose, each in one way.

#[macro_use]
mod flaws;

use std::ptr::NonNull;

use microusc_testkit::{
    ClassCounts, Random, Refusal, SetCounts, SetModel, SetOperation, SetUnderTest, Violation,
};

// The ways in which the set below can be broken.
flaws! {
    AnyClassThatFits,
    SpillsTwoUp,
    SpillsUnasked,
    ForgetsMisses,
    ForgetsSpills,
    AcceptsDoubleFree,
    ReportsDoubleFreeAsNotABlock,
    AcceptsAddressesOutside,
    CountsAddressesOutsideInAClass,
    MovesThoughItFits,
    LosesContent,
    KeepsTheOldBlock,
    UsableIsOfTheNextClass,
    ServesTheTooLarge,
    IsNeverWhole,
}

const STRIDES: [usize; 3] = [16, 64, 256];
const BLOCKS: [usize; 3] = [3, 2, 2];
/// From one class to the next, bytes.
const PAGE: usize = 512;

/// A set of the simplest form, which keeps everything beside the blocks.
struct BrokenSet {
    memory: Vec<u64>,
    live: [[bool; 3]; 3],
    counts: SetCounts,
    spill: bool,
    flaw: Flaw,
}

impl BrokenSet {
    fn new(flaw: Flaw) -> Self {
        let classes = (0..3).map(|rank| ClassCounts {
            stride_bytes: STRIDES[rank],
            capacity: BLOCKS[rank],
            used: 0,
            lowest_free: BLOCKS[rank],
            misses: 0,
            spilled_in: 0,
            refused: 0,
        });
        let counts = SetCounts { classes: classes.collect(), no_class: 0, refused: 0 };
        Self { memory: vec![0; 3 * PAGE / 8], live: [[false; 3]; 3], counts, spill: false, flaw }
    }

    fn block(&mut self, rank: usize, index: usize) -> NonNull<u8> {
        NonNull::new(self.base(rank).wrapping_add(index * STRIDES[rank])).unwrap()
    }

    /// Class and index of a block; the class alone for an address inside a block; or neither.
    fn find(&mut self, address: *mut u8) -> (Option<usize>, Option<usize>) {
        let offset = address.addr().wrapping_sub(self.base(0).addr());
        let (rank, within) = (offset / PAGE, offset % PAGE);
        if rank >= 3 || within >= STRIDES[rank] * BLOCKS[rank] {
            return (None, None);
        }
        (Some(rank), within.is_multiple_of(STRIDES[rank]).then_some(within / STRIDES[rank]))
    }

    fn refuse(&mut self, rank: Option<usize>, refusal: Refusal) -> Result<(), Refusal> {
        match rank {
            Some(rank) => self.counts.classes[rank].refused += 1,
            None if self.flaw == Flaw::AcceptsAddressesOutside => return Ok(()),
            None if self.flaw == Flaw::CountsAddressesOutsideInAClass => self.counts.classes[0].refused += 1,
            None => self.counts.refused += 1,
        }
        Err(if self.flaw == Flaw::ReportsDoubleFreeAsNotABlock { Refusal::NotABlock } else { refusal })
    }
}

impl SetUnderTest for BrokenSet {
    const ALIGN: Option<usize> = None;

    fn alloc(&mut self, size: usize, _: usize) -> Result<NonNull<u8>, Refusal> {
        let Some(first) = STRIDES.iter().position(|stride| *stride >= size) else {
            if self.flaw == Flaw::ServesTheTooLarge {
                return Ok(self.block(2, 0));
            }
            self.counts.no_class += 1;
            return Err(Refusal::NoClass);
        };
        let steps = match self.flaw {
            Flaw::SpillsTwoUp if self.spill => 3,
            Flaw::SpillsUnasked => 2,
            _ => 1 + usize::from(self.spill),
        };
        let mut ranks: Vec<_> = (first..3).take(steps).collect();
        if self.flaw == Flaw::AnyClassThatFits {
            ranks.reverse();
        }
        for rank in ranks {
            if let Some(index) = (0..BLOCKS[rank]).find(|&index| !self.live[rank][index]) {
                self.live[rank][index] = true;
                let class = &mut self.counts.classes[rank];
                class.used += 1;
                class.lowest_free = class.lowest_free.min(class.capacity - class.used);
                class.spilled_in += u32::from(rank > first && self.flaw != Flaw::ForgetsSpills);
                return Ok(self.block(rank, index));
            }
            self.counts.classes[rank].misses += u32::from(self.flaw != Flaw::ForgetsMisses);
        }
        Err(Refusal::Exhausted)
    }

    unsafe fn free(&mut self, block: *mut u8) -> Result<(), Refusal> {
        let (Some(rank), Some(index)) = self.find(block) else {
            let rank = self.find(block).0;
            return self.refuse(rank, Refusal::NotABlock);
        };
        if !std::mem::replace(&mut self.live[rank][index], false) {
            if self.flaw == Flaw::AcceptsDoubleFree {
                return Ok(());
            }
            return self.refuse(Some(rank), Refusal::DoubleFree);
        }
        self.counts.classes[rank].used -= 1;
        Ok(())
    }

    unsafe fn realloc(&mut self, block: *mut u8, size: usize) -> Result<NonNull<u8>, Option<Refusal>> {
        let (rank, usable) = match (self.find(block).0, self.usable_size(block)) {
            (Some(rank), Some(_)) => (rank, STRIDES[rank]),
            (rank, _) => {
                self.counts.refused += 1;
                return Err(Some(if rank.is_some() { Refusal::DoubleFree } else { Refusal::NotABlock }));
            }
        };
        if size <= usable && self.flaw != Flaw::MovesThoughItFits {
            return Ok(NonNull::new(block).unwrap());
        }
        let new = self.alloc(size.max(usable), 1).map_err(Some)?;
        if self.flaw != Flaw::LosesContent {
            // SAFETY: both are blocks of at least that many bytes in `memory`. With a flaw they may be the same block.
            unsafe { new.as_ptr().copy_from(block, STRIDES[rank]) };
        }
        if self.flaw != Flaw::KeepsTheOldBlock {
            // SAFETY: a live block that the caller gives up.
            unsafe { self.free(block) }.map_err(Some)?;
        }
        Ok(new)
    }

    fn usable_size(&mut self, block: *mut u8) -> Option<usize> {
        let (Some(rank), Some(index)) = self.find(block) else { return None };
        let wrong = usize::from(self.flaw == Flaw::UsableIsOfTheNextClass && rank < 2);
        self.live[rank][index].then_some(STRIDES[rank + wrong])
    }

    fn set_spill(&mut self, spill: bool) {
        self.spill = spill;
    }

    fn base(&mut self, rank: usize) -> *mut u8 {
        self.memory.as_mut_ptr().cast::<u8>().wrapping_add(rank * PAGE)
    }

    fn counts(&mut self) -> SetCounts {
        self.counts.clone()
    }

    fn validate(&mut self) -> bool {
        self.flaw != Flaw::IsNeverWhole
    }
}

/// A few thousand operations from a fixed seed.
fn check(flaw: Flaw) -> Result<(), Violation<SetOperation>> {
    let mut set = BrokenSet::new(flaw);
    let mut model = SetModel::new(&mut set);
    let mut bytes = Random::new(0x2545_F491).bytes();
    for _ in 0..5000 {
        model.step(&mut set, SetOperation::read(&mut bytes).unwrap())?;
    }
    model.drain(&mut set)
}

#[test]
fn correct_set_passes() {
    assert_eq!(check(Flaw::None), Ok(()));
}

#[test]
fn every_flaw_is_found() {
    for &flaw in Flaw::ALL {
        let violation = check(flaw).expect_err(&format!("{flaw:?} was not found"));
        println!("{flaw:?}: {violation}");
    }
}
