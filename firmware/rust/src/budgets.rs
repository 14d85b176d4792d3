//! Allocs and frees in every order, for `cargo xtask budgets`, which counts the instructions of each call.
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

/// From here on blocks are used for the first time. (The code differs from that of the next function, since the linker may
/// merge equal functions.)
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn budget_first() {
    core::hint::black_box(1);
}

/// From here on blocks are used again.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn budget_again() {
    core::hint::black_box(2);
}

/// A pool whose two operations are functions of their own.
trait MeasuredPool: 'static {
    type Handle;
    const NAME: &str;
    /// Bytes besides the blocks and the allocation map.
    const RAM: usize;
    fn make() -> &'static Self;
    fn alloc(&'static self) -> Option<Self::Handle>;
    fn free(handle: Self::Handle);
}

// `marks`: bytes of the allocation map for each block.
macro_rules! measured_pool {
    ($name:literal, $pool:ty, marks $marks:literal, $alloc:ident, $free:ident) => {
        impl MeasuredPool for $pool {
            type Handle = PoolBox<'static, MaybeUninit<Content>, $pool>;
            const NAME: &str = $name;
            const RAM: usize = size_of::<Self>() - BLOCKS * (size_of::<Content>() + $marks);

            fn make() -> &'static Self {
                Box::leak(Box::new(<$pool>::new()))
            }

            #[inline(always)]
            fn alloc(&'static self) -> Option<Self::Handle> {
                $alloc(self)
            }
            #[inline(always)]
            fn free(handle: Self::Handle) {
                $free(handle);
            }
        }

        #[unsafe(no_mangle)]
        #[inline(never)]
        fn $alloc(pool: &'static $pool) -> Option<PoolBox<'static, MaybeUninit<Content>, $pool>> {
            pool.alloc_uninit().ok()
        }

        #[unsafe(no_mangle)]
        #[inline(never)]
        fn $free(handle: PoolBox<'static, MaybeUninit<Content>, $pool>) {
            drop(handle);
        }
    };
}

type Locked = Pool<Content, BLOCKS, InterruptLock, Checked>;
type Plain = Pool<Content, BLOCKS, NoLock, Unchecked>;
type LockFree = AtomicPool<Content, BLOCKS, { words_for(BLOCKS) }>;

measured_pool!("locked", Locked, marks 1, budget_locked_alloc, budget_locked_free);
measured_pool!("plain", Plain, marks 0, budget_plain_alloc, budget_plain_free);
measured_pool!("lock_free", LockFree, marks 0, budget_lock_free_alloc, budget_lock_free_free);

/// The free list alone, by addresses: nothing checked, nothing locked.
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
        // SAFETY: `base` is the address of as many blocks, which nothing else uses.
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
    // SAFETY: allocated before, and freed once.
    let _always = unsafe { parts.raw().free_fast(block.as_ptr()) };
}

impl MeasuredPool for Raw {
    type Handle = (&'static Self, NonNull<u8>);
    const NAME: &str = "raw";
    const RAM: usize = size_of::<Self>();

    fn make() -> &'static Self {
        let base = Box::leak(Box::new([MaybeUninit::<Content>::uninit(); BLOCKS]));
        let parts =
            Parts { head: null_mut(), listed: 0, counters: Counters::NEW, base: base.as_mut_ptr().cast() };
        Box::leak(Box::new(Self(UnsafeCell::new(parts))))
    }

    #[inline(always)]
    fn alloc(&'static self) -> Option<Self::Handle> {
        // SAFETY: one context uses it, and no reference outlives a call.
        budget_raw_alloc(unsafe { &mut *self.0.get() }).map(|block| (self, block))
    }

    #[inline(always)]
    fn free((pool, block): Self::Handle) {
        // SAFETY: as above.
        budget_raw_free(unsafe { &mut *pool.0.get() }, block);
    }
}

/// The lock-free pool, by addresses.
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
    // SAFETY: allocated before, and freed once.
    unsafe { pool.free_raw(block.as_ptr()) }.is_ok()
}

impl MeasuredPool for RawLockFree {
    type Handle = (&'static Self, NonNull<Content>);
    const NAME: &str = "raw_lock_free";
    const RAM: usize = size_of::<Self>() - BLOCKS * size_of::<Content>();

    fn make() -> &'static Self {
        Box::leak(Box::new(Self(LockFree::new())))
    }

    #[inline(always)]
    fn alloc(&'static self) -> Option<Self::Handle> {
        budget_raw_lock_free_alloc(&self.0).map(|block| (self, block))
    }

    #[inline(always)]
    fn free((pool, block): Self::Handle) {
        budget_raw_lock_free_free(&pool.0, block);
    }
}

fn patterns<S: MeasuredPool>() {
    let pool = S::make();
    let mut handles = [const { None }; BLOCKS];
    let free = |place: &mut Option<S::Handle>| {
        if let Some(handle) = place.take() {
            S::free(handle);
        }
    };
    budget_first();
    handles.fill_with(|| pool.alloc());
    budget_again();
    for at in 0..BLOCKS {
        free(&mut handles[at * 7 % BLOCKS]);
    }
    // A pair at every fill level.
    for place in &mut handles {
        free(&mut pool.alloc());
        *place = pool.alloc();
    }
    handles.iter_mut().for_each(free);
    handles.fill_with(|| pool.alloc());
    handles.iter_mut().rev().for_each(free);
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
