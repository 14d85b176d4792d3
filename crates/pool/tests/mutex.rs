//! A mutex as the lock of a pool: more threads than processors, and threads that hold it while they are kept waiting.
#![cfg(feature = "lock_api")]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use microusc_pool::{Error, MutexLock, Pool, RawLock};

type Mutex = MutexLock<parking_lot::RawMutex>;

#[test]
fn threads_keep_their_blocks_apart() {
    static POOL: Pool<usize, 24, Mutex> = Pool::new();
    static REFUSED: AtomicUsize = AtomicUsize::new(0);
    let rounds = if cfg!(miri) { 20 } else { 5_000 };
    thread::scope(|scope| {
        for number in 0..16 {
            scope.spawn(move || {
                for round in 0..rounds {
                    let blocks: [_; 3] = std::array::from_fn(|which| POOL.alloc(number + which));
                    thread::yield_now();
                    for (which, block) in blocks.into_iter().enumerate() {
                        match block {
                            Ok(block) => assert_eq!(*block, number + which, "round {round}"),
                            Err(rejected) => {
                                assert_eq!(rejected.error, Error::Exhausted);
                                REFUSED.fetch_add(1, Ordering::Relaxed);
                            }
                        }
                    }
                }
            });
        }
    });
    let stats = POOL.stats();
    assert_eq!((stats.free, stats.refused, stats.damaged), (24, 0, 0));
    assert_eq!(stats.exhausted as usize, REFUSED.load(Ordering::Relaxed));
    assert_eq!(POOL.validate(), Ok(()));
}

#[test]
fn acquire_waits_until_the_mutex_is_released() {
    static LOCK: Mutex = Mutex::INIT;
    static FREE: AtomicBool = AtomicBool::new(false);
    LOCK.acquire();
    let waits = thread::spawn(|| LOCK.with(|| FREE.load(Ordering::Relaxed)));
    // However long: the other cannot have gone on.
    thread::sleep(Duration::from_millis(20));
    assert!(!waits.is_finished());
    FREE.store(true, Ordering::Relaxed);
    // SAFETY: acquired above, by this thread.
    unsafe { LOCK.release(()) };
    assert!(waits.join().unwrap(), "it went on before the lock was free");
}
