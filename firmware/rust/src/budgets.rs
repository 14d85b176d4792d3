//! Every order of taking and returning blocks, for `cargo xtask budgets`, which counts the instructions of each call.
//! `firmware/programs/budgets.c` is the same for the C functions.

use alloc::boxed::Box;
use core::mem::MaybeUninit;

use microusc_pool::{AtomicPool, InterruptLock, Marked, NoLock, Pool, PoolBox, Unchecked, words_for};

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
trait Subject: Sized + 'static {
    type Lease;
    const NAME: &str;
    const NEW: Self;
    fn take(&'static self) -> Option<Self::Lease>;
    fn give(lease: Self::Lease);
}

macro_rules! subject {
    ($name:literal, $pool:ty, $alloc:ident, $free:ident) => {
        impl Subject for $pool {
            type Lease = PoolBox<'static, MaybeUninit<Content>, $pool>;
            const NAME: &str = $name;
            const NEW: Self = <$pool>::new();

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

type Locked = Pool<Content, BLOCKS, InterruptLock, Marked>;
type Plain = Pool<Content, BLOCKS, NoLock, Unchecked>;
type LockFree = AtomicPool<Content, BLOCKS, { words_for(BLOCKS) }>;

subject!("locked", Locked, budget_locked_alloc, budget_locked_free);
subject!("plain", Plain, budget_plain_alloc, budget_plain_free);
subject!("lock_free", LockFree, budget_lock_free_alloc, budget_lock_free_free);

fn patterns<S: Subject>() {
    let pool: &'static S = Box::leak(Box::new(S::NEW));
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
    println!("ram {} {}", S::NAME, size_of::<S>() - BLOCKS * size_of::<Content>());
}

/// Every kind of pool.
#[unsafe(no_mangle)]
pub extern "C" fn program_budgets() -> i32 {
    patterns::<Locked>();
    patterns::<Plain>();
    patterns::<LockFree>();
    board::PASSED
}
