//! Retained pools against the model of a pool, with a start after every few operations.

use microusc_testkit::PoolModel;
use microusc_testkit::retained::Retained;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 512 }, ..ProptestConfig::default() })]

    #[test]
    fn retained_pool_obeys_the_model(program in prop::collection::vec(any::<u8>(), 0..2000)) {
        PoolModel::check(Retained::over(&[], 24, 19).0, &program)?;
    }
}
