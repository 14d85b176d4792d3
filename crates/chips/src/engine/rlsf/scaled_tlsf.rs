//! The allocator itself, in memory of its own. Offsets and sizes are of the chip; the factor stays in here.

use std::alloc::Layout;
use std::ptr::NonNull;

use rlsf::GRANULARITY;

use super::{HEADER, WORD};
use crate::host_memory::HostMemory;

/// Host bytes per byte of the chip.
const SCALE: usize = GRANULARITY / WORD as usize;
/// A header of `rlsf`.
const HOST_HEADER: usize = GRANULARITY / 2;
/// Size classes per power of two: what `rlsf` is commonly given on 32-bit chips.
pub(super) const CLASSES: usize = 32;
/// Powers of two: enough for 64 MiB of the chip, the most that a region can have.
const POWERS: usize = 25;

/// `rlsf` over a scaled copy of the region.
pub(super) struct ScaledTlsf {
    tlsf: rlsf::Tlsf<'static, u32, u32, POWERS, CLASSES>,
    /// What `tlsf` points into; its memory does not move when this does.
    memory: HostMemory<SCALE>,
    start: u32,
    bytes: u32,
}

/// A block, free or not.
pub(super) struct Block {
    /// Offset of its header.
    pub(super) header: u32,
    /// Bytes with the header.
    pub(super) bytes: u32,
    pub(super) used: bool,
}

impl ScaledTlsf {
    /// One free block over `bytes` bytes at offset `start` of a region of `size` bytes at chip address `base`.
    pub(super) fn new(base: u32, size: u32, start: u32, bytes: u32) -> Option<Self> {
        // An alignment beyond the region's size cannot be served, so this is all the congruence that is needed.
        let memory = HostMemory::new(base, size, size.next_power_of_two())?;
        let mut scaled = Self { tlsf: rlsf::Tlsf::new(), memory, start, bytes };
        let pool = scaled.pool();
        // SAFETY: the pool is within that memory, which lives as long as `tlsf` and is used by nothing else.
        let taken = unsafe { scaled.tlsf.insert_free_block_ptr(pool) }?;
        (taken.get() == pool.len()).then_some(scaled)
    }

    /// Allocates `size` bytes at a multiple of `align`; the offset of the payload.
    #[inline]
    pub(super) fn allocate(&mut self, align: u32, size: u32) -> Option<u32> {
        let block = self.tlsf.allocate(layout(align, size)?)?;
        Some(self.offset(block))
    }

    /// Frees the block at `offset`.
    ///
    /// # Safety
    ///
    /// A live block is there that was allocated with `align`.
    #[inline]
    pub(super) unsafe fn free(&mut self, offset: u32, align: u32) {
        let host = host_align(align);
        // SAFETY: the caller's promise.
        unsafe { self.tlsf.deallocate(self.pointer(offset, align), host) }
    }

    /// Gives the block at `offset` `size` bytes; its offset from now on.
    ///
    /// # Safety
    ///
    /// As [`free`](Self::free).
    pub(super) unsafe fn resize(&mut self, offset: u32, align: u32, size: u32) -> Option<u32> {
        let layout = layout(align, size)?;
        // SAFETY: the caller's promise.
        let block = unsafe { self.tlsf.reallocate(self.pointer(offset, align), layout)? };
        Some(self.offset(block))
    }

    /// All blocks in order of address.
    pub(super) fn blocks(&self) -> impl Iterator<Item = Block> {
        // SAFETY: the pool is the one, and all, that was inserted.
        unsafe { self.tlsf.iter_blocks(self.pool()) }.map(|block| {
            let (header, _) = self.memory.offset(block.as_ptr().addr().get());
            Block { header, bytes: (block.size() / SCALE) as u32, used: block.is_occupied() }
        })
    }

    fn pool(&self) -> NonNull<[u8]> {
        NonNull::slice_from_raw_parts(self.memory.pointer(self.start), self.bytes as usize * SCALE)
    }

    /// Where the payload of a live block begins for `rlsf`: half a unit behind the block's start, as that is the size
    /// of its headers; of an aligned block, with a unit.
    #[inline]
    fn pointer(&self, offset: u32, align: u32) -> NonNull<u8> {
        if align > WORD {
            return self.memory.pointer(offset);
        }
        self.memory.pointer(offset - HEADER).map_addr(|address| address.saturating_add(HOST_HEADER))
    }

    /// Chip offset of a payload, which begins with a word on the chip: the header is the word before it.
    #[inline]
    fn offset(&self, pointer: NonNull<u8>) -> u32 {
        self.memory.offset(pointer.addr().get().next_multiple_of(GRANULARITY)).0
    }
}

/// The request that is passed to `rlsf`.
#[inline]
fn layout(align: u32, size: u32) -> Option<Layout> {
    let rest = if align > WORD { 0 } else { GRANULARITY - HOST_HEADER };
    let host = (size as usize).checked_mul(SCALE)?.checked_add(rest)?;
    Layout::from_size_align(host, host_align(align)).ok()
}

#[inline]
fn host_align(align: u32) -> usize {
    if align > WORD { align as usize * SCALE } else { HOST_HEADER }
}
