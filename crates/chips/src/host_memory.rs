//! The host memory behind a region.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;

/// Zeroed host memory for one region, committed by the operating system as it is touched: `SCALE` host bytes per
/// byte of the chip.
pub(crate) struct HostMemory<const SCALE: usize> {
    memory: NonNull<u8>,
    layout: Layout,
    start: usize,
    end: usize,
}

/// Memory for the program's bytes: the chip's 4-byte granularity becomes the 16 bytes that host types may need.
pub(crate) type Contents = HostMemory<4>;

impl Contents {
    /// A chip address that is a multiple of a power of two up to this is a host address that is one as well.
    pub(crate) const CONGRUENT: u32 = 0x1_0000;
}

// SAFETY: the owner of the memory is this value alone, and hands out addresses only.
unsafe impl<const SCALE: usize> Send for HostMemory<SCALE> {}

impl<const SCALE: usize> HostMemory<SCALE> {
    /// Memory for `size` chip bytes at chip address `base`, which is the host address divided by `SCALE` modulo the
    /// power of two `congruent`; `None` when the host has none left.
    pub(crate) fn new(base: u32, size: u32, congruent: u32) -> Option<Self> {
        let window = (congruent as usize).checked_mul(SCALE)?;
        let bytes = (size as usize).checked_mul(SCALE)?;
        let layout = Layout::from_size_align(bytes.checked_add(window)?, 16).ok()?;
        // SAFETY: the size is not zero.
        let memory = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        let wanted = (base as usize).wrapping_mul(SCALE);
        let slack = wanted.wrapping_sub(memory.addr().get()) & (window - 1);
        let start = memory.addr().get() + slack;
        Some(Self { memory, layout, start, end: start + bytes })
    }

    /// Host addresses of the region.
    pub(crate) fn range(&self) -> std::ops::Range<usize> {
        self.start..self.end
    }

    /// Host pointer to the chip byte at `offset`.
    #[inline]
    pub(crate) fn pointer(&self, offset: u32) -> NonNull<u8> {
        let offset = self.start - self.memory.addr().get() + offset as usize * SCALE;
        self.memory.map_addr(|address| address.saturating_add(offset))
    }

    /// Chip offset of a host address in the region, and the host bytes beyond it.
    #[inline]
    pub(crate) fn offset(&self, address: usize) -> (u32, usize) {
        let host = address - self.start;
        ((host / SCALE) as u32, host % SCALE)
    }

    /// Zeroes the first `bytes` bytes of the block at `offset`, which has at least that many chip bytes.
    pub(crate) fn zero(&mut self, offset: u32, bytes: usize) {
        let pointer = self.pointer(offset);
        assert!(pointer.addr().get() + bytes <= self.end);
        // SAFETY: in bounds by the assertion; the memory is ours and no reference to it exists.
        unsafe { pointer.write_bytes(0, bytes) }
    }
}

/// Copies `bytes` bytes from one block to another, which may overlap it.
pub(crate) fn copy((from, at): (&Contents, u32), (to, into): (&Contents, u32), bytes: usize) {
    let (source, target) = (from.pointer(at), to.pointer(into));
    assert!(source.addr().get() + bytes <= from.end && target.addr().get() + bytes <= to.end);
    // SAFETY: both in bounds by the assertion; no reference to either exists.
    unsafe { source.copy_to(target, bytes) }
}

impl<const SCALE: usize> Drop for HostMemory<SCALE> {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout, and freed only here.
        unsafe { dealloc(self.memory.as_ptr(), self.layout) }
    }
}
