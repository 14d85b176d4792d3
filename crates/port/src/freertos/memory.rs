//! Memory of the kernel's heap, aligned as asked for.
//!
//! ```text
//!   what the kernel gave        what is asked for
//!   v                           v
//!   | 0 or more bytes | address | bytes ... |
//!                      '- what the kernel gave, to be given back
//! ```

use core::ptr::null_mut;

use super::kernel;

pub fn allocate(bytes: usize, align: usize, _caps: u32) -> *mut u8 {
    let align = align.max(align_of::<*mut u8>());
    let in_front = size_of::<*mut u8>() + align - 1;
    let whole = bytes.checked_add(in_front).map_or(null_mut(), kernel::allocate);
    if whole.is_null() {
        return null_mut();
    }
    let memory = whole.wrapping_add(in_front).map_addr(|address| address & !(align - 1));
    // SAFETY: the word in front of it is inside of `whole`, since `in_front` reaches over a word and the alignment; it is
    // aligned, since `memory` is to more than a pointer.
    unsafe { memory.cast::<*mut u8>().sub(1).write(whole) };
    memory
}

/// # Safety
///
/// `memory` came from `allocate` and is not used again.
pub unsafe fn release(memory: *mut u8) {
    // SAFETY: `allocate` wrote it there, and nothing since: it lies in front of the memory that was requested.
    unsafe { kernel::release(memory.cast::<*mut u8>().sub(1).read()) };
}
