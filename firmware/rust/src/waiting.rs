//! Tasks that wait for blocks which the interrupt frees.

use core::future::Future;
use core::pin::{Pin, pin};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering::*};
use core::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};

use microusc_pool::{InterruptLock, Pool, PoolBox, UninitBlock, WaitOrder, WaitPool};

use crate::board::{self, println};
use crate::contexts::broken;

const TASKS: usize = 3;
const ROUNDS: u32 = 200;
/// A tick frees one block, so that there always is a task that waits.
const MICROSECONDS: u32 = 20;

type Inner = Pool<[u32; 4], 2, InterruptLock>;
static POOL: WaitPool<Inner> = WaitPool::new(Pool::new(), WaitOrder::Fifo);

/// Blocks on their way to the interrupt: tasks write them, ticks empty them. There are more places than blocks.
static PASSED_ON: [AtomicPtr<[u32; 4]>; 4] = [const { AtomicPtr::new(null_mut()) }; 4];
static PASSED_ON_COUNT: AtomicU32 = AtomicU32::new(0);
static FREED_COUNT: AtomicU32 = AtomicU32::new(0);

fn pass_on(block: UninitBlock<Inner>, content: [u32; 4]) {
    let block = PoolBox::into_raw(PoolBox::write(block, content));
    let count = PASSED_ON_COUNT.load(Relaxed);
    PASSED_ON[count as usize % PASSED_ON.len()].store(block.as_ptr(), Relaxed);
    PASSED_ON_COUNT.store(count + 1, Release);
}

extern "C" fn tick() {
    let count = FREED_COUNT.load(Relaxed);
    if PASSED_ON_COUNT.load(Acquire) == count {
        return;
    }
    let block = PASSED_ON[count as usize % PASSED_ON.len()].load(Relaxed);
    let Some(block) = core::ptr::NonNull::new(block) else { broken("a place has no block") };
    // SAFETY: from `into_raw`, and passed on once.
    let Ok(block) = (unsafe { PoolBox::from_raw(&POOL, block) }) else { broken("a live block was refused") };
    if *block != content(block[0]) {
        broken("the content of a live block changed");
    }
    FREED_COUNT.store(count + 1, Relaxed);
    drop(block); // This wakes a task that waits.
}

fn content(first: u32) -> [u32; 4] {
    core::array::from_fn(|word| first.wrapping_add(word as u32 * 0x0101))
}

async fn task(number: u32) {
    for round in 0..ROUNDS {
        let Ok(block) = POOL.wait(0).await else { broken("a wait ended in an error") };
        pass_on(block, content(number << 24 | round));
    }
}

/// A waker that sets a flag. It uses loads and stores only, since not every core has atomic instructions.
const SETS_FLAG: RawWakerVTable = RawWakerVTable::new(
    |flag| RawWaker::new(flag, &SETS_FLAG),
    |flag| set_flag(flag.cast()),
    |flag| set_flag(flag.cast()),
    |_| {},
);

fn set_flag(flag: *const AtomicBool) {
    // SAFETY: wakers are made only of the flags below, which are statics.
    unsafe { &*flag }.store(true, Release);
}

static WOKEN: [AtomicBool; TASKS] = [const { AtomicBool::new(true) }; TASKS];

fn run_all(mut tasks: [Option<Pin<&mut dyn Future<Output = ()>>>; TASKS]) {
    while tasks.iter().any(Option::is_some) {
        for (slot, woken) in tasks.iter_mut().zip(&WOKEN) {
            let Some(future) = slot else { continue };
            if !woken.load(Acquire) {
                continue;
            }
            woken.store(false, Relaxed);
            // SAFETY: the functions of the table keep the contract of a waker.
            let waker = unsafe { Waker::from_raw(RawWaker::new((&raw const *woken).cast(), &SETS_FLAG)) };
            if let Poll::Ready(()) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                *slot = None;
            }
        }
    }
}

/// Three tasks share two blocks.
#[unsafe(no_mangle)]
pub extern "C" fn program_waiting() -> i32 {
    let (mut one, mut two, mut three) = (pin!(task(1)), pin!(task(2)), pin!(task(3)));
    board::timer_start(tick, MICROSECONDS);
    run_all([Some(one.as_mut()), Some(two.as_mut()), Some(three.as_mut())]);
    let all = TASKS as u32 * ROUNDS;
    while FREED_COUNT.load(Relaxed) < all {
        core::hint::spin_loop();
    }
    board::timer_stop();
    let stats = POOL.stats();
    if (stats.free, stats.refused, stats.damaged) != (2, 0, 0) || POOL.validate().is_err() {
        broken("a block was lost");
    }
    println!("{TASKS} tasks waited for {all} blocks, the interrupt freed each, and none was lost");
    board::PASSED
}
