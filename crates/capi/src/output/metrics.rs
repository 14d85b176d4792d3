//! Metrics for a monitoring system: sums over all pools, and text that Prometheus reads.
//!
//! A pool takes part by a lock of the registry for O(pools + 64) at a time, and the text is written from the beginning again
//! when pools came, went or were named meanwhile. So every family has the same pools, and no pool is read after its end.

use core::ffi::{CStr, c_char};
use core::ptr::null;

use microusc_pool::RawLock;
use microusc_port::text::{Text, name_bytes};

use crate::control::block::lock;
use crate::control::registry::{self, Changed};
use crate::output::print::placement_name;
use crate::output::report::{from_task, refuse};
use crate::output::snapshot::info_at;
use crate::refusals;
use crate::types::*;

/// How often the text is begun anew, before there is none.
const TRIES: usize = 16;

/// Sums over all pools, of one moment. O(pools) in one critical section.
pub(crate) fn sums() -> memory_pool_metrics_t {
    registry::view(|pools| {
        let mut sums = memory_pool_metrics_t::default();
        for control in pools {
            let at = control.as_ptr();
            // SAFETY: on the registry, which is locked, so live, with its owner; the pool's lock is held as well.
            let (free, counters) =
                unsafe { lock(control).with(|| ((*(*at).owner).free_blocks, (*at).counters)) };
            // SAFETY: live, as above; what is read here never changes.
            let control = unsafe { control.as_ref() };
            // The number is in the caller's struct, where a stray write reaches it.
            let used = control.geometry.capacity().saturating_sub(free);
            sums.pools += 1;
            sums.blocks += control.geometry.capacity();
            sums.blocks_in_use += used;
            sums.bytes_reserved += control.geometry.bytes();
            sums.bytes_in_use += used * control.geometry.stride();
            sums.overhead_bytes += control.overhead_bytes();
            sums.alloc_failures = sums.alloc_failures.saturating_add(counters.exhausted);
            sums.refused_frees = sums.refused_frees.saturating_add(counters.refused);
            sums.corruptions = sums.corruptions.saturating_add(counters.damaged.into());
        }
        sums
    })
}

/// Several samples of one meaning, one of each pool.
struct Family {
    /// Behind the prefix of all.
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    value: fn(&memory_pool_info_t) -> usize,
}

const fn gauge(name: &'static str, help: &'static str, value: fn(&memory_pool_info_t) -> usize) -> Family {
    Family { name, kind: "gauge", help, value }
}

const fn counter(name: &'static str, help: &'static str, value: fn(&memory_pool_info_t) -> usize) -> Family {
    Family { name, kind: "counter", help, value }
}

static FAMILIES: [Family; 10] = [
    gauge("blocks", "Blocks of the pool.", |info| info.num_blocks),
    gauge("blocks_in_use", "Blocks that have an owner.", |info| info.used_blocks),
    gauge("blocks_free_lowest", "The fewest free blocks since the start or the last reset.", |info| {
        info.lowest_free
    }),
    gauge("block_bytes", "Bytes that a block may use.", |info| info.block_size),
    gauge("storage_bytes", "RAM of the blocks.", |info| info.storage_bytes),
    gauge("overhead_bytes", "RAM of the pool besides its blocks.", |info| info.overhead_bytes),
    gauge("waiting_tasks", "Tasks that wait for a block.", |info| info.waiting_tasks),
    counter("alloc_failures_total", "Allocations refused because every block was in use.", |info| {
        info.alloc_failures as usize
    }),
    counter("refused_frees_total", "Wrong frees that were refused.", |info| info.refused_frees as usize),
    counter("corruptions_total", "Times that damage was met in the free list.", |info| {
        info.corruptions as usize
    }),
];

/// Writes as much of the text as fits, and says how long it is; see `memory_pool_metrics_text`.
///
/// # Safety
///
/// `buffer` may be written to for `size` bytes.
pub(crate) unsafe fn text(buffer: *mut u8, size: usize) -> usize {
    for _ in 0..TRIES {
        let mut room = Room { buffer, size, length: 0 };
        if all(&mut room).is_ok() {
            return room.end();
        }
    }
    Room { buffer, size, length: 0 }.end()
}

