//! The host: the memory of a chip of choice, laid out as `microusc-chips` knows it.

mod controls;
mod lock;
mod pause;
mod print;
mod record;
mod signal;
mod tasks;

use std::ptr::{NonNull, null_mut};
use std::sync::{Mutex, MutexGuard, PoisonError, atomic};

use microusc_chips::{Access, Caps, Chip, ChipHeap, Kind};

use super::{Limits, MemoryKind, PsramLimits};

pub use controls::{
    microusc_host_chip_address, microusc_host_fail_allocation, microusc_host_free_bytes,
    microusc_host_misplace_allocation, microusc_host_select_chip,
};
pub(crate) use lock::PortLock;
pub(crate) use print::{log, moment, print, print_heap};
pub use record::microusc_host_interrupt_at_release;
pub use signal::microusc_host_set_context;
pub(crate) use signal::{Signal, task_priority};
pub(crate) use tasks::{
    least_stack, semaphore_create, semaphore_delete, semaphore_give, semaphore_memory, semaphore_wait,
    system_lock, system_unlock, task_is_current, task_memory, task_pause, task_resume, task_start, task_stop,
};

/// External RAM that is fitted to chips that can have it, in bytes: the size on most modules.
const PSRAM_BYTES: usize = 4 << 20;

struct Board {
    heap: Option<ChipHeap>,
    /// Allocations until one is refused on purpose; zero for never.
    fail_in: usize,
    /// Allocations until one comes from the wrong memory on purpose; zero for never.
    misplace_in: usize,
}

static BOARD: Mutex<Board> = Mutex::new(Board { heap: None, fail_in: 0, misplace_in: 0 });

/// Counts an allocation; whether it is the one.
fn is_due(left: &mut usize) -> bool {
    let is_last = *left == 1;
    *left = left.saturating_sub(1);
    is_last
}

fn board() -> MutexGuard<'static, Board> {
    BOARD.lock().unwrap_or_else(PoisonError::into_inner)
}

fn lay_out(chip: Chip) -> ChipHeap {
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
    fn heap(&mut self) -> &mut ChipHeap {
        self.heap.get_or_insert_with(|| lay_out(chosen_chip()))
    }
}

/// Always: the log's code and texts are where all code is.
#[inline(always)]
pub(crate) fn may_report() -> bool {
    true
}

/// Not unless the program says so.
pub(crate) fn fills_free_blocks() -> bool {
    false
}

/// What the thread stands for.
pub(crate) fn in_interrupt() -> bool {
    signal::is_interrupt()
}

pub(crate) fn limits() -> Limits {
    let chip = board().heap().chip();
    let facts = chip.facts();
    Limits {
        psram: facts.psram.map(|psram| PsramLimits { dma: psram.dma, line: psram.line as usize }),
        dma_align: facts.dma_align as usize,
        word_iram: chip.regions().iter().any(|region| region.access == Access::WordOnly),
    }
}

pub(crate) fn allocate(bytes: usize, align: usize, caps: u32) -> *mut u8 {
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
pub(crate) unsafe fn release(memory: *mut u8) {
    let freed = NonNull::new(memory).map(|memory| board().heap().free(memory));
    debug_assert!(matches!(freed, Some(Ok(()))), "the heap does not know what is given back");
}

pub(crate) fn kind_of(memory: *const u8, bytes: usize) -> MemoryKind {
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
