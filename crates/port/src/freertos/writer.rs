//! The C function of `MicroUSC/port/freertos.h`, and what it was given.

use core::ffi::{c_char, c_void};
use core::mem::transmute;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering};

type Write = unsafe extern "C" fn(text: *const c_char, length: usize);

/// The program's function, or null. Loads and stores only: not every core can do more to a word at once.
///
/// Released when it is set and acquired before it is called: what the program wrote before it gave the function is seen by the
/// function, on whichever core that runs. No model checker sees this, since both ends are the program's.
static WRITER: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

/// Where log lines go.
///
/// # Safety
///
/// The function may be called from any context, until another is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn microusc_freertos_set_writer(
    write: Option<unsafe extern "C" fn(text: *const c_char, length: usize)>,
) {
    WRITER.store(write.map_or(null_mut(), |write| write as *mut c_void), Ordering::Release);
}

/// Hands text to the program's writer.
///
/// # Safety
///
/// There are so many bytes.
pub(super) unsafe fn write(text: *const c_char, length: usize) {
    // SAFETY: the only values stored are null and functions of this type; null is `None`.
    let write: Option<Write> = unsafe { transmute(WRITER.load(Ordering::Acquire)) };
    if let Some(write) = write {
        // SAFETY: the program promised that its function can be called from any context; the bytes are the caller's.
        unsafe { write(text, length) };
    }
}
