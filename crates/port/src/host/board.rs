//! The memory of the chosen chip, laid out as `microusc-chips` knows it.

use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use microusc_chips::{Access, Caps, Chip, ChipHeap, Kind};

use crate::types::{Limits, MemoryKind, PsramLimits};

/// External RAM that is fitted to chips that can have it, in bytes: the size on most modules.
const PSRAM_BYTES: usize = 4 << 20;

pub(super) struct Board {
    pub(super) heap: Option<ChipHeap>,
    /// Allocations until one is refused on purpose; zero for never.
    pub(super) fail_in: usize,
    /// Allocations until one comes from the wrong memory on purpose; zero for never.
    pub(super) misplace_in: usize,
}

static BOARD: Mutex<Board> = Mutex::new(Board { heap: None, fail_in: 0, misplace_in: 0 });

/// Counts an allocation; whether it is the one.
fn is_due(left: &mut usize) -> bool {
    let is_last = *left == 1;
    *left = left.saturating_sub(1);
    is_last
}

pub(super) fn board() -> MutexGuard<'static, Board> {
    BOARD.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn lay_out(chip: Chip) -> ChipHeap {
    let psram = if chip.facts().psram.is_some() { PSRAM_BYTES } else { 0 };
    ChipHeap::builder(chip).psram(psram).build().expect("the sizes of the tables fit their regions")
}

/// The chip named by the environment variable `MICROUSC_CHIP`, or the ESP32.
fn chosen_chip() -> Chip {
    let Ok(name) = std::env::var("MICROUSC_CHIP") else { return Chip::Esp32 };
    name.parse().unwrap_or_else(|unknown| {
        eprintln!("W memory_pool: MICROUSC_CHIP: {unknown}; laying out an esp32");
        Chip::Esp32
    })
}

impl Board {
    pub(super) fn heap(&mut self) -> &mut ChipHeap {
        self.heap.get_or_insert_with(|| lay_out(chosen_chip()))
    }
}

/// There are live pools. Relaxed: it orders nothing.
static POOLS_EXIST: AtomicBool = AtomicBool::new(false);

pub fn pools_exist(exist: bool) {
    POOLS_EXIST.store(exist, Ordering::Relaxed);
}

/// Whether the memory of another chip must not be laid out now.
pub(super) fn is_in_use() -> bool {
    POOLS_EXIST.load(Ordering::Relaxed)
}

pub fn limits() -> Limits {
    let chip = board().heap().chip();
    let facts = chip.facts();
    Limits {
        psram: facts.psram.map(|psram| PsramLimits { dma: psram.dma, line: psram.line as usize }),
        dma_align: facts.dma_align as usize,
        word_iram: chip.regions().iter().any(|region| region.access == Access::WordOnly),
    }
}

pub fn allocate(bytes: usize, align: usize, caps: u32) -> *mut u8 {
    let mut board = board();
    if is_due(&mut board.fail_in) {
        return null_mut();
    }
    let wanted = Caps::from_bits_retain(caps);
    let caps = match is_due(&mut board.misplace_in) {
        true if wanted.contains(Caps::SPIRAM) => Caps::INTERNAL | Caps::B8,
        true => Caps::SPIRAM | Caps::B8,
        false => wanted,
    };
    let memory = board.heap().aligned_alloc(align, bytes, caps);
    memory.map_or(null_mut(), NonNull::as_ptr)
}

/// # Safety
///
/// `memory` came from `allocate` and is not used again.
pub unsafe fn release(memory: *mut u8) {
    let freed = NonNull::new(memory).map(|memory| board().heap().free(memory));
    debug_assert!(matches!(freed, Some(Ok(()))), "the heap does not know what is given back");
}

pub fn kind_of(memory: *const u8, bytes: usize) -> MemoryKind {
    let mut board = board();
    let mut region_at = |address: *const u8| {
        let region = board.heap().region_of(NonNull::new(address.cast_mut())?)?;
        Some(match (region.kind, region.access) {
            (Kind::Psram, _) => MemoryKind::External,
            (_, Access::WordOnly) => MemoryKind::InternalWords,
            (_, Access::Byte) => MemoryKind::Internal,
        })
    };
    // Of one kind from its first byte to its last, or none that a pool can use.
    let (first, last) = (region_at(memory), region_at(memory.wrapping_add(bytes.saturating_sub(1))));
    if first == last { first.unwrap_or(MemoryKind::Static) } else { MemoryKind::Static }
}
