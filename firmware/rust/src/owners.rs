//! What every owner of a block does, and what is known about owners outside of the blocks. For contexts that interrupt
//! each other, or run side by side: whoever finds a rule broken ends the program.

use core::cell::UnsafeCell;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};

use microusc_pool::{AtomicPool, Error, Pool, PoolBox, RawLock, words_for};

use crate::board::{self, println};
use crate::random::Random;

/// Blocks of each pool: more than one word of the lock-free one, and few enough that it runs empty.
pub const BLOCKS: usize = 36;
/// Content of a block.
pub type Block = [u32; 6];
/// Blocks that a context holds at most: two contexts are more than the pool has.
const MOST: usize = 20;

/// A pool under test.
pub trait Shared: Sync + 'static {
    /// Takes a block.
    fn take(&'static self) -> Option<NonNull<Block>>;
    /// Returns it; whether the pool agreed.
    ///
    /// # Safety
    ///
    /// The block is the caller's, who does not use it again.
    unsafe fn give(&self, block: NonNull<Block>) -> bool;
    /// Every block is free, nothing was refused, and the pool is whole.
    fn is_whole(&self) -> bool;
}

impl<L: RawLock + Sync + 'static> Shared for Pool<Block, BLOCKS, L> {
    fn take(&'static self) -> Option<NonNull<Block>> {
        self.alloc_uninit().ok().map(|lease| PoolBox::into_raw(lease).cast())
    }
    unsafe fn give(&self, block: NonNull<Block>) -> bool {
        // SAFETY: as the caller promises.
        unsafe { self.free_raw(block.as_ptr()) }.is_ok()
    }
    fn is_whole(&self) -> bool {
        let stats = self.stats();
        (stats.free, stats.refused, stats.damaged) == (BLOCKS, 0, 0) && self.validate() == Ok::<(), Error>(())
    }
}

impl Shared for AtomicPool<Block, BLOCKS, { words_for(BLOCKS) }> {
    fn take(&'static self) -> Option<NonNull<Block>> {
        self.alloc_uninit().ok().map(|lease| PoolBox::into_raw(lease).cast())
    }
    unsafe fn give(&self, block: NonNull<Block>) -> bool {
        // SAFETY: as the caller promises.
        unsafe { self.free_raw(block.as_ptr()) }.is_ok()
    }
    fn is_whole(&self) -> bool {
        let stats = self.stats();
        (stats.free, stats.refused) == (BLOCKS, 0)
    }
}

/// Ends the program.
pub fn broken(rule: &str) -> ! {
    println!("broken: {rule}");
    board::exit(board::BROKEN)
}

/// Who owns each block; 0 is nobody.
static OWNERS: [AtomicU32; BLOCKS] = [const { AtomicU32::new(0) }; BLOCKS];
/// Address of the first block of the pool under test.
static FIRST: AtomicUsize = AtomicUsize::new(0);

/// Learns where the blocks are: takes each once and returns it.
pub fn learn(pool: &'static impl Shared) {
    let mut blocks = [None; BLOCKS];
    blocks.fill_with(|| pool.take());
    let first = blocks.iter().flatten().map(|block| block.addr().get()).min();
    FIRST.store(first.unwrap_or(0), Relaxed);
    for block in blocks {
        let Some(block) = block else { broken("fewer blocks than a new pool has") };
        // SAFETY: taken above.
        if !unsafe { pool.give(block) } {
            broken("a right free was refused");
        }
    }
}

fn owner_of(block: NonNull<Block>) -> &'static AtomicU32 {
    let offset = block.addr().get().wrapping_sub(FIRST.load(Relaxed));
    match OWNERS.get(offset / size_of::<Block>()) {
        Some(owner) if offset.is_multiple_of(size_of::<Block>()) => owner,
        _ => broken("an address that is no block"),
    }
}

/// One context that takes and returns blocks.
pub struct Owner {
    /// In the upper byte; below it counts what was taken.
    name: u32,
    random: Random,
    held: [Option<NonNull<Block>>; MOST],
    count: usize,
}

impl Owner {
    /// A context of that number, which is not 0.
    pub const fn new(number: u8) -> Self {
        let name = (number as u32) << 24;
        Self { name, random: Random::new(name ^ 0x1E37_79B9), held: [None; MOST], count: 0 }
    }

    fn take(&mut self, pool: &'static impl Shared) {
        if self.count == MOST {
            return;
        }
        let Some(block) = pool.take() else { return };
        self.name += 1;
        let owner = owner_of(block);
        if owner.load(Relaxed) != 0 {
            broken("a block with two owners");
        }
        owner.store(self.name, Relaxed);
        // SAFETY: just taken, so this context's own. Volatile, so that it happens now.
        unsafe { block.write_volatile(content(self.name)) };
        self.held[self.count] = Some(block);
        self.count += 1;
    }

    fn give(&mut self, pool: &'static impl Shared, which: usize) {
        let Some(last) = self.count.checked_sub(1) else { return };
        self.held.swap(which % self.count, last);
        self.count = last;
        let Some(block) = self.held[last].take() else { return };
        let owner = owner_of(block);
        let name = owner.load(Relaxed);
        if name >> 24 != self.name >> 24 {
            broken("a block whose owner changed");
        }
        // SAFETY: this context's own, which filled it.
        if unsafe { block.read_volatile() } != content(name) {
            broken("an owner's bytes were changed");
        }
        owner.store(0, Relaxed);
        // SAFETY: this context's own, and forgotten.
        if !unsafe { pool.give(block) } {
            broken("a right free was refused");
        }
    }

    /// Takes and returns some blocks, more of the one or of the other by chance.
    pub fn work(&mut self, pool: &'static impl Shared) {
        let chance = self.random.next().unwrap_or(0);
        for turn in 0..1 + (chance & 3) {
            if chance >> (8 + turn) & 1 != 0 {
                self.take(pool);
            } else {
                self.give(pool, (chance >> 16) as usize);
            }
        }
    }

    /// Returns all that it holds.
    pub fn finish(&mut self, pool: &'static impl Shared) {
        while self.count > 0 {
            self.give(pool, 0);
        }
    }
}

fn content(name: u32) -> Block {
    core::array::from_fn(|word| name ^ (word as u32) << 20)
}

/// When every context has stopped.
pub fn conclude(pool: &'static impl Shared, what: &str) {
    if !pool.is_whole() {
        broken("a block was lost, or the pool is damaged");
    }
    println!("{what}: every block had one owner at a time, and came back");
}

/// An owner that one context at a time uses: the interrupt of one core, or whoever comes after its timer has stopped.
pub struct Alone(UnsafeCell<Owner>);

// SAFETY: used by one context at a time, as `with` asks.
unsafe impl Sync for Alone {}

impl Alone {
    /// A context of that number.
    pub const fn new(number: u8) -> Self {
        Self(UnsafeCell::new(Owner::new(number)))
    }

    /// # Safety
    ///
    /// No other context is in this function for the same owner.
    pub unsafe fn with<R>(&self, work: impl FnOnce(&mut Owner) -> R) -> R {
        // SAFETY: as the caller promises.
        work(unsafe { &mut *self.0.get() })
    }
}
