//! Sets: a lock for each class and one for the set's own counters, in every interleaving of two threads with spill.

use microusc_pool::{GlobalSet, NoFallback, PoolSet, SizeClass};

use super::*;

/// A set of two classes of one block each, whose blocks are watched.
struct WatchedSet<L: RawLock + 'static> {
    set: PoolSet<'static, 2, L>,
    content: [UnsafeCell<u32>; 2],
    memory: *mut [MaybeUninit<usize>],
}

const SMALL: usize = LINK_BYTES;
const CLASSES: [SizeClass; 2] =
    [SizeClass { block_size: SMALL, blocks: 1 }, SizeClass { block_size: 2 * SMALL, blocks: 1 }];

// SAFETY: the set is `Sync` as its locks are; loom watches the content.
unsafe impl<L: RawLock + Sync> Sync for WatchedSet<L> {}
// SAFETY: as above.
unsafe impl<L: RawLock + Sync> Send for WatchedSet<L> {}

impl<L: RawLock + Sync> WatchedSet<L> {
    fn new() -> Arc<Self> {
        let words = PoolSet::<2, L>::bytes_for(LINK_BYTES, &CLASSES).div_ceil(LINK_BYTES);
        let memory = Box::into_raw(Box::<[usize]>::new_uninit_slice(words));
        // SAFETY: lives until `drop`, and is used through the set only.
        let bytes = unsafe { std::slice::from_raw_parts_mut(memory.cast(), memory.len() * LINK_BYTES) };
        let set = PoolSet::new(bytes, LINK_BYTES, &CLASSES).unwrap().with_spill(true);
        let watched = Arc::new(Self { set, content: [UnsafeCell::new(0), UnsafeCell::new(0)], memory });
        // What loom watches is made when first used: here, before there are threads.
        watched.all_is_well([0, 0], 0);
        watched
    }

    /// Takes a block of the smaller class, or of the larger one if there is none.
    fn alloc(&self) -> Result<NonNull<u8>, Error> {
        let block = self.set.alloc_raw(1, 1)?;
        self.touch(block);
        Ok(block)
    }

    fn is_spilled(&self, block: NonNull<u8>) -> bool {
        block == self.set.pool(1).unwrap().base()
    }

    /// What an owner does with a block: it writes.
    fn touch(&self, block: NonNull<u8>) {
        let rank = usize::from(self.is_spilled(block));
        assert_eq!(block, self.set.pool(rank).unwrap().base());
        // SAFETY: loom reports a second owner.
        self.content[rank].with_mut(|word| unsafe { *word += 1 });
    }

    fn free(&self, block: NonNull<u8>) -> Result<(), Error> {
        // SAFETY: what is no block in use of the caller's is the misuse under test.
        unsafe { self.set.free_raw(block.as_ptr()) }
    }

    /// Takes a block and returns it; how many were spilled.
    fn pair(&self) -> u32 {
        let Ok(block) = self.alloc() else { return 0 };
        self.touch(block);
        self.free(block).unwrap();
        self.is_spilled(block).into()
    }

    fn all_is_well(&self, used: [usize; 2], spilled: u32) {
        let stats = self.set.stats();
        assert_eq!(
            stats.classes.map(|class| (class.pool.used(), class.pool.damaged)),
            used.map(|used| (used, 0))
        );
        assert_eq!(stats.classes.map(|class| class.spilled_in), [0, spilled]);
        for rank in 0..2 {
            assert_eq!(self.set.pool(rank).unwrap().validate(), Ok(()));
        }
    }
}

impl<L: RawLock> Drop for WatchedSet<L> {
    fn drop(&mut self) {
        // SAFETY: made from a box in `new`; the set is not used again.
        drop(unsafe { Box::from_raw(self.memory) });
    }
}

fn pairs_with_spill<L: RawLock + Sync + 'static>() {
    loom::model(|| {
        let set = WatchedSet::<L>::new();
        let other = set.clone();
        let thread = thread::spawn(move || other.pair());
        let spilled = set.pair();
        set.all_is_well([0, 0], spilled + thread.join().unwrap());
    });
}

