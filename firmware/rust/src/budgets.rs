//! Every order of taking and returning blocks, for `cargo xtask budgets`, which counts the instructions of each call.
//! `firmware/programs/budgets.c` is the same for the C functions.

use alloc::boxed::Box;
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::ptr::{NonNull, null_mut};

use microusc_pool::{
    AtomicPool, Checked, Counters, FreeList, Geometry, InterruptLock, Link, NoChecks, NoLock, Pool, PoolBox,
    Unchecked, words_for,
};

use crate::board::{self, println};

const BLOCKS: usize = 40;
type Content = [u32; 8];

/// Blocks are used for the first time from here on. (Not the same code as the next: the linker may merge such.)
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn budget_first() {
    core::hint::black_box(1);
}

/// Blocks are used again from here on.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn budget_again() {
    core::hint::black_box(2);
}

/// A pool whose two operations are functions of their own.
trait Subject: 'static {
    type Lease;
    const NAME: &str;
    /// Bytes besides the blocks and their marks.
    const RAM: usize;
    fn make() -> &'static Self;
    fn take(&'static self) -> Option<Self::Lease>;
    fn give(lease: Self::Lease);
}

// `marks`: bytes of them for each block.
macro_rules! subject {
    ($name:literal, $pool:ty, marks $marks:literal, $alloc:ident, $free:ident) => {
        impl Subject for $pool {
            type Lease = PoolBox<'static, MaybeUninit<Content>, $pool>;
            const NAME: &str = $name;
            const RAM: usize = size_of::<Self>() - BLOCKS * (size_of::<Content>() + $marks);

            fn make() -> &'static Self {
                Box::leak(Box::new(<$pool>::new()))
            }

            #[inline(always)]
            fn take(&'static self) -> Option<Self::Lease> {
                $alloc(self)
            }
            #[inline(always)]
            fn give(lease: Self::Lease) {
                $free(lease);
            }
        }

        #[unsafe(no_mangle)]
        #[inline(never)]
        fn $alloc(pool: &'static $pool) -> Option<PoolBox<'static, MaybeUninit<Content>, $pool>> {
            pool.alloc_uninit().ok()
        }

        #[unsafe(no_mangle)]
        #[inline(never)]
        fn $free(lease: PoolBox<'static, MaybeUninit<Content>, $pool>) {
            drop(lease);
        }
    };
}

type Locked = Pool<Content, BLOCKS, InterruptLock, Checked>;
type Plain = Pool<Content, BLOCKS, NoLock, Unchecked>;
type LockFree = AtomicPool<Content, BLOCKS, { words_for(BLOCKS) }>;

subject!("locked", Locked, marks 1, budget_locked_alloc, budget_locked_free);
subject!("plain", Plain, marks 0, budget_plain_alloc, budget_plain_free);
subject!("lock_free", LockFree, marks 0, budget_lock_free_alloc, budget_lock_free_free);

/// The heart of a pool alone, by addresses: nothing checked, nothing locked.
struct Raw(UnsafeCell<Parts>);

struct Parts {
    head: *mut Link,
    listed: usize,
    counters: Counters,
    base: *mut u8,
}

const GEOMETRY: Geometry = match Geometry::new(size_of::<Content>(), 4, BLOCKS) {
    Ok(geometry) => geometry,
    Err(_) => panic!(),
};

impl Parts {
    fn raw(&mut self) -> FreeList<'_, NoChecks> {
        // SAFETY: `base` is that of as many blocks, which nobody else uses.
        unsafe {
            FreeList::new(
                (&mut self.head, &mut self.listed),
                &mut self.counters,
                self.base,
                &GEOMETRY,
                NoChecks,
            )
        }
    }
}

#[unsafe(no_mangle)]
#[inline(never)]
fn budget_raw_alloc(parts: &mut Parts) -> Option<NonNull<u8>> {
    parts.raw().alloc_fast().or_else(|| raw_first_use(parts))
}

#[cold]
#[inline(never)]
fn raw_first_use(parts: &mut Parts) -> Option<NonNull<u8>> {
    parts.raw().alloc_slow().ok()
}

#[unsafe(no_mangle)]
#[inline(never)]
fn budget_raw_free(parts: &mut Parts, block: NonNull<u8>) {
    // SAFETY: taken before, and returned once.
    let _always = unsafe { parts.raw().free_fast(block.as_ptr()) };
}

impl Subject for Raw {
    type Lease = (&'static Self, NonNull<u8>);
    const NAME: &str = "raw";
    const RAM: usize = size_of::<Self>();

    fn make() -> &'static Self {
        let base = Box::leak(Box::new([MaybeUninit::<Content>::uninit(); BLOCKS]));
        let parts =
            Parts { head: null_mut(), listed: 0, counters: Counters::NEW, base: base.as_mut_ptr().cast() };
        Box::leak(Box::new(Self(UnsafeCell::new(parts))))
    }

    #[inline(always)]
    fn take(&'static self) -> Option<Self::Lease> {
        // SAFETY: one context, and no reference outlives a call.
        budget_raw_alloc(unsafe { &mut *self.0.get() }).map(|block| (self, block))
    }

    #[inline(always)]
    fn give((pool, block): Self::Lease) {
        // SAFETY: as above.
        budget_raw_free(unsafe { &mut *pool.0.get() }, block);
    }
}

/// The lock-free pool by addresses.
#[repr(transparent)]
struct RawLockFree(LockFree);

#[unsafe(no_mangle)]
#[inline(never)]
fn budget_raw_lock_free_alloc(pool: &'static LockFree) -> Option<NonNull<Content>> {
    pool.alloc_raw().ok()
}

#[unsafe(no_mangle)]
#[inline(never)]
fn budget_raw_lock_free_free(pool: &'static LockFree, block: NonNull<Content>) -> bool {
    // SAFETY: taken before, and returned once.
    unsafe { pool.free_raw(block.as_ptr()) }.is_ok()
}

impl Subject for RawLockFree {
    type Lease = (&'static Self, NonNull<Content>);
    const NAME: &str = "raw_lock_free";
    const RAM: usize = size_of::<Self>() - BLOCKS * size_of::<Content>();

    fn make() -> &'static Self {
        Box::leak(Box::new(Self(LockFree::new())))
    }

    #[inline(always)]
    fn take(&'static self) -> Option<Self::Lease> {
        budget_raw_lock_free_alloc(&self.0).map(|block| (self, block))
    }

    #[inline(always)]
    fn give((pool, block): Self::Lease) {
        budget_raw_lock_free_free(&pool.0, block);
    }
}

fn patterns<S: Subject>() {
    let pool = S::make();
    let mut taken = [const { None }; BLOCKS];
    let give = |place: &mut Option<S::Lease>| {
        if let Some(lease) = place.take() {
            S::give(lease);
        }
    };
    budget_first();
    taken.fill_with(|| pool.take());
    budget_again();
    for at in 0..BLOCKS {
        give(&mut taken[at * 7 % BLOCKS]);
    }
    // A pair at every fill level.
    for place in &mut taken {
        give(&mut pool.take());
        *place = pool.take();
    }
    taken.iter_mut().for_each(give);
    taken.fill_with(|| pool.take());
    taken.iter_mut().rev().for_each(give);
    println!("ram {} {}", S::NAME, S::RAM);
}

/// Every kind of pool.
#[unsafe(no_mangle)]
pub extern "C" fn program_budgets() -> i32 {
    patterns::<Locked>();
    patterns::<Plain>();
    patterns::<Raw>();
    patterns::<RawLockFree>();
    patterns::<LockFree>();
    board::PASSED
}
