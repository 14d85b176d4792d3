//! Tasks that wait for blocks which the interrupt frees.

use core::future::Future;
use core::pin::{Pin, pin};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering::*};
use core::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};

use microusc_pool::{InterruptLock, Pool, PoolBox, UninitBlock, WaitOrder, WaitPool};

use crate::board::{self, println};
use crate::owners::broken;

const TASKS: usize = 3;
const ROUNDS: u32 = 200;
/// A tick frees one block, so that there are always tasks that wait.
const MICROSECONDS: u32 = 20;

type Inner = Pool<[u32; 4], 2, InterruptLock>;
static POOL: WaitPool<Inner> = WaitPool::new(Pool::new(), WaitOrder::Fifo);

/// Blocks on their way to the interrupt: written by tasks, emptied by ticks. More places than the pool has blocks.
static HANDED: [AtomicPtr<[u32; 4]>; 4] = [const { AtomicPtr::new(null_mut()) }; 4];
static HANDED_COUNT: AtomicU32 = AtomicU32::new(0);
static FREED_COUNT: AtomicU32 = AtomicU32::new(0);

fn hand_over(block: UninitBlock<Inner>, content: [u32; 4]) {
    let block = PoolBox::into_raw(PoolBox::write(block, content));
    let count = HANDED_COUNT.load(Relaxed);
    HANDED[count as usize % HANDED.len()].store(block.as_ptr(), Relaxed);
    HANDED_COUNT.store(count + 1, Release);
}

extern "C" fn tick() {
    let count = FREED_COUNT.load(Relaxed);
    if HANDED_COUNT.load(Acquire) == count {
        return;
    }
    let block = HANDED[count as usize % HANDED.len()].load(Relaxed);
    let Some(block) = core::ptr::NonNull::new(block) else { broken("nothing was handed over") };
    // SAFETY: from `into_raw`, handed over once.
    let Ok(block) = (unsafe { PoolBox::from_raw(&POOL, block) }) else {
        broken("a block in use was refused")
    };
    if *block != content(block[0]) {
        broken("an owner's bytes were changed");
    }
    FREED_COUNT.store(count + 1, Relaxed);
    drop(block); // and with it somebody is woken
}

fn content(first: u32) -> [u32; 4] {
    core::array::from_fn(|word| first.wrapping_add(word as u32 * 0x0101))
}

async fn task(number: u32) {
    for round in 0..ROUNDS {
        let Ok(block) = POOL.wait(0).await else { broken("a wait ended in an error") };
        hand_over(block, content(number << 24 | round));
    }
}

/// A waker that raises a flag. Loads and stores only: not every core can do more at once.
const RAISES: RawWakerVTable = RawWakerVTable::new(
    |flag| RawWaker::new(flag, &RAISES),
    |flag| raise(flag.cast()),
    |flag| raise(flag.cast()),
    |_| {},
);

fn raise(flag: *const AtomicBool) {
    // SAFETY: wakers are made of the flags below only, which are statics.
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
            // SAFETY: the functions of the table do with the flag what a waker's must.
            let waker = unsafe { Waker::from_raw(RawWaker::new((&raw const *woken).cast(), &RAISES)) };
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
