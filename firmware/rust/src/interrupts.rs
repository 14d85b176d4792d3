//! The main loop and the timer interrupt on one pool.

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use microusc_pool::{AtomicPool, InterruptLock, Pool, RawLock, words_for};

use crate::board;
use crate::owners::{Alone, BLOCKS, Block, Owner, Shared, conclude, learn};

const TICKS: u32 = 8000;
const MICROSECONDS: u32 = 20;

/// A lock that keeps nobody out: what the program must notice.
pub struct Open;

// SAFETY: none. That it breaks its promise is its purpose; the program with it must end as broken.
unsafe impl RawLock for Open {
    const INIT: Self = Self;
    type Saved = ();
    fn acquire(&self) {}
    unsafe fn release(&self, (): ()) {}
}

static MASKED: Pool<Block, BLOCKS, InterruptLock> = Pool::new();
static OPEN: Pool<Block, BLOCKS, Open> = Pool::new();
static LOCK_FREE: AtomicPool<Block, BLOCKS, { words_for(BLOCKS) }> = AtomicPool::new();

static TICKED: AtomicU32 = AtomicU32::new(0);
static IN_INTERRUPT: Alone = Alone::new(2);

fn tick_on(pool: &'static impl Shared) {
    // SAFETY: ticks do not interrupt each other, and `run` is there after the last of them only.
    unsafe { IN_INTERRUPT.with(|owner| owner.work(pool)) };
    TICKED.store(TICKED.load(Relaxed) + 1, Relaxed);
}

extern "C" fn tick_masked() {
    tick_on(&MASKED);
}
extern "C" fn tick_open() {
    tick_on(&OPEN);
}
extern "C" fn tick_lock_free() {
    tick_on(&LOCK_FREE);
}

fn run(pool: &'static impl Shared, tick: extern "C" fn(), name: &str) {
    learn(pool);
    TICKED.store(0, Relaxed);
    let mut owner = Owner::new(1);
    board::timer_start(tick, MICROSECONDS);
    while TICKED.load(Relaxed) < TICKS {
        owner.work(pool);
    }
    board::timer_stop();
    owner.finish(pool);
    // SAFETY: the timer has stopped.
    unsafe { IN_INTERRUPT.with(|owner| owner.finish(pool)) };
    conclude(pool, name);
}

/// The pools that allow it.
#[unsafe(no_mangle)]
pub extern "C" fn program_interrupts() -> i32 {
    run(&MASKED, tick_masked, "pool with its mask");
    run(&LOCK_FREE, tick_lock_free, "lock-free pool");
    board::PASSED
}

/// The lock-free pool alone: on a chip that changes a word atomically it needs no mask, on others it does.
#[unsafe(no_mangle)]
pub extern "C" fn program_interrupts_lock_free() -> i32 {
    run(&LOCK_FREE, tick_lock_free, "lock-free pool");
    board::PASSED
}

/// The same without the mask.
#[unsafe(no_mangle)]
pub extern "C" fn program_interrupts_open() -> i32 {
    run(&OPEN, tick_open, "pool without a mask");
    board::PASSED
}
