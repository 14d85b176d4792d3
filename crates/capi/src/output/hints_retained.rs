//! Of retained pools: the same reasons, and other things to do. Apart, so that programs without such pools do not have the
//! words.

use crate::types::*;

/// What to do about it, of a retained pool, where the reason has one cause: the others are in `refusal`.
pub(crate) fn next_step(reason: esp_err_t) -> &'static str {
    match reason {
        MEMORY_POOL_ERR_NOT_A_BLOCK => {
            "free the address that memory_pool_retained_alloc or _at returned, to the same pool"
        }
        MEMORY_POOL_ERR_DOUBLE_FREE => "this block was freed before; set pointers to NULL when freeing",
        MEMORY_POOL_ERR_CORRUPT => {
            "the map was overwritten since the start: look for who does, and close and open the pool, which makes it anew"
        }
        MEMORY_POOL_ERR_RETAINED_NONE => {
            "the first start, or power was lost: fill the empty pool; if this comes at every start, start-up clears the memory"
        }
        MEMORY_POOL_ERR_RETAINED_CHECKSUM => {
            "the header was overwritten or damaged: fill the empty pool; if this comes again, look for who writes there"
        }
        MEMORY_POOL_ERR_RETAINED_MAP => {
            "the map was overwritten or damaged: fill the empty pool; if this comes again, look for who writes there"
        }
        MEMORY_POOL_ERR_RETAINED_VERSION => {
            "another version of this library left its pool: fill the empty pool"
        }
        MEMORY_POOL_ERR_RETAINED_BLOCK_SIZE => {
            "blocks of another size were left: fill the empty pool, or go back to that size"
        }
        MEMORY_POOL_ERR_RETAINED_NUM_BLOCKS => {
            "another number of blocks was left: fill the empty pool, or go back to that number"
        }
        MEMORY_POOL_ERR_RETAINED_TAG => "contents of another tag were left: fill the empty pool",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::next_step;
    use crate::types::*;

    #[test]
    fn whatever_was_wrong_with_the_memory_has_a_line_of_its_own() {
        let reasons = MEMORY_POOL_ERR_RETAINED_NONE..=MEMORY_POOL_ERR_RETAINED_MAP;
        let others = [MEMORY_POOL_ERR_NOT_A_BLOCK, MEMORY_POOL_ERR_DOUBLE_FREE, MEMORY_POOL_ERR_CORRUPT];
        let mut lines = HashSet::new();
        for reason in reasons.chain(others) {
            let line = next_step(reason);
            assert!(!line.is_empty() && !line.contains('\n'), "{reason:x}: {line}");
            assert!(lines.insert(line), "{reason:x} says what another says: {line}");
            assert_ne!(reason_name(reason), reason_name(0x7fff), "{reason:x} has a name");
        }
    }
}
