//! The ways in which pools and sets are broken on purpose.

/// An enum `Flaw` with `None` and the flaws given. `Flaw::ALL` is every flaw but `None`, so that no test leaves one out.
macro_rules! flaws {
    ($($flaw:ident),+ $(,)?) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        enum Flaw {
            None,
            $($flaw),+
        }

        impl Flaw {
            const ALL: &[Self] = &[$(Self::$flaw),+];
        }
    };
}
