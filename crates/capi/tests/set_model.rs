//! The C functions for sets against the model of a set, on random programs of correct and wrong operations.

use microusc_memory::{DRAM, IRAM, PSRAM};
use microusc_testkit::SetModel;
use microusc_testkit::c_functions::CSet;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn c_functions_for_sets_obey_the_model(
        placement in prop::sample::select(&[DRAM, PSRAM, IRAM]),
        program in prop::collection::vec(any::<u8>(), 0..1500),
    ) {
        SetModel::check(CSet::new(placement), &program)?;
    }
}
