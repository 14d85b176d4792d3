//! The lock of a pool where there are several cores: interrupts masked, then a flag taken.

/// Context: tasks and every interrupt that can be masked, on all cores.
pub(crate) type PortLock = microusc_pool::MaskedSpinLock<microusc_pool::Interrupts>;
