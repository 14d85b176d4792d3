//! The memory of a pool: which request to the heap a placement and its flags lead to, and which combinations are impossible.

use core::ptr::NonNull;

use microusc_port::{self as port, MemoryKind};

use crate::refusals::{self, Refusal};
use crate::types::*;

/// What a pool's storage is asked for with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HeapRequest {
    pub(crate) caps: u32,
    /// Alignment of each block, bytes.
    pub(crate) align: usize,
    expected: MemoryKind,
}

const FLAGS: u32 = MEMORY_POOL_FLAG_DMA | MEMORY_POOL_FLAG_ISR | MEMORY_POOL_FLAG_BYTES;

/// Decides what to ask the heap for, or why not to.
///
/// ```text
///            |  DRAM            PSRAM                        IRAM
///  ----------+------------------------------------------------------------------
///  any       |  yes             chip has it, else NO_PSRAM   chip has it, else NO_IRAM
///  + DMA     |  aligned to      chip can, else DMA_IN_PSRAM; DMA_IN_IRAM
///            |  the DMA unit    aligned to its cache line
///  + ISR     |  yes             ISR_IN_PSRAM                 yes
///  + BYTES   |  yes             yes                          BYTES_IN_IRAM
/// ```
pub(crate) fn heap_request(placement: memory_placement_t, flags: u32) -> Result<HeapRequest, Refusal> {
    let limits = port::limits();
    let wants = |flag| flags & flag != 0;
    let dma = wants(MEMORY_POOL_FLAG_DMA);
    if flags & !FLAGS != 0 {
        return Err(refusals::UNKNOWN_FLAG);
    }
    let word = size_of::<usize>();
    match placement {
        DRAM if dma => Ok(HeapRequest {
            caps: MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT | MALLOC_CAP_DMA,
            align: limits.dma_align.max(word),
            expected: MemoryKind::Internal,
        }),
        DRAM => Ok(HeapRequest {
            caps: MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT,
            align: word,
            expected: MemoryKind::Internal,
        }),
        PSRAM => match limits.psram {
            None => Err(MEMORY_POOL_ERR_NO_PSRAM.into()),
            Some(_) if wants(MEMORY_POOL_FLAG_ISR) => Err(MEMORY_POOL_ERR_ISR_IN_PSRAM.into()),
            Some(psram) if dma && !psram.dma => Err(MEMORY_POOL_ERR_DMA_IN_PSRAM.into()),
            Some(psram) => Ok(HeapRequest {
                caps: MALLOC_CAP_SPIRAM | MALLOC_CAP_8BIT,
                // Whole lines always: blocks of two owners in one line would share its write-back.
                align: psram.line.max(word),
                expected: MemoryKind::External,
            }),
        },
        IRAM if !limits.word_iram => Err(MEMORY_POOL_ERR_NO_IRAM.into()),
        IRAM if dma => Err(MEMORY_POOL_ERR_DMA_IN_IRAM.into()),
        IRAM if wants(MEMORY_POOL_FLAG_BYTES) => Err(MEMORY_POOL_ERR_BYTES_IN_IRAM.into()),
        IRAM => Ok(HeapRequest {
            caps: MALLOC_CAP_INTERNAL | MALLOC_CAP_32BIT,
            align: word,
            expected: MemoryKind::InternalWords,
        }),
        _ => Err(refusals::UNKNOWN_PLACEMENT),
    }
}

impl HeapRequest {
    /// Whether memory that came back is what was asked for. A heap may fall back to another kind; a pool may not.
    pub(crate) fn fits(&self, memory: *const u8, bytes: usize) -> bool {
        port::kind_of(memory, bytes) == self.expected && memory.addr() & (self.align - 1) == 0
    }
}

/// Whether a caller's buffer can hold a control block: atomics, locks and byte-wide marks rule out the other kinds.
pub(crate) fn fits_control(memory: *const u8, bytes: usize) -> bool {
    matches!(port::kind_of(memory, bytes), MemoryKind::Internal | MemoryKind::Static)
}

/// What the control block is asked for with: it needs locks and bytes, which only internal data RAM has.
const CONTROL_CAPS: u32 = MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT;

/// Memory that is returned to the heap when this is dropped, unless it is kept.
pub(crate) struct Allocation(pub(crate) NonNull<u8>);

impl Allocation {
    pub(crate) fn new(bytes: usize, align: usize, caps: u32) -> Result<Self, Refusal> {
        NonNull::new(port::allocate(bytes, align, caps)).map(Self).ok_or_else(|| ESP_ERR_NO_MEM.into())
    }

    /// Memory for what locks, interrupts and single bytes touch.
    pub(crate) fn for_control(bytes: usize, align: usize) -> Result<Self, Refusal> {
        let memory = Self::new(bytes, align, CONTROL_CAPS)?;
        if !fits_control(memory.0.as_ptr(), bytes) {
            return Err(MEMORY_POOL_ERR_WRONG_MEMORY.into());
        }
        Ok(memory)
    }

    pub(crate) fn keep(self) -> *mut u8 {
        core::mem::ManuallyDrop::new(self).0.as_ptr()
    }
}

impl Drop for Allocation {
    fn drop(&mut self) {
        // SAFETY: allocated in `new`, and not kept.
        unsafe { port::release(self.0.as_ptr()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heap_is_asked_for_every_required_capability() {
        let caps = |placement, flags| heap_request(placement, flags).unwrap().caps;
        assert_eq!(caps(DRAM, 0), MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT);
        let for_dma = MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT | MALLOC_CAP_DMA;
        assert_eq!(caps(DRAM, MEMORY_POOL_FLAG_DMA), for_dma);
        assert_eq!(caps(PSRAM, 0), MALLOC_CAP_SPIRAM | MALLOC_CAP_8BIT);
        assert_eq!(caps(IRAM, 0), MALLOC_CAP_INTERNAL | MALLOC_CAP_32BIT);
        // The numbers of ESP-IDF's `esp_heap_caps.h`.
        assert_eq!((caps(IRAM, 0), for_dma, caps(PSRAM, 0)), (0x802, 0x80C, 0x404));
    }

    #[test]
    fn memory_fits_if_its_kind_and_alignment_are_those_requested() {
        #[repr(align(64))]
        struct Memory([u8; 128]);
        static MEMORY: Memory = Memory([0; 128]);
        let fits = |align, expected, offset: usize| {
            let memory = MEMORY.0.as_ptr().wrapping_add(offset);
            HeapRequest { caps: 0, align, expected }.fits(memory, 8)
        };
        for align in [8, 16, 32, 64] {
            for offset in (0..=64).step_by(8) {
                assert_eq!(
                    fits(align, MemoryKind::Static, offset),
                    offset % align == 0,
                    "{offset} for {align}"
                );
            }
        }
        assert!(!fits(8, MemoryKind::Internal, 0));
    }
}
