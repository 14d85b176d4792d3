//! The C functions against the model of a pool.
#![no_main]

use libfuzzer_sys::fuzz_target;
use microusc_testkit::PoolModel;
use microusc_testkit::c_functions::{CPool, EVERY_SETUP};

fuzz_target!(|data: &[u8]| {
    let Some((setup, program)) = data.split_first() else { return };
    let setup = EVERY_SETUP[*setup as usize % EVERY_SETUP.len()];
    PoolModel::check(CPool::new(setup, 32, 8), program).unwrap();
});
