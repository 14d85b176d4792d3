//! The lock of a pool where there is one core: its interrupts are masked.

/// Context: the task and every interrupt that can be masked.
pub(crate) type PortLock = microusc_pool::InterruptLock;
