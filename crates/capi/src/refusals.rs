//! Why a call is refused: the reason that the caller gets, and the next step in the log line.
//!
//! One number has many causes. Code that runs while flash cannot be read returns the number alone, and the log states
//! the most likely cause; every other function states the cause.

use microusc_pool::Error;

use crate::types::*;

/// A reason with its next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) reason: esp_err_t,
    pub(crate) step: &'static str,
}

impl From<esp_err_t> for Refusal {
    fn from(reason: esp_err_t) -> Self {
        Self { reason, step: next_step(reason) }
    }
}

impl From<Refusal> for esp_err_t {
    fn from(refusal: Refusal) -> Self {
        refusal.reason
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::BlockTooSmall => BLOCK_TOO_SMALL,
            Error::NoBlocks => NO_BLOCKS,
            Error::TooLarge => TOO_LARGE,
            Error::BatchTooLarge => BATCH_TOO_LARGE,
            Error::ReserveTooLarge => RESERVE_TOO_LARGE,
            Error::CannotWait => CANNOT_WAIT,
            other => reason_of(other).into(),
        }
    }
}

/// The next step for a reason that has one cause. Reasons with several causes are listed below.
fn next_step(reason: esp_err_t) -> &'static str {
    match reason {
        ESP_ERR_NO_MEM => {
            "not enough memory of that kind: make fewer or smaller blocks, or choose another placement"
        }
        MEMORY_POOL_ERR_NOT_A_BLOCK => "free the address that memory_pool_alloc returned, to the same pool",
        MEMORY_POOL_ERR_DOUBLE_FREE => "this block was freed before; set pointers to NULL when freeing",
        MEMORY_POOL_ERR_CORRUPT => {
            "a free block was written to, by its former owner or by a neighbour; memory_pool_repair rebuilds the list"
        }
        MEMORY_POOL_ERR_WRITTEN => {
            "a block was written to while it was free, here: by its former owner, or from the block before it"
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

/// Every cause, and the list of them for a test.
macro_rules! refusals {
    ($($(#[$attribute:meta])* $name:ident = $reason:ident, $step:literal;)*) => {
        $($(#[$attribute])* pub(crate) const $name: Refusal = Refusal { reason: $reason, step: $step };)*

        #[cfg(test)]
        pub(crate) const ALL: &[Refusal] = &[$($name),*];
    };
}

pub(crate) use refusals;

refusals! {
    NULL_POINTER = ESP_ERR_INVALID_ARG, "a pointer is NULL that must not be";
    UNKNOWN_PLACEMENT = ESP_ERR_INVALID_ARG, "unknown placement: DRAM, PSRAM or IRAM";
    UNKNOWN_FLAG = ESP_ERR_INVALID_ARG, "unknown flag: MEMORY_POOL_FLAG_DMA, _ISR and _BYTES can be combined";
    UNKNOWN_LEVEL = ESP_ERR_INVALID_ARG, "unknown level: MEMORY_POOL_CHECKS_BASIC or MEMORY_POOL_CHECKS_POISON";
    UNKNOWN_ORDER = ESP_ERR_INVALID_ARG, "unknown order: MEMORY_POOL_WAIT_PRIORITY or MEMORY_POOL_WAIT_FIFO";
    NO_NAME = ESP_ERR_INVALID_ARG, "the name is NULL or empty: pass at least one character";
    CLASSES_UNSORTED = ESP_ERR_INVALID_ARG,
        "the classes are not in order: each needs larger blocks than the one before, once rounded up to the alignment";

    BLOCK_TOO_SMALL = ESP_ERR_INVALID_SIZE, "the block size is too small: a block holds at least a pointer";
    NO_BLOCKS = ESP_ERR_INVALID_SIZE, "the number of blocks is zero: a pool has at least one";
    TOO_LARGE = ESP_ERR_INVALID_SIZE, "block size times number of blocks is more than half the address space";
    BUFFER_TOO_SMALL = ESP_ERR_INVALID_SIZE,
        "the buffer is too small: declare it with MEMORY_POOL_STATIC_BUFFER, or size it by MEMORY_POOL_STATIC_SIZE";
    NO_CLASSES = ESP_ERR_INVALID_SIZE, "the number of classes is zero: a set has at least one";
    TOO_MANY_CLASSES = ESP_ERR_INVALID_SIZE, "a set has at most MEMORY_POOL_SET_MAX_CLASSES classes";
    BATCH_IN_ITSELF = ESP_ERR_INVALID_ARG,
        "the array lies in a block that it says is to be returned: copy the array elsewhere first";
    BATCH_TOO_LARGE = ESP_ERR_INVALID_SIZE, "a batch is at most as large as the pool: ask for num_blocks or fewer";
    RESERVE_TOO_LARGE = ESP_ERR_INVALID_SIZE,
        "the reserve for interrupts is larger than the pool: keep num_blocks or fewer";

    NOT_A_POOL = ESP_ERR_INVALID_STATE,
        "no live pool has this address: initialise the pool before it is used, and do not use it after memory_pool_destroy";
    OVERWRITTEN = ESP_ERR_INVALID_STATE,
        "the struct of a live pool was overwritten: look for what writes there; memory_pool_repair restores it";
    NOT_A_SET = ESP_ERR_INVALID_STATE,
        "no live set has this address: initialise the set before it is used, and do not use it after memory_pool_set_destroy";
    STILL_A_POOL = ESP_ERR_INVALID_STATE,
        "a live pool still has this address: destroy it before its struct goes out of scope or is initialised again";
    STILL_A_SET = ESP_ERR_INVALID_STATE,
        "a live set still has this address: destroy it before its struct goes out of scope or is initialised again";
    BEING_MADE = ESP_ERR_INVALID_STATE,
        "another task is initialising or destroying a pool here at this moment: let one task do both, or wait for it";
    STRUCT_TAKEN = ESP_ERR_INVALID_STATE,
        "a live pool still has a part of this struct's memory: destroy it first, or place the struct elsewhere";
    MEMORY_TAKEN = ESP_ERR_INVALID_STATE,
        "a live pool still has a part of this memory: destroy it first, or give memory of its own or inside one block in use";
    STRUCT_IN_OWN_MEMORY = ESP_ERR_INVALID_STATE,
        "the pool's struct lies in the memory given for its blocks: place one of them elsewhere";
    WAITED_FOR = ESP_ERR_INVALID_STATE,
        "tasks wait for a block of this pool: let them finish, or memory_pool_forget_task, before it is destroyed";
    BEING_RETURNED = ESP_ERR_INVALID_STATE,
        "a call is still returning a block of this pool, in its trace callback: destroy the pool after that call";
    HOLDS_A_POOL = ESP_ERR_INVALID_STATE,
        "another pool, its struct or its records lie in a block of this one: destroy that pool first";
    IN_A_SET = ESP_ERR_INVALID_STATE,
        "this pool is a class of a set, which ends as a whole: memory_pool_set_destroy";
    IN_INTERRUPT = ESP_ERR_INVALID_STATE, "this function is for tasks, not for interrupts: let a task call it";
    CANNOT_WAIT = ESP_ERR_INVALID_STATE,
        "the caller cannot wait here: interrupts, and code that runs before the scheduler, use a timeout of 0";
    RECORDED_ALREADY = ESP_ERR_INVALID_STATE,
        "the pool keeps records already: turn them off first to move them";
    NOT_RECORDED = ESP_ERR_INVALID_STATE, "the pool keeps no records: there is nothing to turn off";
    RECORDS_TOO_SMALL = ESP_ERR_INVALID_SIZE,
        "the memory is too small for a record of each block: size it by MEMORY_POOL_SITES_SIZE";
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_cause_has_its_own_hint() {
        let mut lines = HashSet::new();
        for cause in ALL {
            assert!(!cause.step.is_empty() && !cause.step.contains('\n'), "{cause:?}");
            assert!(lines.insert(cause.step), "{cause:?} says what another says");
            assert_ne!(cause.reason, 0);
        }
    }

    #[test]
    fn cause_of_an_error_has_the_reason_of_that_error() {
        for (error, reason) in [
            (Error::BlockTooSmall, ESP_ERR_INVALID_SIZE),
            (Error::NoBlocks, ESP_ERR_INVALID_SIZE),
            (Error::TooLarge, ESP_ERR_INVALID_SIZE),
            (Error::NoClass, ESP_ERR_INVALID_SIZE),
            (Error::BatchTooLarge, ESP_ERR_INVALID_SIZE),
            (Error::ReserveTooLarge, ESP_ERR_INVALID_SIZE),
            (Error::CannotWait, ESP_ERR_INVALID_STATE),
            (Error::TimedOut, ESP_ERR_TIMEOUT),
            (Error::Exhausted, ESP_ERR_NO_MEM),
            (Error::NotABlock, MEMORY_POOL_ERR_NOT_A_BLOCK),
            (Error::DoubleFree, MEMORY_POOL_ERR_DOUBLE_FREE),
            (Error::Corrupt, MEMORY_POOL_ERR_CORRUPT),
            (Error::BadAlignment, ESP_ERR_INVALID_ARG),
        ] {
            assert_eq!((reason_of(error), Refusal::from(error).reason), (reason, reason), "{error}");
        }
    }

    #[test]
    fn each_reason_has_its_own_hint() {
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
