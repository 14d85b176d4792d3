//! The C functions, as the models drive them.

mod pool;
mod set;

pub use pool::{CPool, EVERY_SETUP, Setup};
pub use set::CSet;

use microusc_memory::*;

use crate::Refusal;

/// The refusal that a reason of the C functions stands for, other than `ESP_ERR_INVALID_SIZE`: that depends on the call.
fn refusal(reason: esp_err_t) -> Refusal {
    match reason {
        ESP_ERR_NO_MEM => Refusal::Exhausted,
        MEMORY_POOL_ERR_NOT_A_BLOCK => Refusal::NotABlock,
        MEMORY_POOL_ERR_DOUBLE_FREE => Refusal::DoubleFree,
        MEMORY_POOL_ERR_CORRUPT => Refusal::Corrupt,
        other => panic!("no operation may return {:?}", reason_name(other)),
    }
}

/// `Ok` or the refusal; `size` is what `ESP_ERR_INVALID_SIZE` stands for.
fn answer(reason: esp_err_t, size: Refusal) -> Result<(), Refusal> {
    match reason {
        ESP_OK => Ok(()),
        ESP_ERR_INVALID_SIZE => Err(size),
        other => Err(refusal(other)),
    }
}
