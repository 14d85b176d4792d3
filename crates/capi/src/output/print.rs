//! What is printed about pools: the same lines on every port, which only says where text goes. From tasks only.

use core::ffi::CStr;

use crate::diagnostics::leaks_types::memory_pool_site_t;
use crate::output::hints::placement_name;
use crate::types::memory_pool_info_t;
use microusc_port as port;
use microusc_port::text::{Text, divided, name_bytes};

/// Text on its way to the port, which gets it line by line, or when this is full.
pub(crate) struct Line {
    room: [u8; 128],
    length: usize,
}

impl Line {
    pub(crate) fn new() -> Self {
        Self { room: [0; 128], length: 0 }
    }

    /// Kept out of the many places that call it.
    #[inline(never)]
    fn flush(&mut self) {
        if let Some(text) = self.room.get(..self.length)
            && !text.is_empty()
        {
            port::print(text);
        }
        self.length = 0;
    }
}

impl Text for Line {
    fn byte(&mut self, byte: u8) {
        if let Some(place) = self.room.get_mut(self.length) {
            *place = byte;
            self.length += 1;
        }
        if byte == b'\n' || self.length == self.room.len() {
            self.flush();
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.flush();
    }
}

/// The snapshot of one pool.
pub(crate) fn info(info: &memory_pool_info_t) {
    let mut line = Line::new();
    line.text("=== ").bytes(name_bytes(&info.name)).text(" Pool Statistics ===\nPlacement: ");
    line.text(placement_name(info.placement)).text("\nBlock size: ").number(info.block_size);
    line.text(" bytes (").number(info.requested_size).text(" asked for)\nTotal blocks: ");
    line.number(info.num_blocks).text("\nFree blocks: ").number(info.free_blocks).text(" (lowest ever ");
    line.number(info.lowest_free).text(")\nUsed blocks: ").number(info.used_blocks);
    line.text("\nTotal memory: ").number(info.storage_bytes).text(" bytes + ").number(info.overhead_bytes);
    line.text(" overhead\nUtilization: ").number(info.used_blocks * 100 / info.num_blocks.max(1));
    for (what, count) in [
        ("%\nFailed allocations: ", info.alloc_failures as usize),
        ("\nRefused frees: ", info.refused_frees as usize),
        ("\nCorruptions met: ", info.corruptions as usize),
        ("\nWaiting tasks: ", info.waiting_tasks),
    ] {
        line.text(what).number(count);
    }
    line.text("\n");
}

/// The heap's totals, and a line a pool.
pub(crate) fn usage(pools: impl Iterator<Item = memory_pool_info_t>) {
    port::print_heap();
    let mut line = Line::new();
    line.text("pool             where block B   used   free    lowest  failed\n");
    for info in pools {
        line.left(name_bytes(&info.name), 17).left(placement_name(info.placement).as_bytes(), 5);
        for (number, places) in [
            (info.block_size, 8),
            (info.used_blocks, 7),
            (info.free_blocks, 7),
            (info.lowest_free, 10),
            (info.alloc_failures as usize, 8),
        ] {
            line.right(number, places);
        }
        line.text("\n");
    }
}

/// Blocks of the pool of this name that one place took, of which `site` tells of the oldest.
pub(crate) fn leak(pool: &[u8], count: usize, site: &memory_pool_site_t) {
    let mut line = Line::new();
    line.text("pool \"").bytes(pool).text("\": ").number(count).text(" in use, taken ");
    if !site.recorded {
        line.text("before that was recorded, the first ").address(site.block.addr()).text("\n");
        return;
    }
    if !site.file.is_null() {
        // SAFETY: whoever took the block gave a C string that lives for ever.
        let file = unsafe { CStr::from_ptr(site.file) };
        line.text("at ").bytes(file.to_bytes()).text(":").number(site.line as usize);
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
    line.text(" on core ").number(site.core.into()).text(", the oldest ").address(site.block.addr());
    let (milliseconds, _) = divided(site.age_us, 1000);
    let (seconds, rest) = divided(milliseconds, 1000);
    line.text(" for ").number(seconds as usize).text(".");
    for place in [100, 10, 1] {
        line.byte(b'0' + (rest / place % 10) as u8);
    }
    line.text(" s\n");
}
