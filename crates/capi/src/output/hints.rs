//! The words of log lines, the same on every port.

use crate::types::*;

/// What to do about it, of a pool or a set, where the reason has one cause: the others are in `refusal`.
pub(crate) fn next_step(reason: esp_err_t) -> &'static str {
    match reason {
        ESP_ERR_NO_MEM => {
            "not enough memory of that kind: make fewer or smaller blocks, or choose another placement"
        }
        MEMORY_POOL_ERR_NOT_A_BLOCK => "free the address that memory_pool_alloc returned, to the same pool",
        MEMORY_POOL_ERR_DOUBLE_FREE => "this block was freed before; set pointers to NULL when freeing",
        MEMORY_POOL_ERR_CORRUPT => {
            "a free block was written to, by its former owner or by a neighbour; memory_pool_repair makes the list anew"
        }
        MEMORY_POOL_ERR_WRITTEN => {
            "a block was written to while it was free, here: by its former owner, or by who has the block before it"
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
        ESP_ERR_NOT_SUPPORTED => {
            "the archive was built without that: with the feature `diagnostics`, on ESP-IDF CONFIG_MICROUSC_DIAGNOSTICS"
        }
        _ => "",
    }
}

/// What a kind of memory is called.
pub(crate) fn placement_name(placement: memory_placement_t) -> &'static str {
    match placement {
        DRAM => "DRAM",
        PSRAM => "PSRAM",
        IRAM => "IRAM",
        _ => "?",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_reason_of_one_cause_has_a_line_of_its_own() {
        let reasons = [
            ESP_ERR_NO_MEM,
            MEMORY_POOL_ERR_NOT_A_BLOCK,
            MEMORY_POOL_ERR_DOUBLE_FREE,
            MEMORY_POOL_ERR_CORRUPT,
            MEMORY_POOL_ERR_WRITTEN,
            MEMORY_POOL_ERR_IN_USE,
            MEMORY_POOL_ERR_NO_PSRAM,
            MEMORY_POOL_ERR_NO_IRAM,
            MEMORY_POOL_ERR_ISR_IN_PSRAM,
            MEMORY_POOL_ERR_DMA_IN_PSRAM,
            MEMORY_POOL_ERR_DMA_IN_IRAM,
            MEMORY_POOL_ERR_BYTES_IN_IRAM,
            MEMORY_POOL_ERR_WRONG_MEMORY,
            ESP_ERR_NOT_SUPPORTED,
        ];
        let lines: HashSet<_> = reasons.into_iter().map(next_step).collect();
        assert_eq!(lines.len(), reasons.len());
        assert!(lines.iter().all(|line| !line.is_empty() && !line.contains('\n')));
        assert_eq!(next_step(ESP_ERR_INVALID_STATE), "", "of many causes");
    }
}
