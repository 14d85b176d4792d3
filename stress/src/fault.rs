//! How the program ends when it finds a pool at fault.

use nix::libc;

/// Writes what was found and ends the program, from any context, signal handlers included.
pub(crate) fn fault(what: &str) -> ! {
    for text in ["stress: ", what, "\n"] {
        // SAFETY: the text is readable; both calls are allowed in a signal handler.
        unsafe { libc::write(2, text.as_ptr().cast(), text.len()) };
    }
    // SAFETY: as above.
    unsafe { libc::_exit(1) }
}
