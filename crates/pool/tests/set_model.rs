//! Sets against a shadow of their books, on random programs of right and wrong operations.

use std::collections::BTreeMap;
use std::mem::MaybeUninit;
use std::ptr::{NonNull, null_mut, without_provenance_mut};

use microusc_pool::{DynPool, Error, NoLock, Owns, PoolSet, SizeClass};
use proptest::prelude::*;

const ALIGN: usize = 16;
const STRIDES: [usize; 4] = [16, 48, 64, 256];
const CLASSES: [SizeClass; 4] = [
    SizeClass { block_size: 9, blocks: 3 },
    SizeClass { block_size: 48, blocks: 2 },
    SizeClass { block_size: 50, blocks: 5 },
    SizeClass { block_size: 256, blocks: 1 },
];

type Set<'m> = PoolSet<'m, 4, NoLock>;

#[derive(Clone, Debug)]
enum Op {
    Alloc(usize, u32),
    Free(usize),
    Realloc(usize, usize),
    FreeAgain(usize),
    ReallocAgain(usize, usize),
    FreeInside(usize, usize),
    FreeNeverTaken(usize, usize),
    FreeAnywhere(usize),
    Usable(usize),
}

fn op() -> impl Strategy<Value = Op> {
    let size = prop_oneof![6 => 0..=70usize, 1 => 0..=300usize, 1 => any::<usize>()];
    let pick = any::<usize>;
    prop_oneof![
        12 => (size.clone(), 0..6u32).prop_map(|(size, log)| Op::Alloc(size, log)),
        6 => pick().prop_map(Op::Free),
        5 => (pick(), size.clone()).prop_map(|(at, size)| Op::Realloc(at, size)),
        1 => pick().prop_map(Op::FreeAgain),
        1 => (pick(), size).prop_map(|(at, size)| Op::ReallocAgain(at, size)),
        1 => (pick(), 1..256usize).prop_map(|(at, by)| Op::FreeInside(at, by)),
        1 => (pick(), pick()).prop_map(|(rank, at)| Op::FreeNeverTaken(rank, at)),
        1 => pick().prop_map(Op::FreeAnywhere),
        1 => pick().prop_map(Op::Usable),
    ]
}

struct Owned {
    block: NonNull<u8>,
    rank: usize,
    seal: u8,
}

/// What a set must do and say.
struct Shadow<'s> {
    set: &'s Set<'s>,
    spill: bool,
    live: BTreeMap<usize, Owned>,
    freed: Vec<*mut u8>,
    used: [usize; 4],
    most_used: [usize; 4],
    misses: [u32; 4],
    spilled_in: [u32; 4],
    refused_by: [u32; 4],
    refused: u32,
    no_class: u32,
    seals: u8,
}

impl<'s> Shadow<'s> {
    fn new(set: &'s Set<'s>, spill: bool) -> Self {
        Self {
            set,
            spill,
            live: BTreeMap::new(),
            freed: Vec::new(),
            used: [0; 4],
            most_used: [0; 4],
            misses: [0; 4],
            spilled_in: [0; 4],
            refused_by: [0; 4],
            refused: 0,
            no_class: 0,
            seals: 0,
        }
    }

    /// Which class must serve a request, or why none does.
    fn expect(&mut self, size: usize, align: usize) -> Result<usize, Error> {
        let Some(rank) = STRIDES.iter().position(|stride| *stride >= size).filter(|_| align <= ALIGN) else {
            self.no_class += 1;
            return Err(Error::NoClass);
        };
        if self.used[rank] < CLASSES[rank].blocks {
            return Ok(rank);
        }
        self.misses[rank] += 1;
        if self.spill && rank < 3 {
            if self.used[rank + 1] < CLASSES[rank + 1].blocks {
                self.spilled_in[rank + 1] += 1;
                return Ok(rank + 1);
            }
            self.misses[rank + 1] += 1;
        }
        Err(Error::Exhausted)
    }

    fn base(&self, rank: usize) -> usize {
        self.set.pool(rank).unwrap().base().addr().get()
    }

    fn class_at(&self, address: usize) -> Option<usize> {
        (0..4).find(|&rank| {
            (self.base(rank)..self.base(rank) + STRIDES[rank] * CLASSES[rank].blocks).contains(&address)
        })
    }

