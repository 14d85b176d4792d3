//! Sets against their shadow, on random programs of right and wrong operations.

#[path = "subjects/set.rs"]
mod subject;

use microusc_testkit::{SetShadow, SetSubject};
use proptest::prelude::*;
use subject::RustSet;

fn judge(mut set: RustSet, program: &[u8]) {
    let strides: Vec<_> = set.counts().classes.iter().map(|class| class.stride_bytes).collect();
    assert_eq!(strides, [16, 48, 64, 256]);
    let mut shadow = SetShadow::new(&mut set);
    let verdict = shadow.run(&mut set, program).and_then(|()| shadow.drain(&mut set));
    verdict.unwrap_or_else(|violation| panic!("{violation}"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 512 }, ..ProptestConfig::default() })]

    #[test]
    fn one_memory(program in proptest::collection::vec(any::<u8>(), 0..1500), offset in 0..64usize) {
        judge(RustSet::in_one_memory(offset), &program);
    }

    #[test]
    fn memories_in_any_order(
        program in proptest::collection::vec(any::<u8>(), 0..1500),
        order in Just([0usize, 1, 2, 3]).prop_shuffle(),
    ) {
        judge(RustSet::of_memories(order), &program);
    }
}
