//! The lock of the C ABI's host port, as it is shipped, over loom's atomics.

/// What the port provides to its lock.
mod port {
    /// The language's atomic of this name, as far as the lock uses it.
    pub(super) mod atomic {
        use std::sync::OnceLock;

        pub(in super::super) use loom::sync::atomic::Ordering;

        #[derive(Debug)]
        pub(in super::super) struct AtomicBool(OnceLock<loom::sync::atomic::AtomicBool>);

        impl AtomicBool {
            pub(in super::super) const fn new(_clear: bool) -> Self {
                Self(OnceLock::new())
            }

            fn watched(&self) -> &loom::sync::atomic::AtomicBool {
                self.0.get_or_init(|| loom::sync::atomic::AtomicBool::new(false))
            }

            /// A look that orders nothing decides nothing: loom lets it see the past for ever, so it sees nothing.
            pub(in super::super) fn load(&self, order: Ordering) -> bool {
                assert_eq!(order, Ordering::Relaxed);
                false
            }

            pub(in super::super) fn store(&self, value: bool, order: Ordering) {
                self.watched().store(value, order);
            }

            /// Compares before it writes, as `sync/loom.rs` of the pools says.
            pub(in super::super) fn swap(&self, value: bool, order: Ordering) -> bool {
                let swapped = self.watched().compare_exchange(!value, value, order, Ordering::Relaxed);
                swapped.unwrap_or_else(|same| same)
            }
        }
    }

    pub(super) mod pause {
        pub(in super::super) fn before_look(_looks: u32) {
            loom::thread::yield_now();
        }
    }

    /// Nothing is recorded.
    pub(super) mod record {
        pub(in super::super) fn acquiring<L>(_: &L) {}
        pub(in super::super) fn acquired<L>(_: &L) {}
        pub(in super::super) fn releasing<L>(_: &L) {}
        pub(in super::super) fn released() {}
        pub(in super::super) fn assert_held<L>(_: &L) {}
    }
}

use port::{atomic, pause, record};

#[path = "../../../port/src/host/lock.rs"]
mod lock;

#[test]
fn pairs_of_two_threads_keep_their_blocks_apart() {
    super::pairs_against_pairs::<lock::PortLock>();
}
