//! Retained pools against the shadow model, with a start anew every few operations.

mod subjects;

use microusc_testkit::Shadow;
use proptest::prelude::*;
use subjects::Retained;

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 512 }, ..ProptestConfig::default() })]

    #[test]
    fn retained_pool_obeys_the_model(program in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let (mut subject, _) = Retained::over(&[], 24, 19);
        let mut shadow = Shadow::new(&mut subject);
        let verdict = shadow.run(&mut subject, &program).and_then(|()| shadow.drain(&mut subject));
        verdict.unwrap_or_else(|violation| panic!("{violation}"));
    }
}
