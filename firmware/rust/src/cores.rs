//! Two cores on one pool, each interrupted by its timer.

use core::sync::atomic::{AtomicU32, Ordering::*};

use microusc_pool::{AtomicPool, InterruptLock, Interrupts, MaskedSpinLock, Pool, words_for};
use microusc_testkit::SharedPool;

use crate::board;
use crate::contexts::{BLOCKS, Block, Context, InterruptContext, conclude, learn};

const ROUNDS: u32 = 30_000;
const TICKS: u32 = 20;
const MICROSECONDS: u32 = 200;

static LOCKED: Pool<Block, BLOCKS, MaskedSpinLock<Interrupts>> = Pool::new();
/// Masks interrupts without a flag that excludes the other core: the program must find that.
static FLAGLESS: Pool<Block, BLOCKS, InterruptLock> = Pool::new();
static LOCK_FREE: AtomicPool<Block, BLOCKS, { words_for(BLOCKS) }> = AtomicPool::new();

static TICKED: [AtomicU32; 2] = [const { AtomicU32::new(0) }; 2];
static IN_INTERRUPT: [InterruptContext; 2] = [InterruptContext::new(3), InterruptContext::new(4)];
/// Cores that have begun and ended so far.
static BEGUN: AtomicU32 = AtomicU32::new(0);
static ENDED: AtomicU32 = AtomicU32::new(0);

fn tick_on(pool: impl SharedPool, core: usize) {
    // SAFETY: ticks of a core do not interrupt each other, and `work_on` uses this only after the last of them.
    unsafe { IN_INTERRUPT[core].with(|context| context.work(pool)) };
    TICKED[core].fetch_add(1, Relaxed);
}

fn work_on(pool: impl SharedPool, core: usize, tick: extern "C" fn()) {
    let mut context = Context::new(1 + core as u8);
    TICKED[core].store(0, Relaxed);
    BEGUN.fetch_add(1, AcqRel);
    while !BEGUN.load(Acquire).is_multiple_of(2) {
        core::hint::spin_loop();
    }
    board::timer_start(tick, MICROSECONDS);
    let mut rounds = 0;
    while rounds < ROUNDS || TICKED[core].load(Relaxed) < TICKS {
        context.work(pool);
        rounds += 1;
    }
    board::timer_stop();
    context.finish(pool);
    // SAFETY: this core's timer has stopped.
    unsafe { IN_INTERRUPT[core].with(|context| context.finish(pool)) };
    ENDED.fetch_add(1, AcqRel);
    while !ENDED.load(Acquire).is_multiple_of(2) {
        core::hint::spin_loop();
    }
}

extern "C" fn first_locked() {
    tick_on(&LOCKED, 0);
}
extern "C" fn second_locked() {
    tick_on(&LOCKED, 1);
}
extern "C" fn first_lock_free() {
    tick_on(&LOCK_FREE, 0);
}
extern "C" fn second_lock_free() {
    tick_on(&LOCK_FREE, 1);
}
extern "C" fn first_flagless() {
    tick_on(&FLAGLESS, 0);
}
extern "C" fn second_flagless() {
    tick_on(&FLAGLESS, 1);
}

extern "C" fn second_core() {
    work_on(&LOCKED, 1, second_locked);
    work_on(&LOCK_FREE, 1, second_lock_free);
}

/// The pools that are made for this.
#[unsafe(no_mangle)]
pub extern "C" fn program_cores() -> i32 {
    learn(&LOCKED);
    board::start_second_core(second_core);
    work_on(&LOCKED, 0, first_locked);
    conclude(&LOCKED, "pool with mask and flag");
    learn(&LOCK_FREE);
    work_on(&LOCK_FREE, 0, first_lock_free);
    conclude(&LOCK_FREE, "lock-free pool");
    board::PASSED
}

extern "C" fn second_core_flagless() {
    work_on(&FLAGLESS, 1, second_flagless);
}

/// The same without the flag.
#[unsafe(no_mangle)]
pub extern "C" fn program_cores_open() -> i32 {
    learn(&FLAGLESS);
    board::start_second_core(second_core_flagless);
    work_on(&FLAGLESS, 0, first_flagless);
    conclude(&FLAGLESS, "pool without a flag");
    board::PASSED
}
