//! Of retained pools: the same reasons, and other things to do.

use crate::abi::*;

/// What to do about it.
pub(super) fn step(reason: esp_err_t) -> &'static str {
    match reason {
        ESP_ERR_INVALID_ARG => "a pointer is NULL, or the memory is not aligned to a pointer",
        ESP_ERR_INVALID_SIZE => {
            "declare the memory with MEMORY_POOL_RETAINED_BUFFER; blocks hold at least a pointer, a pool 1 to MEMORY_POOL_RETAINED_MAX_BLOCKS of them"
        }
        ESP_ERR_INVALID_STATE => {
            "a pool is opened before it is used, and closed before it, or another over the same memory, is opened"
        }
        MEMORY_POOL_ERR_NOT_A_BLOCK => {
            "free the address that memory_pool_retained_alloc or _at returned, to the same pool"
        }
        MEMORY_POOL_ERR_DOUBLE_FREE => "somebody freed this block before; set pointers to NULL when freeing",
        MEMORY_POOL_ERR_CORRUPT => {
            "the map of blocks in use was overwritten since the start: close and open the pool, which makes it anew, and look for who writes before its first block"
        }
        MEMORY_POOL_ERR_RETAINED_NONE => {
            "the first start, or the memory lost power: fill the empty pool; if that is said at every start, put the memory where start-up does not clear it"
        }
        MEMORY_POOL_ERR_RETAINED_CHECKSUM => {
            "the header was damaged or overwritten: fill the empty pool; if it happens again, look for who writes to the memory"
        }
        MEMORY_POOL_ERR_RETAINED_MAP => {
            "the map of blocks in use was damaged or overwritten: fill the empty pool; if it happens again, look for who writes before its first block"
        }
        MEMORY_POOL_ERR_RETAINED_VERSION => {
            "the firmware before had another version of this library: fill the empty pool"
        }
        MEMORY_POOL_ERR_RETAINED_BLOCK_SIZE => {
            "the firmware before had blocks of another size here: fill the empty pool, or go back to that size"
        }
        MEMORY_POOL_ERR_RETAINED_NUM_BLOCKS => {
            "the firmware before had another number of blocks here: fill the empty pool, or go back to that number"
        }
        MEMORY_POOL_ERR_RETAINED_TAG => {
            "the firmware before gave the contents another tag: fill the empty pool with what the new tag stands for"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::step;
    use crate::abi::*;

    #[test]
    fn whatever_was_wrong_with_the_memory_has_a_line_of_its_own() {
        let reasons = MEMORY_POOL_ERR_RETAINED_NONE..=MEMORY_POOL_ERR_RETAINED_MAP;
        let others = [
            ESP_ERR_INVALID_ARG,
            ESP_ERR_INVALID_SIZE,
            ESP_ERR_INVALID_STATE,
            MEMORY_POOL_ERR_NOT_A_BLOCK,
            MEMORY_POOL_ERR_DOUBLE_FREE,
            MEMORY_POOL_ERR_CORRUPT,
        ];
        let mut lines = HashSet::new();
        for reason in reasons.chain(others) {
            let line = step(reason);
            assert!(!line.is_empty() && !line.contains('\n'), "{reason:x}: {line}");
            assert!(lines.insert(line), "{reason:x} says what another says: {line}");
            assert_ne!(reason_name(reason), reason_name(0x7fff), "{reason:x} has a name");
        }
    }
}
