//! What runs the caller, on cores that do not say.

/// Never: a RISC-V or Xtensa core has no register that distinguishes an interrupt from a task once interrupts nest, and the port has no
/// kernel to ask.
pub fn in_interrupt() -> bool {
    false
}
