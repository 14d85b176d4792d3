//! Sets of pools, in Rust and behind the C functions, against their shadow.
#![no_main]

#[path = "../../crates/capi/tests/subjects/set.rs"]
mod c;
#[path = "../../crates/pool/tests/subjects/set.rs"]
mod rust;

use libfuzzer_sys::fuzz_target;
use microusc_fuzz::judge_set;
use microusc_memory::{DRAM, IRAM, PSRAM};

fuzz_target!(|data: &[u8]| {
    let Some((kind, program)) = data.split_first() else { return };
    match kind % 5 {
        0 => judge_set(rust::RustSet::in_one_memory(usize::from(kind / 5)), program),
        1 => judge_set(rust::RustSet::of_memories([2, 0, 3, 1]), program),
        2 => judge_set(c::CSet::new(DRAM), program),
        3 => judge_set(c::CSet::new(PSRAM), program),
        _ => judge_set(c::CSet::new(IRAM), program),
    }
});
