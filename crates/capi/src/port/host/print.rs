//! The log of the host port: lines as ESP-IDF's, on standard error; what was asked to be printed on standard output.

use std::ffi::CStr;
use std::sync::LazyLock;
use std::time::Instant;

use microusc_chips::Caps;

use crate::abi::*;

use super::board;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

fn text(string: *const core::ffi::c_char) -> String {
    // SAFETY: the strings of reports and snapshots are C strings that live for the call.
    unsafe { CStr::from_ptr(string) }.to_string_lossy().into_owned()
}

/// What to do about it.
fn next_step(reason: esp_err_t) -> &'static str {
    match reason {
        ESP_ERR_NO_MEM => {
            "not enough memory of that kind: make fewer or smaller blocks, or choose another placement"
        }
        ESP_ERR_INVALID_ARG => "a pointer is NULL, or a placement or flag is unknown",
        ESP_ERR_INVALID_SIZE => {
            "blocks hold at least a pointer, a pool at least one block, both together at most half the address space; a static buffer as MEMORY_POOL_STATIC_SIZE says"
        }
        ESP_ERR_INVALID_STATE => {
            "a pool is initialised once, before it is used, and destroyed once, while nobody waits for its blocks; interrupts cannot wait"
        }
        MEMORY_POOL_ERR_NOT_A_BLOCK => "free the address that memory_pool_alloc returned, to the same pool",
        MEMORY_POOL_ERR_DOUBLE_FREE => "somebody freed this block before; set pointers to NULL when freeing",
        MEMORY_POOL_ERR_CORRUPT => {
            "a free block was written to, by its former owner or by a neighbour; memory_pool_repair makes the list anew"
        }
        MEMORY_POOL_ERR_IN_USE => {
            "blocks are in use: their owners hold pointers to memory that ends with the pool"
        }
        MEMORY_POOL_ERR_NO_PSRAM => "this chip or module has no external RAM: use DRAM",
        MEMORY_POOL_ERR_NO_IRAM => "this chip has no instruction RAM for data: use DRAM",
        MEMORY_POOL_ERR_ISR_IN_PSRAM => {
            "external RAM is unreachable while the flash cache is off: use DRAM for interrupts"
        }
        MEMORY_POOL_ERR_DMA_IN_PSRAM => "DMA does not reach this chip's external RAM: use DRAM",
        MEMORY_POOL_ERR_DMA_IN_IRAM => "DMA does not reach instruction RAM: use DRAM",
        MEMORY_POOL_ERR_BYTES_IN_IRAM => {
            "instruction RAM takes aligned 32-bit accesses only: use DRAM for bytes"
        }
        MEMORY_POOL_ERR_WRONG_MEMORY => {
            "the heap gave memory of another kind, or the buffer is not internal RAM"
        }
        ESP_ERR_NOT_FINISHED => {
            "a task did not stop: its driver and memory stay; try again when it waits or returned"
        }
        MEMORY_POOL_ERR_RETAINED_NONE => {
            "no pool was found: the first start, or the memory lost power; it is empty"
        }
        MEMORY_POOL_ERR_RETAINED_CHECKSUM | MEMORY_POOL_ERR_RETAINED_MAP => {
            "retained memory was damaged or overwritten: the pool is empty again"
        }
        MEMORY_POOL_ERR_RETAINED_VERSION
        | MEMORY_POOL_ERR_RETAINED_BLOCK_SIZE
        | MEMORY_POOL_ERR_RETAINED_NUM_BLOCKS
        | MEMORY_POOL_ERR_RETAINED_TAG => {
            "the firmware before had another pool in this memory: it is empty again"
        }
        _ => "",
    }
}

pub(crate) fn log(report: &memory_pool_report_t) {
    let (function, pool) = (text(report.function), text(report.pool));
    let reason = reason_name(report.reason).to_string_lossy();
    let of = if pool.is_empty() { String::new() } else { format!(" of pool \"{pool}\"") };
    let count = if report.count > 0 { format!(", {} blocks in use", report.count) } else { String::new() };
    eprintln!(
        "W ({}) memory_pool: {function}({:p}){of}: {reason}{count}: {}",
        START.elapsed().as_millis(),
        report.address,
        next_step(report.reason)
    );
}

fn placement_name(placement: memory_placement_t) -> &'static str {
    match placement {
        DRAM => "DRAM",
        PSRAM => "PSRAM",
        IRAM => "IRAM",
        _ => "?",
    }
}

pub(crate) fn print_info(info: &memory_pool_info_t) {
    println!("=== {} Pool Statistics ===", text(info.name.as_ptr()));
    println!("Placement: {}", placement_name(info.placement));
    println!("Block size: {} bytes ({} asked for)", info.block_size, info.requested_size);
    println!("Total blocks: {}", info.num_blocks);
    println!("Free blocks: {} (lowest ever {})", info.free_blocks, info.lowest_free);
    println!("Used blocks: {}", info.used_blocks);
    println!("Total memory: {} bytes + {} overhead", info.storage_bytes, info.overhead_bytes);
    println!("Utilization: {}%", info.used_blocks * 100 / info.num_blocks);
    println!("Failed allocations: {}", info.alloc_failures);
    println!("Refused frees: {}", info.refused_frees);
    println!("Corruptions met: {}", info.corruptions);
    println!("Waiting tasks: {}", info.waiting_tasks);
}

pub(crate) fn print_usage(pools: impl Iterator<Item = memory_pool_info_t>) {
    let mut board = board();
    let heap = board.heap();
    println!("Memory of {}", heap.chip());
    println!("{:<10} {:>9} {:>9} {:>9} {:>9}", "heap", "total", "free", "min_free", "largest");
    for (name, caps) in [
        ("internal", Caps::INTERNAL | Caps::B8),
        ("dma", Caps::DMA),
        ("psram", Caps::SPIRAM),
        ("iram", Caps::INTERNAL | Caps::B32),
    ] {
        let info = heap.info(caps);
        let total = info.total_free + info.total_allocated;
        println!(
            "{name:<10} {total:>9} {:>9} {:>9} {:>9}",
            info.total_free, info.minimum_free, info.largest_free_block
        );
    }
    drop(board);
    println!(
        "{:<16} {:<5} {:>7} {:>6} {:>6} {:>9} {:>7}",
        "pool", "where", "block B", "used", "free", "lowest", "failed"
    );
    for info in pools {
        println!(
            "{:<16} {:<5} {:>7} {:>6} {:>6} {:>9} {:>7}",
            text(info.name.as_ptr()),
            placement_name(info.placement),
            info.block_size,
            info.used_blocks,
            info.free_blocks,
            info.lowest_free,
            info.alloc_failures
        );
    }
}