#[test]
fn pairs_of_two_threads_with_spill_keep_their_blocks_apart() {
    pairs_with_spill::<SpinLock>();
}

#[test]
fn two_spills_at_once_are_both_counted() {
    loom::model(|| {
        let set = WatchedSet::<SpinLock>::new();
        let held = set.alloc().unwrap();
        let other = set.clone();
        // The smaller class is empty for both: one block for two, so that one is served, or both in turn.
        let thread = thread::spawn(move || other.pair());
        let spilled = set.pair();
        let total = spilled + thread.join().unwrap();
        assert!(total >= 1);
        set.all_is_well([1, 0], total);
        set.free(held).unwrap();
    });
}

#[test]
fn free_beside_an_alloc_that_may_spill_loses_no_block() {
    loom::model(|| {
        let set = WatchedSet::<SpinLock>::new();
        let held = set.alloc().unwrap();
        let other = set.clone();
        let thread = thread::spawn(move || other.alloc().unwrap());
        set.touch(held);
        set.free(held).unwrap();
        let block = thread.join().unwrap();
        let spilled = set.is_spilled(block);
        set.all_is_well(if spilled { [0, 1] } else { [1, 0] }, spilled.into());
        set.free(block).unwrap();
    });
}

#[test]
fn one_of_two_racing_frees_through_a_set_is_refused() {
    loom::model(|| {
        let set = WatchedSet::<SpinLock>::new();
        let block = set.alloc().unwrap();
        let other = set.clone();
        let address = block.as_ptr() as usize;
        let thread = thread::spawn(move || other.free(NonNull::new(address as *mut u8).unwrap()));
        let answers = [set.free(block), thread.join().unwrap()];
        assert!(answers.contains(&Ok(())) && answers.contains(&Err(Error::DoubleFree)));
        assert_eq!(set.set.stats().classes.map(|class| class.pool.refused), [1, 0]);
        set.all_is_well([0, 0], 0);
    });
}

/// A global set is installed while another thread allocates: the other thread finds it complete or not at all.
#[test]
fn global_set_is_found_complete_or_not_at_all() {
    loom::model(|| {
        static NEEDED: usize = PoolSet::<2, SpinLock>::bytes_for(LINK_BYTES, &CLASSES);
        let global: &'static GlobalSet<2, NoFallback, SpinLock> =
            Box::leak(Box::new(GlobalSet::new(NoFallback)));
        let memory = Box::leak(Box::<[usize]>::new_uninit_slice(NEEDED.div_ceil(LINK_BYTES)));
        // SAFETY: lives for ever, and is used through the set only.
        let bytes = unsafe { std::slice::from_raw_parts_mut(memory.as_mut_ptr().cast(), NEEDED) };
        // What loom watches is made when first used: here, before there are threads.
        assert!(global.set().is_none());
        let thread = thread::spawn(move || global.set().map(PoolSet::align));
        global.init(PoolSet::new(bytes, LINK_BYTES, &CLASSES).unwrap()).unwrap();
        assert!(thread.join().unwrap().is_none_or(|align| align == LINK_BYTES));
    });
}

/// What no class serves, and what is in none of them, is counted by the set itself, under a lock of its own.
#[test]
fn two_refusals_at_once_are_both_counted() {
    loom::model(|| {
        let set = WatchedSet::<SpinLock>::new();
        let refuse = |set: &WatchedSet<SpinLock>| {
            assert_eq!(set.set.alloc_raw(3 * SMALL, 1), Err(Error::NoClass));
        };
        let other = set.clone();
        let thread = thread::spawn(move || refuse(&other));
        refuse(&set);
        thread.join().unwrap();
        assert_eq!(set.set.stats().no_class, 2);
    });
}

#[test]
#[should_panic]
fn missing_lock_is_found() {
    pairs_with_spill::<broken::Nothing>();
}

#[test]
#[should_panic]
fn weakened_ordering_is_found() {
    pairs_with_spill::<broken::Relaxed>();
}

#[test]
#[should_panic]
fn lock_acquired_in_two_steps_is_found() {
    pairs_with_spill::<broken::LookThenTake>();
}
