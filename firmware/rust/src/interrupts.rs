//! The main loop and the timer interrupt on one pool.

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use microusc_pool::{AtomicPool, InterruptLock, Pool, RawLock, words_for};
use microusc_testkit::SharedPool;

use crate::board;
use crate::contexts::{BLOCKS, Block, Context, InterruptContext, conclude, learn};

const TICKS: u32 = 8000;
const MICROSECONDS: u32 = 20;

/// A lock that excludes no context: the program must find that.
pub struct NoLockAtAll;

// SAFETY: none. It excludes no context, which is the flaw that must be found.
unsafe impl RawLock for NoLockAtAll {
    const INIT: Self = Self;
    type Saved = ();
    fn acquire(&self) {}
    unsafe fn release(&self, (): ()) {}
}

static MASKED: Pool<Block, BLOCKS, InterruptLock> = Pool::new();
static UNLOCKED: Pool<Block, BLOCKS, NoLockAtAll> = Pool::new();
static LOCK_FREE: AtomicPool<Block, BLOCKS, { words_for(BLOCKS) }> = AtomicPool::new();

static TICKED: AtomicU32 = AtomicU32::new(0);
static IN_INTERRUPT: InterruptContext = InterruptContext::new(2);

fn tick_on(pool: impl SharedPool) {
    // SAFETY: ticks do not interrupt each other, and `run` uses this only after the last of them.
    unsafe { IN_INTERRUPT.with(|context| context.work(pool)) };
    TICKED.store(TICKED.load(Relaxed) + 1, Relaxed);
}

extern "C" fn tick_masked() {
    tick_on(&MASKED);
}
extern "C" fn tick_unlocked() {
    tick_on(&UNLOCKED);
}
extern "C" fn tick_lock_free() {
    tick_on(&LOCK_FREE);
}

fn run(pool: impl SharedPool, tick: extern "C" fn(), name: &str) {
    learn(pool);
    TICKED.store(0, Relaxed);
    let mut context = Context::new(1);
    board::timer_start(tick, MICROSECONDS);
    while TICKED.load(Relaxed) < TICKS {
        context.work(pool);
    }
    board::timer_stop();
    context.finish(pool);
    // SAFETY: the timer has stopped.
    unsafe { IN_INTERRUPT.with(|context| context.finish(pool)) };
    conclude(pool, name);
}

/// The pools that are made for this.
#[unsafe(no_mangle)]
pub extern "C" fn program_interrupts() -> i32 {
    run(&MASKED, tick_masked, "pool with its mask");
    run(&LOCK_FREE, tick_lock_free, "lock-free pool");
    board::PASSED
}

/// The lock-free pool alone. On a chip with atomic instructions it needs no mask, on others it does.
#[unsafe(no_mangle)]
pub extern "C" fn program_interrupts_lock_free() -> i32 {
    run(&LOCK_FREE, tick_lock_free, "lock-free pool");
    board::PASSED
}

/// The same without the mask.
#[unsafe(no_mangle)]
pub extern "C" fn program_interrupts_open() -> i32 {
    run(&UNLOCKED, tick_unlocked, "pool without a mask");
    board::PASSED
}