/// Every family. Each look at the list is at the same one, also the last, which finds its end.
fn all(text: &mut impl Text) -> Result<(), Changed> {
    let changes = registry::changes();
    for family in &FAMILIES {
        for (keyword, rest) in [("HELP", family.help), ("TYPE", family.kind)] {
            text.text("# ").text(keyword).text(" microusc_pool_").text(family.name);
            text.text(" ").text(rest).text("\n");
        }
        let mut place = 0;
        while let Some(info) = info_at(place, changes)? {
            let namesakes = namesakes_before(place, &info.name, changes)?;
            sample(text, family, &info, namesakes);
            place += 1;
        }
    }
    Ok(())
}

/// How many pools before the one at a place have the same label. O(pools).
fn namesakes_before(place: usize, name: &[c_char], changes: u32) -> Result<usize, Changed> {
    registry::view_unchanged(changes, |pools| {
        // SAFETY: on the registry, which is locked, so live, and not being named.
        let names = pools.take(place).map(|control| unsafe { (*control.as_ptr()).name });
        names.filter(|earlier| label(earlier).eq(label(name))).count()
    })
}

fn sample(text: &mut impl Text, family: &Family, info: &memory_pool_info_t, namesakes: usize) {
    text.text("microusc_pool_").text(family.name).text("{pool=\"");
    for byte in label(&info.name) {
        match byte {
            b'\n' => text.text("\\n"),
            b'\\' | b'"' => text.bytes(&[b'\\', byte]),
            _ => text.bytes(&[byte]),
        };
    }
    text.text("\",placement=\"").text(placement_name(info.placement)).text("\"");
    if namesakes > 0 {
        text.text(",number=\"").number(namesakes + 1).text("\"");
    }
    text.text("} ").number((family.value)(info)).text("\n");
}

/// A name as UTF-8: what is none, as the end of a name that was cut within a character, is replaced by U+FFFD.
fn label(name: &[c_char]) -> impl Iterator<Item = u8> {
    name_bytes(name).utf8_chunks().flat_map(|chunk| {
        let replaced = if chunk.invalid().is_empty() { "" } else { "\u{FFFD}" };
        chunk.valid().bytes().chain(replaced.bytes())
    })
}

/// A buffer of the caller's, and the length of the text whether it fits or not.
struct Room {
    buffer: *mut u8,
    size: usize,
    length: usize,
}

impl Text for Room {
    fn byte(&mut self, byte: u8) {
        if self.length < self.size {
            // SAFETY: inside the buffer, as `text` was promised.
            unsafe { self.buffer.add(self.length).write(byte) };
        }
        self.length += 1;
    }
}

impl Room {
    /// Ends the text with a zero, at the latest in the last byte of the buffer; the length of the text without that.
    fn end(self) -> usize {
        if let Some(last) = self.size.checked_sub(1) {
            // SAFETY: inside the buffer, as `text` was promised.
            unsafe { self.buffer.add(self.length.min(last)).write(0) };
        }
        self.length
    }
}

/// Sums over all pools, of one moment. O(pools); one critical section. From tasks only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_get_metrics(metrics: *mut memory_pool_metrics_t) -> esp_err_t {
    const NAME: &CStr = c"memory_pool_get_metrics";
    if let Err(refusal) = from_task(NAME, null()) {
        return refusal.reason;
    }
    if metrics.is_null() {
        return refuse(NAME, refusals::NULL_POINTER, null());
    }
    // SAFETY: obligation 2.
    unsafe { metrics.write(sums()) };
    ESP_OK
}

/// Every pool in Prometheus's text format; the length of the whole text. O(pools * (pools + num_blocks)), in critical sections of
/// O(pools + 64). From tasks only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_metrics_text(buffer: *mut c_char, size: usize) -> usize {
    let size = if buffer.is_null() { 0 } else { size };
    if from_task(c"memory_pool_metrics_text", null()).is_err() {
        if size > 0 {
            // SAFETY: obligation 2.
            unsafe { buffer.write(0) };
        }
        return 0;
    }
    // SAFETY: obligation 2: `size` bytes, or none.
    unsafe { text(buffer.cast(), size) }
}

/// Sums over all pools.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs, reason = "field by field as in the header")]
pub struct memory_pool_metrics_t {
    pub pools: usize,
    pub blocks: usize,
    pub blocks_in_use: usize,
    pub bytes_reserved: usize,
    pub bytes_in_use: usize,
    pub overhead_bytes: usize,
    pub alloc_failures: u32,
    pub refused_frees: u32,
    pub corruptions: u32,
}