    /// A block came from the set: it is new, aligned, of the right class, and nobody else's.
    fn enter(&mut self, block: NonNull<u8>, rank: usize) {
        let start = block.addr().get();
        assert!(start.is_multiple_of(ALIGN), "misaligned");
        assert_eq!(self.class_at(start), Some(rank), "a block of the wrong class");
        assert_eq!((start - self.base(rank)) % STRIDES[rank], 0, "off the stride");
        let before = self.live.range(..=start).next_back();
        assert!(before.is_none_or(|(at, owned)| at + STRIDES[owned.rank] <= start), "two owners");
        let after = self.live.range(start..).next();
        assert!(after.is_none_or(|(at, _)| start + STRIDES[rank] <= *at), "two owners");
        self.seals = self.seals.wrapping_add(1);
        // SAFETY: the block is ours, for all of its stride.
        unsafe { block.write_bytes(self.seals, STRIDES[rank]) };
        self.freed.retain(|freed| *freed != block.as_ptr());
        self.live.insert(start, Owned { block, rank, seal: self.seals });
        self.used[rank] += 1;
        self.most_used[rank] = self.most_used[rank].max(self.used[rank]);
    }

    fn pick(&self, at: usize) -> Option<usize> {
        self.live.keys().nth(at % self.live.len().max(1)).copied()
    }

    fn leave(&mut self, key: usize) -> Owned {
        let owned = self.live.remove(&key).unwrap();
        self.used[owned.rank] -= 1;
        self.freed.push(owned.block.as_ptr());
        owned
    }

    fn holds(block: NonNull<u8>, bytes: usize, seal: u8) -> bool {
        // SAFETY: called with blocks of ours, which were filled.
        (0..bytes).all(|at| unsafe { block.add(at).read() } == seal)
    }

    fn refuse(&mut self, block: *mut u8, expected: Error) {
        match self.class_at(block.addr()) {
            Some(rank) => self.refused_by[rank] += 1,
            None => self.refused += 1,
        }
        // SAFETY: no block in use, so nobody's.
        assert_eq!(unsafe { self.set.free_raw(block) }, Err(expected));
        assert_eq!(self.set.usable_size(block), None);
        assert!(!self.set.owns(block));
    }

    fn step(&mut self, op: Op) {
        match op {
            Op::Alloc(size, log) => {
                let expected = self.expect(size, 1 << log);
                match self.set.alloc_raw(size, 1 << log) {
                    Ok(block) => self.enter(block, expected.expect("a request that must fail was served")),
                    Err(error) => assert_eq!(expected, Err(error)),
                }
            }
            Op::Free(at) => {
                let Some(key) = self.pick(at) else { return };
                let owned = self.leave(key);
                assert!(Self::holds(owned.block, STRIDES[owned.rank], owned.seal), "contents changed");
                // SAFETY: ours, and forgotten.
                assert_eq!(unsafe { self.set.free_raw(owned.block.as_ptr()) }, Ok(()));
            }
            Op::Realloc(at, size) => self.realloc(at, size),
            Op::FreeAgain(at) => {
                let Some(&block) = self.freed.get(at % self.freed.len().max(1)) else { return };
                self.refuse(block, Error::DoubleFree);
            }
            Op::ReallocAgain(at, size) => {
                let Some(&block) = self.freed.get(at % self.freed.len().max(1)) else { return };
                self.refused += 1;
                // SAFETY: no block in use, so nobody's.
                assert_eq!(unsafe { self.set.realloc_raw(block, size, 1) }, Err(Error::DoubleFree));
                let mut variable = 0u64;
                self.refused += 1;
                // SAFETY: not of the set.
                let answer = unsafe { self.set.realloc_raw((&raw mut variable).cast(), size, 1) };
                assert_eq!(answer, Err(Error::NotABlock));
            }
            Op::FreeInside(at, by) => {
                let Some(key) = self.pick(at) else { return };
                let Owned { block, rank, .. } = self.live[&key];
                let by = 1 + by % (STRIDES[rank] - 1);
                self.refuse(block.as_ptr().wrapping_add(by), Error::NotABlock);
            }
            Op::FreeNeverTaken(rank, at) => {
                let rank = rank % 4;
                let offset = at % CLASSES[rank].blocks * STRIDES[rank];
                let block = self.set.pool(rank).unwrap().base().as_ptr().wrapping_add(offset);
                if !self.live.contains_key(&block.addr()) {
                    self.refuse(block, Error::DoubleFree);
                }
            }
            Op::FreeAnywhere(at) => {
                let (first, last) = (self.base(0), self.base(3) + STRIDES[3]);
                let mut variable = 0u8;
                let anywhere = [null_mut(), &raw mut variable, without_provenance_mut(at)];
                // The marks behind each class, and just outside of the memory.
                let marks: [usize; 4] =
                    std::array::from_fn(|rank| self.base(rank) + STRIDES[rank] * CLASSES[rank].blocks);
                let near = marks.into_iter().chain([first - 1, last + 1]).map(without_provenance_mut);
                for address in anywhere.into_iter().chain(near) {
                    if self.class_at(address.addr()).is_none() {
                        self.refuse(address, Error::NotABlock);
                    }
                }
            }
            Op::Usable(at) => {
                let Some(key) = self.pick(at) else { return };
                let Owned { block, rank, .. } = self.live[&key];
                assert_eq!(self.set.usable_size(block.as_ptr()), Some(STRIDES[rank]));
                assert!(self.set.owns(block.as_ptr()));
                assert_eq!(self.set.usable_size(block.as_ptr().wrapping_add(1)), None);
            }
        }
    }

