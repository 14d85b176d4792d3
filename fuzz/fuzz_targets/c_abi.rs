//! The C functions against the shadow model.
#![no_main]

#[path = "../../crates/capi/tests/subjects/mod.rs"]
mod subjects;

use libfuzzer_sys::fuzz_target;
use microusc_fuzz::judge;
use microusc_memory::{DRAM, IRAM, PSRAM};
use subjects::{ThroughC, Way};

const WAYS: [Way; 9] = [
    Way::Init,
    Way::Malloc,
    Way::Placed(DRAM),
    Way::Placed(PSRAM),
    Way::Placed(IRAM),
    Way::Static,
    Way::Unsynchronized,
    Way::Recorded,
    Way::Watched,
];

fuzz_target!(|data: &[u8]| {
    let Some((way, program)) = data.split_first() else { return };
    judge(ThroughC::new(WAYS[*way as usize % WAYS.len()], 32, 8), program);
});
