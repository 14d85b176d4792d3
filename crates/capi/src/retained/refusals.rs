//! Why a call on a retained pool is refused: the same numbers as for other pools, with other causes and other next steps. In a module
//! of its own, so that programs without retained pools do not contain these words.

use crate::refusals::{Refusal, refusals};
use crate::types::*;

/// A reason that has one cause.
pub(crate) fn of(reason: esp_err_t) -> Refusal {
    Refusal { reason, step: next_step(reason) }
}

refusals! {
    NULL_POINTER = ESP_ERR_INVALID_ARG, "a pointer is NULL: pass a struct, memory and a configuration";
    MISALIGNED = ESP_ERR_INVALID_ARG,
        "the memory is not aligned to a pointer: declare it with MEMORY_POOL_RETAINED_BUFFER";
    BAD_SHAPE = ESP_ERR_INVALID_SIZE,
        "blocks hold at least a pointer, and a retained pool has 1 to MEMORY_POOL_RETAINED_MAX_BLOCKS of them";
    MEMORY_TOO_SMALL = ESP_ERR_INVALID_SIZE,
        "the memory is too small: declare it with MEMORY_POOL_RETAINED_BUFFER";
    NOT_OPEN = ESP_ERR_INVALID_STATE, "no open retained pool has this address: open it before it is used";
    STILL_OPEN = ESP_ERR_INVALID_STATE,
        "an open retained pool still has this address: close it before its struct is used again";
    MEMORY_TAKEN = ESP_ERR_INVALID_STATE,
        "an open retained pool, or another live pool, has a part of this memory: close or destroy that one first";
    STRUCT_IN_OWN_MEMORY = ESP_ERR_INVALID_STATE,
        "the retained pool's struct lies in the memory given for its blocks: place one of them elsewhere";
    TOO_MANY_OPEN = ESP_ERR_NO_MEM, "MEMORY_POOL_RETAINED_MAX_OPEN retained pools are open: close one first";
}

/// The next step for a reason that has one cause. Reasons with several causes are listed above.
fn next_step(reason: esp_err_t) -> &'static str {
    match reason {
        MEMORY_POOL_ERR_NOT_A_BLOCK => {
            "free the address that memory_pool_retained_alloc or _at returned, to the same pool"
        }
        MEMORY_POOL_ERR_DOUBLE_FREE => "this block was freed before; set pointers to NULL when freeing",
        MEMORY_POOL_ERR_CORRUPT => {
            "the map was overwritten since the start: find the code that does it; closing and opening the pool repairs it"
        }
        MEMORY_POOL_ERR_RETAINED_NONE => {
            "the first start, or power was lost: fill the empty pool; if this comes at every start, start-up clears the memory"
        }
        MEMORY_POOL_ERR_RETAINED_CHECKSUM => {
            "the header was damaged: fill the empty pool; if it happens again, find the code that writes there"
        }
        MEMORY_POOL_ERR_RETAINED_MAP => {
            "the map was damaged: fill the empty pool; if it happens again, find the code that writes there"
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

    use super::{ALL, next_step};
    use crate::types::*;

    #[test]
    fn every_reason_of_a_formatting_has_its_own_hint() {
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

    #[test]
    fn every_cause_has_its_own_hint() {
        let mut lines = HashSet::new();
        for cause in ALL.iter().chain(crate::refusals::ALL) {
            assert!(!cause.step.is_empty() && !cause.step.contains('\n'), "{cause:?}");
            assert!(lines.insert(cause.step), "{cause:?} says what another says");
            assert_ne!(cause.reason, 0);
        }
    }
}
