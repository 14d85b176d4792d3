//! The log of the ports without a standard library: the lines of the host, without the formatting of `core`, which takes
//! kilobytes.

use core::ffi::{CStr, c_char};

use crate::abi::*;

use super::advice::placement_name;
use super::{no_memory_step, now_ms, write};

/// Text on its way to the writer, which gets it when this is full or ends.
pub(super) struct Line {
    room: [u8; 128],
    length: usize,
}

impl Line {
    pub(super) fn new() -> Self {
        Self { room: [0; 128], length: 0 }
    }

    fn byte(&mut self, byte: u8) {
        if self.length == self.room.len() {
            self.flush();
        }
        if let Some(place) = self.room.get_mut(self.length) {
            *place = byte;
            self.length += 1;
        }
    }

    /// Kept out of the many places that call it.
    #[inline(never)]
    fn flush(&mut self) {
        // SAFETY: so many bytes were written there.
        unsafe { write(self.room.as_ptr().cast(), self.length) };
        self.length = 0;
    }

    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        bytes.iter().for_each(|byte| self.byte(*byte));
        self
    }

    /// # Safety
    ///
    /// `string` is a C string.
    unsafe fn string(&mut self, string: *const c_char) -> &mut Self {
        // SAFETY: as the caller promises.
        self.bytes(unsafe { CStr::from_ptr(string) }.to_bytes())
    }

    pub(super) fn number(&mut self, number: usize) -> &mut Self {
        self.digits(number, 10, 0)
    }

    /// To the right of so many places.
    fn right(&mut self, number: usize, places: usize) -> &mut Self {
        self.digits(number, 10, places)
    }

    fn address(&mut self, address: usize) -> &mut Self {
        self.text("0x").digits(address, 16, 0)
    }

    fn digits(&mut self, mut number: usize, radix: usize, places: usize) -> &mut Self {
        let mut digits = [b' '; 24];
        let mut count = 0;
        for place in digits.iter_mut().rev() {
            *place = b"0123456789abcdef"[number % radix % 16];
            number /= radix;
            count += 1;
            if number == 0 {
                break;
            }
        }
        let wanted = count.max(places).min(digits.len());
        self.bytes(&digits[digits.len() - wanted..])
    }

    /// To the left of so many places.
    ///
    /// # Safety
    ///
    /// `string` is a C string.
    unsafe fn left(&mut self, string: *const c_char, places: usize) -> &mut Self {
        // SAFETY: as the caller promises.
        let bytes = unsafe { CStr::from_ptr(string) }.to_bytes();
        self.bytes(bytes);
        (bytes.len()..places).for_each(|_| self.byte(b' '));
        self
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.flush();
    }
}

pub(crate) fn log(report: &memory_pool_report_t, step: &str) {
    let mut line = Line::new();
    line.text("W (").number(now_ms() as usize).text(") memory_pool: ");
    // SAFETY: the strings of reports are C strings that live for the call.
    unsafe { line.string(report.function) }.text("(").address(report.address.addr()).text(")");
    // SAFETY: as above.
    if unsafe { *report.pool } != 0 {
        // SAFETY: as above.
        unsafe { line.text(" of pool \"").string(report.pool) }.text("\"");
    }
    // SAFETY: names live for ever.
    unsafe { line.text(": ").string(reason_name(report.reason).as_ptr()) };
    if report.count > 0 {
        line.text(", ").number(report.count).text(" blocks in use");
    }
    let step = match report.reason {
        ESP_ERR_NO_MEM => no_memory_step(),
        _ => step,
    };
    line.text(": ").text(step).text("\n");
}

pub(crate) fn log_leak(pool: *const c_char, count: usize, site: &memory_pool_site_t) {
    let mut line = Line::new();
    line.text("W (").number(now_ms() as usize).text(") memory_pool: pool \"");
    // SAFETY: a pool's name is a C string.
    unsafe { line.string(pool) }.text("\": ").number(count).text(" in use, taken ");
    if !site.recorded {
        line.text("before that was recorded, the first ").address(site.block.addr()).text("\n");
        return;
    }
    if !site.file.is_null() {
        // SAFETY: whoever took the block gave a C string that lives for ever.
        unsafe { line.text("at ").string(site.file) }.text(":").number(site.line as usize);
    } else if !site.caller.is_null() {
        line.text("from ").address(site.caller.addr());
    } else {
        line.text("somewhere");
    }
    if site.in_interrupt {
        line.text(" by an interrupt");
    } else if !site.task.is_null() {
        line.text(" by task ").address(site.task.addr());
    }
    let (milliseconds, _) = divided(site.age_us, 1000);
    let (seconds, rest) = divided(milliseconds, 1000);
    line.text(" on core ").number(site.core.into()).text(", the oldest ").address(site.block.addr());
    line.text(" for ").number(seconds as usize).text(".");
    line.byte(b'0' + (rest / 100) as u8);
    line.byte(b'0' + (rest / 10 % 10) as u8);
    line.byte(b'0' + (rest % 10) as u8);
    line.text(" s\n");
}

/// Quotient and rest of a number of 64 bits by at most 16 bits, by divisions of 32: a core without the wide one would call a
/// library for it.
pub(super) fn divided(number: u64, by: u16) -> (u64, u32) {
    let (mut quotient, mut rest) = (0u64, 0u32);
    for shift in [48, 32, 16, 0] {
        rest = (rest << 16) | ((number >> shift) as u32 & 0xFFFF);
        quotient = (quotient << 16) | u64::from(rest / u32::from(by));
        rest %= u32::from(by);
    }
    (quotient, rest)
}

pub(crate) fn print_info(info: &memory_pool_info_t) {
    let mut line = Line::new();
    // SAFETY: a name ends in a zero within its array.
    unsafe { line.text("=== ").string(info.name.as_ptr()) }.text(" Pool Statistics ===\nPlacement: ");
    line.text(placement_name(info.placement)).text("\nBlock size: ").number(info.block_size).text(" bytes (");
    line.number(info.requested_size).text(" asked for)\nTotal blocks: ").number(info.num_blocks);
    line.text("\nFree blocks: ").number(info.free_blocks).text(" (lowest ever ").number(info.lowest_free);
    line.text(")\nUsed blocks: ")
        .number(info.used_blocks)
        .text("\nTotal memory: ")
        .number(info.storage_bytes);
    line.text(" bytes + ").number(info.overhead_bytes).text(" overhead\nUtilization: ");
    line.number(info.used_blocks * 100 / info.num_blocks.max(1)).text("%\nFailed allocations: ");
    line.number(info.alloc_failures as usize).text("\nRefused frees: ").number(info.refused_frees as usize);
    line.text("\nCorruptions met: ").number(info.corruptions as usize).text("\n");
}

pub(crate) fn print_usage(pools: impl Iterator<Item = memory_pool_info_t>) {
    let mut line = Line::new();
    line.text("pool             where block B   used   free    lowest  failed\n");
    for info in pools {
        // SAFETY: a name ends in a zero within its array; the other names live for ever.
        unsafe { line.left(info.name.as_ptr(), 17) };
        line.text(placement_name(info.placement)).right(info.block_size, 9).right(info.used_blocks, 7);
        line.right(info.free_blocks, 7)
            .right(info.lowest_free, 10)
            .right(info.alloc_failures as usize, 8)
            .text("\n");
    }
}
