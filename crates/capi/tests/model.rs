//! The C functions against the model of a pool, on random programs of correct and wrong operations.

use microusc_testkit::PoolModel;
use microusc_testkit::c_functions::{CPool, EVERY_SETUP};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn c_functions_obey_the_model(
        setup in prop::sample::select(&EVERY_SETUP),
        program in prop::collection::vec(any::<u8>(), 0..1500),
    ) {
        PoolModel::check(CPool::new(setup, 32, 8), &program)?;
    }
}
