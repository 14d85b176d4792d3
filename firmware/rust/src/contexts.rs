//! Contexts that use one pool at once: main loops and interrupts, on one core or two. A context that finds a rule broken ends
//! the program.

use core::cell::UnsafeCell;
use core::ptr::NonNull;

use microusc_testkit::owner_table::{Broken, Content};
use microusc_testkit::{OwnerTable, Random, SharedPool};

use crate::board::{self, println};

/// Blocks of each pool: more than one word of the lock-free pool, and few enough that it becomes exhausted.
pub const BLOCKS: usize = 36;
/// Words of a block.
const WORDS: usize = 6;
/// The content of a block.
pub type Block = Content<WORDS>;
/// The most blocks that a context owns: two contexts want more than the pool has.
const MOST_OWNED: usize = 20;

static OWNERS: OwnerTable<BLOCKS, WORDS> = OwnerTable::new();

/// Ends the program.
pub fn broken(rule: Broken) -> ! {
    println!("broken: {rule}");
    board::exit(board::BROKEN)
}

fn must_hold<R>(checked: Result<R, Broken>) -> R {
    checked.unwrap_or_else(|rule| broken(rule))
}

/// Learns where the blocks are. No other context uses the pool.
pub fn learn(pool: impl SharedPool) {
    must_hold(OWNERS.learn(pool));
}

/// A context that allocates and frees blocks.
pub struct Context {
    /// The number of the context in the upper byte; below it counts the allocations.
    owner: usize,
    random: Random,
    owned: [Option<NonNull<u8>>; MOST_OWNED],
    count: usize,
}

impl Context {
    /// The context of this number, which is not 0.
    pub const fn new(number: u8) -> Self {
        let owner = (number as usize) << (usize::BITS - 8);
        Self { owner, random: Random::new(owner as u32 ^ 0x1E37_79B9), owned: [None; MOST_OWNED], count: 0 }
    }

    fn alloc(&mut self, pool: impl SharedPool) {
        if self.count == MOST_OWNED {
            return;
        }
        self.owner += 1;
        let Some(block) = must_hold(OWNERS.alloc(pool, self.owner)) else { return };
        self.owned[self.count] = Some(block);
        self.count += 1;
    }

    fn free(&mut self, pool: impl SharedPool, which: usize) {
        let Some(last) = self.count.checked_sub(1) else { return };
        self.owned.swap(which % self.count, last);
        self.count = last;
        let Some(block) = self.owned[last].take() else { return };
        let number = |owner: usize| owner >> (usize::BITS - 8);
        let is_this = |owner| number(owner) == number(self.owner);
        // SAFETY: the block is from `alloc`, and was owned by this context until now.
        must_hold(unsafe { OWNERS.free(pool, block, is_this) });
    }

    /// Allocates and frees some blocks at random.
    pub fn work(&mut self, pool: impl SharedPool) {
        let chance = self.random.draw();
        for turn in 0..1 + (chance & 3) {
            if chance >> (8 + turn) & 1 != 0 {
                self.alloc(pool);
            } else {
                self.free(pool, (chance >> 16) as usize);
            }
        }
    }

    /// Frees all that it owns.
    pub fn finish(&mut self, pool: impl SharedPool) {
        while self.count > 0 {
            self.free(pool, 0);
        }
    }
}

/// Checks the pool when every context has stopped.
pub fn conclude(pool: impl SharedPool, what: &str) {
    if !pool.is_whole() {
        broken("a block was lost, or the pool is damaged");
    }
    println!("{what}: every block had one owner at a time, and came back");
}

/// A context in a static: that of the interrupt of one core, and of the main loop after the timer has stopped.
pub struct InterruptContext(UnsafeCell<Context>);

// SAFETY: used by one context at a time, as `with` requires.
unsafe impl Sync for InterruptContext {}

impl InterruptContext {
    /// The context of this number.
    pub const fn new(number: u8) -> Self {
        Self(UnsafeCell::new(Context::new(number)))
    }

    /// # Safety
    ///
    /// Nothing else is in this function for the same context.
    pub unsafe fn with<R>(&self, work: impl FnOnce(&mut Context) -> R) -> R {
        // SAFETY: as the caller promises.
        work(unsafe { &mut *self.0.get() })
    }
}
