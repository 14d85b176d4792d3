//! Sets against their model, on random programs of correct and wrong operations.
#![cfg(not(any(loom, shuttle)))]

use microusc_testkit::sets::{STRIDES, WholeSet};
use microusc_testkit::{SetModel, SetUnderTest};
use proptest::prelude::*;

fn check(mut set: WholeSet, program: &[u8]) -> Result<(), TestCaseError> {
    let strides: Vec<_> = set.counts().classes.iter().map(|class| class.stride_bytes).collect();
    prop_assert_eq!(strides, STRIDES);
    Ok(SetModel::check(set, program)?)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 512 }, ..ProptestConfig::default() })]

    #[test]
    fn set_in_one_memory_obeys_the_model(
        program in prop::collection::vec(any::<u8>(), 0..1500),
        offset in 0..64usize,
    ) {
        check(WholeSet::in_one_memory(offset), &program)?;
    }

    #[test]
    fn set_in_separate_memories_obeys_the_model(
        program in prop::collection::vec(any::<u8>(), 0..1500),
        order in Just([0usize, 1, 2, 3]).prop_shuffle(),
    ) {
        check(WholeSet::in_separate_memories(order), &program)?;
    }
}
