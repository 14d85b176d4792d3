//! Retained pools against the shadow model, with a start anew every few operations.

mod subjects;

use microusc_testkit::PoolModel;
use proptest::prelude::*;
use subjects::Retained;

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 512 }, ..ProptestConfig::default() })]

    #[test]
    fn retained_pool_obeys_the_model(program in proptest::collection::vec(any::<u8>(), 0..2000)) {
        PoolModel::check(Retained::over(&[], 24, 19).0, &program)?;
    }
}
