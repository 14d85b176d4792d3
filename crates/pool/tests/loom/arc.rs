//! The last of several owners drops the value, and sees what the others did.

use microusc_pool::{PoolArc, Shared};

use super::*;

/// A value that is read by its owners and written when it is dropped.
struct Watch(UnsafeCell<u32>);

impl Drop for Watch {
    fn drop(&mut self) {
        // SAFETY: loom reports a read that is not ordered before this.
        self.0.with_mut(|value| unsafe { *value = 1 });
    }
}

fn check(flaw: Flaw) {
    loom::model(move || {
        FLAW.set(flaw);
        let pool: &'static AtomicPool<Shared<Watch>, 1, 1> = Box::leak(Box::new(AtomicPool::new()));
        let watch = PoolBox::write(pool.alloc_uninit().unwrap(), Shared::new(Watch(UnsafeCell::new(0))));
        let first = PoolArc::new(watch);
        let second = first.clone();
        let thread = thread::spawn(move || {
            // SAFETY: loom reports a write that is not ordered after this.
            second.0.with(|value| assert_eq!(unsafe { *value }, 0));
        });
        // SAFETY: as above.
        first.0.with(|value| assert_eq!(unsafe { *value }, 0));
        drop(first);
        thread.join().unwrap();
        assert_eq!(pool.stats().free, 1);
    });
}

#[test]
fn last_owner_sees_what_the_others_wrote() {
    check(Flaw::None);
}

#[test]
#[should_panic]
fn weakened_ordering_is_found() {
    check(Flaw::Relaxed);
}

/// The only owner may write to the value, and sees everything that other owners did before.
#[test]
fn only_owner_sees_what_dropped_owners_wrote() {
    loom::model(|| {
        FLAW.set(Flaw::None);
        let pool: &'static AtomicPool<Shared<Watch>, 1, 1> = Box::leak(Box::new(AtomicPool::new()));
        let watch = PoolBox::write(pool.alloc_uninit().unwrap(), Shared::new(Watch(UnsafeCell::new(0))));
        let mut first = PoolArc::new(watch);
        let second = first.clone();
        let thread = thread::spawn(move || {
            // SAFETY: loom reports a write that is not ordered after this.
            second.0.with(|value| assert_eq!(unsafe { *value }, 0));
        });
        if let Some(value) = PoolArc::get_mut(&mut first) {
            // SAFETY: loom reports a read that is not ordered before this.
            value.0.with_mut(|value| unsafe { *value = 1 });
        }
        thread.join().unwrap();
        drop(first);
        assert_eq!(pool.stats().free, 1);
    });
}