    fn realloc(&mut self, at: usize, size: usize) {
        let Some(key) = self.pick(at) else { return };
        let Owned { block, rank, seal } = self.live[&key];
        let fits = size <= STRIDES[rank];
        let expected = if fits { Ok(rank) } else { self.expect(size, 8) };
        // SAFETY: ours; another one returned replaces it.
        match unsafe { self.set.realloc_raw(block.as_ptr(), size, 8) } {
            Ok(new) => {
                assert_eq!(new == block, fits, "moved, though it fits, or not, though it does not");
                assert!(Self::holds(new, STRIDES[rank], seal), "contents lost on the way");
                let rank = expected.expect("a request that must fail was served");
                if !fits {
                    let old = self.leave(key);
                    self.enter(new, rank);
                    self.refuse(old.block.as_ptr(), Error::DoubleFree);
                }
            }
            Err(error) => {
                assert_eq!(expected, Err(error));
                assert!(Self::holds(block, STRIDES[rank], seal), "a refused move changed the block");
                assert_eq!(self.set.usable_size(block.as_ptr()), Some(STRIDES[rank]));
            }
        }
    }

    fn audit(&self) {
        let stats = self.set.stats();
        for (rank, class) in stats.classes.iter().enumerate() {
            assert_eq!(class.pool.stride_bytes, STRIDES[rank]);
            assert_eq!(class.pool.capacity, CLASSES[rank].blocks);
            assert_eq!(class.pool.used(), self.used[rank], "used of class {rank}");
            assert_eq!(class.pool.lowest_free, CLASSES[rank].blocks - self.most_used[rank]);
            assert_eq!(class.misses(), self.misses[rank], "misses of class {rank}");
            assert_eq!(class.spilled_in, self.spilled_in[rank], "spilled into class {rank}");
            assert_eq!(class.pool.refused, self.refused_by[rank], "refused by class {rank}");
        }
        assert_eq!((stats.refused, stats.no_class), (self.refused, self.no_class));
    }

    fn run(&mut self, program: Vec<Op>) {
        for op in program {
            self.step(op);
            self.audit();
        }
        while let Some(key) = self.pick(0) {
            self.step(Op::Free(0));
            assert!(!self.live.contains_key(&key));
        }
        self.audit();
        for rank in 0..4 {
            assert_eq!(self.set.pool(rank).unwrap().validate(), Ok(()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 256 }, ..ProptestConfig::default() })]

    #[test]
    fn one_memory(
        program in proptest::collection::vec(op(), 0..300),
        spill in any::<bool>(),
        offset in 0..64usize,
    ) {
        let mut memory = [MaybeUninit::uninit(); Set::bytes_for(ALIGN, &CLASSES) + 64];
        let set = Set::new(&mut memory[offset..], ALIGN, &CLASSES).unwrap().with_spill(spill);
        prop_assert!(set.align() >= ALIGN);
        Shadow::new(&set, spill).run(program);
    }

    #[test]
    fn memories_in_any_order(
        program in proptest::collection::vec(op(), 0..300),
        spill in any::<bool>(),
        order in Just([0usize, 1, 2, 3]).prop_shuffle(),
    ) {
        // Pages of one array, so that the order of the classes' addresses is the one chosen.
        let mut memory = [const { Page([MaybeUninit::uninit(); 512]) }; 4];
        let mut pages: Vec<_> = memory.iter_mut().map(|page| Some(&mut page.0)).collect();
        let pools = std::array::from_fn(|rank| {
            let SizeClass { block_size, blocks } = CLASSES[rank];
            let room = pages[order[rank]].take().unwrap();
            DynPool::new(&mut room[..blocks * (STRIDES[rank] + 1)], block_size, ALIGN).unwrap()
        });
        let set = Set::over(pools).unwrap().with_spill(spill);
        prop_assert_eq!(set.align(), ALIGN);
        Shadow::new(&set, spill).run(program);
    }
}

#[repr(align(512))]
#[derive(Clone, Copy)]
struct Page([MaybeUninit<u8>; 512]);
