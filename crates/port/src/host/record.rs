//! Which locks of pools the calling thread holds, in archives with debug assertions: a lock that is not held when it should be, or
//! is when it should not, ends the program and says so. And an interrupt that a test brings, wherever one may come.

use std::cell::Cell;

/// Otherwise nothing is recorded, and none of this costs anything.
const ON: bool = cfg!(debug_assertions);

/// A pool's lock within that of the list of pools, and one of the port's own within that; room for as many again.
const MOST: usize = 6;

thread_local! {
    /// The addresses of the locks held; 0 is none.
    static HELD: [Cell<usize>; MOST] = const { [const { Cell::new(0) }; MOST] };
    static INTERRUPT: Cell<Option<extern "C" fn()>> = const { Cell::new(None) };
}

/// Before `lock` is waited for.
#[inline(always)]
pub(super) fn acquiring<L>(lock: &L) {
    if ON && is_held(address(lock)) {
        fault("a lock is taken by the thread that holds it, which would wait for ever");
    }
}

/// After `lock` was taken.
#[inline(always)]
pub(super) fn acquired<L>(lock: &L) {
    if ON && !replace(0, address(lock)) {
        fault("too many locks are held at a time");
    }
}

/// Before `lock` is released.
#[inline(always)]
pub(super) fn releasing<L>(lock: &L) {
    if ON && !replace(address(lock), 0) {
        fault("a lock is released by a thread that does not hold it");
    }
}

/// After a lock was released. An interrupt that was masked until then comes now.
#[inline(always)]
pub(super) fn released() {
    if ON && HELD.with(|held| held.iter().all(|lock| lock.get() == 0)) {
        // It is not interrupted itself.
        if let Some(interrupt) = INTERRUPT.take() {
            interrupt();
            INTERRUPT.set(Some(interrupt));
        }
    }
}

/// Ends the program if the calling thread does not hold `lock`.
#[inline(always)]
pub(super) fn assert_held<L>(lock: &L) {
    if ON && !is_held(address(lock)) {
        fault("what a lock guards is used by a thread that does not hold it");
    }
}

/// Runs `interrupt` wherever the calling thread released its last lock, as an interrupt does that was masked until then;
/// null: nothing any more. `false`, and no effect, in an archive without debug assertions.
#[unsafe(no_mangle)]
pub extern "C" fn microusc_host_interrupt_at_release(interrupt: Option<extern "C" fn()>) -> bool {
    INTERRUPT.set(interrupt.filter(|_| ON));
    ON
}

fn address<L>(lock: &L) -> usize {
    std::ptr::from_ref(lock).addr()
}

fn is_held(lock: usize) -> bool {
    HELD.with(|held| held.iter().any(|one| one.get() == lock))
}

/// Puts `new` in the place of `old`; `false` if that is not there.
fn replace(old: usize, new: usize) -> bool {
    let place = |held: &[Cell<usize>; MOST]| held.iter().find(|one| one.get() == old).map(|one| one.set(new));
    HELD.with(place).is_some()
}

#[cold]
fn fault(what: &str) -> ! {
    eprintln!("microusc host port: {what}");
    std::process::abort()
}
