//! Pools of every kind against the shadow model, on random programs of right and wrong operations.

mod subjects;

use microusc_pool::{NoLock, SpinLock};
use microusc_testkit::{Shadow, Subject};
use proptest::prelude::*;
use subjects::{Dynamic, LockFree, LockFreeDynamic, Typed};

fn judge(mut subject: impl Subject, program: &[u8]) {
    let mut shadow = Shadow::new(&mut subject);
    let verdict = shadow.run(&mut subject, program).and_then(|()| shadow.drain(&mut subject));
    verdict.unwrap_or_else(|violation| panic!("{violation}"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 512 }, ..ProptestConfig::default() })]

    #[test]
    fn dynamic_pool_obeys_the_model(program in proptest::collection::vec(any::<u8>(), 0..2000)) {
        judge(Dynamic::<NoLock>::new(32, 8), &program);
    }

    #[test]
    fn locked_pool_obeys_the_model(program in proptest::collection::vec(any::<u8>(), 0..2000)) {
        judge(Dynamic::<SpinLock>::new(48, 3), &program);
    }

    #[test]
    fn typed_pool_obeys_the_model(program in proptest::collection::vec(any::<u8>(), 0..2000)) {
        judge(Typed::new(), &program);
    }

    #[test]
    fn lock_free_pool_obeys_the_model(program in proptest::collection::vec(any::<u8>(), 0..2000)) {
        judge(LockFree::new(), &program);
    }
    #[test]
    fn lock_free_pool_over_given_memory_obeys_the_model(program in proptest::collection::vec(any::<u8>(), 0..2000)) {
        judge(LockFreeDynamic::new(48, 3), &program);
    }
}
