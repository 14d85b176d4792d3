//! The C functions against the shadow model, on random programs of right and wrong operations.

mod subjects;

use microusc_memory::{DRAM, IRAM, PSRAM};
use microusc_testkit::Shadow;
use proptest::prelude::*;
use subjects::{ThroughC, Way};

fn judge(way: Way, program: &[u8]) {
    let mut subject = ThroughC::new(way, 32, 8);
    let mut shadow = Shadow::new(&mut subject);
    let verdict = shadow.run(&mut subject, program).and_then(|()| shadow.drain(&mut subject));
    verdict.unwrap_or_else(|violation| panic!("{violation}"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn the_c_functions_obey_the_model(
        way in prop_oneof![
            Just(Way::Init),
            Just(Way::Malloc),
            Just(Way::Placed(DRAM)),
            Just(Way::Placed(PSRAM)),
            Just(Way::Placed(IRAM)),
            Just(Way::Static),
            Just(Way::Unsynchronized),
            Just(Way::Recorded),
            Just(Way::Watched),
        ],
        program in proptest::collection::vec(any::<u8>(), 0..1500),
    ) {
        judge(way, &program);
    }
}
