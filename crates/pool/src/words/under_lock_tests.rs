//! The words of a core without atomic instructions, run on a host. Interrupts come where they can: right before they are
//! masked, and right after they are unmasked. A read before or a write after that would lose the change of the interrupt.

use std::boxed::Box;
use std::cell::{Cell, RefCell};
use std::thread_local;

use crate::lock::RawLock;

#[allow(clippy::duplicate_mod, reason = "the same words over two kinds of atomics")]
#[path = "kinds.rs"]
#[expect(dead_code, reason = "the tests use the operations that can go wrong")]
mod kinds;
#[path = "under_lock.rs"]
mod under_lock;

use kinds::{BitWord, OwnerCount, RelaxedCounter};
use under_lock::{AtomicU32, Ordering};

thread_local! {
    static MASKED: Cell<u32> = const { Cell::new(0) };
    static CAME: Cell<u32> = const { Cell::new(0) };
    static HANDLER: RefCell<Option<Box<dyn Fn()>>> = const { RefCell::new(None) };
}

/// An interrupt, unless they are masked. It is not interrupted itself.
fn interrupt() {
    let handler = if MASKED.get() == 0 { HANDLER.take() } else { None };
    if let Some(handler) = handler {
        CAME.set(CAME.get() + 1);
        handler();
        HANDLER.replace(Some(handler));
    }
}

/// Masks the interrupts of the core that this thread stands for.
struct WordLock;

// SAFETY: the interrupts of this thread come from these two functions only.
unsafe impl RawLock for WordLock {
    const INIT: Self = Self;

    type Saved = u32;

    fn acquire(&self) -> u32 {
        interrupt();
        MASKED.replace(MASKED.get() + 1)
    }

    unsafe fn release(&self, saved: u32) {
        assert_eq!(MASKED.get(), saved + 1, "restored without a mask");
        MASKED.set(saved);
        interrupt();
    }
}

/// Runs `work`, interrupted by `handler` before and after.
fn interrupted(handler: impl Fn() + 'static, work: impl FnOnce()) {
    CAME.set(0);
    HANDLER.replace(Some(Box::new(handler)));
    work();
    HANDLER.replace(None);
    assert_eq!((CAME.get(), MASKED.get()), (2, 0), "interrupts are masked once, and unmasked again");
}

fn leaked<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

#[test]
fn changing_a_bit_keeps_the_bits_that_an_interrupt_changed() {
    let bits = || leaked(Cell::new(0b10u32));
    // The handler sets one more bit each time.
    let sets_more = |word: &'static BitWord| {
        let next = bits();
        move || {
            assert!(word.try_set(next.get()));
            next.set(next.get() << 1);
        }
    };
    let word = leaked(BitWord::new());
    interrupted(sets_more(word), || assert!(word.try_set(1)));
    assert_eq!(word.get(), 0b111);

    let word = leaked(BitWord::new());
    assert!(word.try_set(1));
    interrupted(sets_more(word), || assert!(word.try_clear(1)));
    assert_eq!(word.get(), 0b110);
    assert!(!word.try_clear(1), "it is clear already");
    assert!(!word.try_set(0b10), "it is set already");
}

#[test]
fn a_bit_that_an_interrupt_sets_first_is_not_set_again() {
    let word = leaked(BitWord::new());
    let won = leaked(Cell::new(0));
    let sets_it = move || won.set(won.get() + u32::from(word.try_set(1)));
    interrupted(sets_it, || assert!(!word.try_set(1)));
    assert_eq!(won.get(), 1);
}

#[test]
fn an_interrupt_loses_no_count() {
    let number = leaked(RelaxedCounter::new());
    interrupted(|| number.increment(), || number.increment());
    assert_eq!(number.get(), 3);

    let count = leaked(OwnerCount::one());
    interrupted(|| count.add(), || count.add());
    assert!(!count.is_one());
    interrupted(|| assert!(!count.remove()), || assert!(!count.remove()));
    assert!(count.is_one() && count.remove());
}

#[test]
fn is_one_reads_with_interrupts_masked() {
    let count = leaked(OwnerCount::one());
    interrupted(|| (), || assert!(count.is_one()));
}
