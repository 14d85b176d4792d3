//! Sets of pools, in Rust and behind the C functions, against their model.
#![no_main]

use libfuzzer_sys::fuzz_target;
use microusc_memory::{DRAM, IRAM, PSRAM};
use microusc_testkit::SetModel;
use microusc_testkit::c_functions::CSet;
use microusc_testkit::sets::WholeSet;

fuzz_target!(|data: &[u8]| {
    let Some((kind, program)) = data.split_first() else { return };
    let checked = match kind % 5 {
        0 => SetModel::check(WholeSet::in_one_memory(usize::from(kind / 5)), program),
        1 => SetModel::check(WholeSet::in_separate_memories([2, 0, 3, 1]), program),
        2 => SetModel::check(CSet::new(DRAM), program),
        3 => SetModel::check(CSet::new(PSRAM), program),
        _ => SetModel::check(CSet::new(IRAM), program),
    };
    checked.unwrap();
});
