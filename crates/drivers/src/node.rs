//! What one driver needs, in one block: itself, what the kernel keeps of its task and semaphore, its buffer.
//!
//! ```text
//!   0            plan.task          plan.semaphore      plan.buffer                       plan.layout.size()
//!   | Node       | StaticTask_t     | StaticSemaphore_t | buffer, buffer_size bytes       |
//!     ^ the driver's task is given this address, the block is returned by it: never by an interior one
//! ```
//!
//! Each part begins where its own alignment wants it.

use core::alloc::Layout;
use core::ffi::{c_char, c_void};
use core::ptr::NonNull;

use crate::driver::{Driver, DriverState, NAME_BYTES};
use crate::error::Error;
use crate::platform::Platform;

/// Bytes to which a driver's buffer is aligned: enough for a value of 64 bits.
pub const BUFFER_ALIGN: usize = 8;
/// Bytes to which task stacks are aligned and rounded.
pub const STACK_ALIGN: usize = 16;

/// A driver in the list. Fields are read and written one by one, since the driver's task may be reading the first.
#[repr(C)]
pub(crate) struct Node {
    pub(crate) driver: Driver,
    pub(crate) next: *mut Node,
    /// Null once nothing of the task is left.
    pub(crate) task: *mut c_void,
    /// It will not run again.
    pub(crate) stopped: bool,
    /// Calls of this layer that the task is inside of, with blocks and without the lock.
    pub(crate) busy: u32,
    pub(crate) stack: NonNull<u8>,
    pub(crate) state: DriverState,
}

/// Where the parts of a node are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) layout: Layout,
    pub(crate) task: usize,
    pub(crate) semaphore: usize,
    pub(crate) buffer: usize,
    pub(crate) buffer_size: usize,
}

impl Plan {
    /// A node with a buffer of so many bytes.
    pub(crate) fn new(platform: &impl Platform, buffer_size: usize) -> Result<Self, Error> {
        if buffer_size == 0 {
            return Err(Error::BadSize);
        }
        let extend = |layout: Layout, part| layout.extend(part).map_err(|_| Error::BadSize);
        let buffer = Layout::from_size_align(buffer_size, BUFFER_ALIGN).map_err(|_| Error::BadSize)?;
        let (layout, task) = extend(Layout::new::<Node>(), platform.task_memory())?;
        let (layout, semaphore) = extend(layout, platform.semaphore_memory())?;
        let (layout, buffer) = extend(layout, buffer)?;
        Ok(Self { layout: layout.pad_to_align(), task, semaphore, buffer, buffer_size })
    }
}

/// A name of a driver's own: copied, or `driver-ID`.
pub(crate) fn name_from(given: &[u8], id: u32) -> Result<[c_char; NAME_BYTES], Error> {
    let mut name = [0; NAME_BYTES];
    let mut digits = [0u8; 10];
    let mut copy = |from: &mut dyn Iterator<Item = u8>| {
        name.iter_mut().zip(from).for_each(|(to, from)| *to = from as c_char);
    };
    if given.is_empty() {
        copy(
            &mut b"driver-"
                .iter()
                .copied()
                .chain(decimal(id, &mut digits).iter().copied())
                .take(NAME_BYTES - 1),
        );
    } else if given.len() >= NAME_BYTES || given.contains(&0) {
        return Err(Error::BadName);
    } else {
        copy(&mut given.iter().copied());
    }
    Ok(name)
}

/// Whether a name that was stored is this one.
pub(crate) fn is_named(stored: &[c_char; NAME_BYTES], name: &[u8]) -> bool {
    let stored = stored.iter().flat_map(|byte| byte.to_ne_bytes()).take_while(|byte| *byte != 0);
    stored.eq(name.iter().copied())
}

fn decimal(mut number: u32, digits: &mut [u8; 10]) -> &[u8] {
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &digits[at..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{NAME_BYTES, is_named, name_from};
    use crate::Error;

    #[test]
    fn default_name_is_cut_before_the_zero_that_ends_it() {
        let name = name_from(b"", 7).unwrap();
        assert!(is_named(&name, b"driver-7"));
        let longest = name_from(b"", u32::MAX).unwrap();
        assert!(is_named(&longest, b"driver-42949672"));
        assert_eq!(longest[NAME_BYTES - 1], 0);
        assert_eq!(name_from(&[b'x'; NAME_BYTES], 7), Err(Error::BadName));
    }
}
