//! What makes a trait sealed: only types of this crate implement it, because its unsafe code relies on the answers.

/// Cannot be named outside of the crate, so a trait that requires it cannot be implemented there.
pub trait Sealed {}
