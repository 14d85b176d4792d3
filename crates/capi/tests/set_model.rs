//! The C functions for sets against their shadow, on random programs of right and wrong operations.

#[path = "subjects/set.rs"]
mod subject;

use microusc_memory::{DRAM, IRAM, PSRAM};
use microusc_testkit::SetShadow;
use proptest::prelude::*;
use subject::CSet;

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn sets_behind_the_c_functions_obey_the_model(
        placement in prop_oneof![Just(DRAM), Just(PSRAM), Just(IRAM)],
        program in proptest::collection::vec(any::<u8>(), 0..1500),
    ) {
        let mut set = CSet::new(placement);
        let mut shadow = SetShadow::new(&mut set);
        let verdict = shadow.run(&mut set, &program).and_then(|()| shadow.drain(&mut set));
        verdict.unwrap_or_else(|violation| panic!("{violation}"));
    }
}
