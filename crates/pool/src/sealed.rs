//! Traits that only types of this crate implement, because its unsafe code relies on what they say.

/// Cannot be named outside of the crate, so a trait that requires it cannot be implemented there.
pub trait Sealed {}
