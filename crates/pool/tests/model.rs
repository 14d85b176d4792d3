//! Every kind of pool against its model, on random programs of correct and wrong operations.
#![cfg(not(any(loom, shuttle)))]

use microusc_pool::{AtomicPool, NoLock, Pool, SpinLock};
use microusc_testkit::PoolModel;
use microusc_testkit::pools::{Dynamic, HostBlock, LockFreeDynamic, Static};
use microusc_testkit::sets::SetWithOneDrivenClass;
use proptest::prelude::*;

fn program() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..2000)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 512 }, ..ProptestConfig::default() })]

    #[test]
    fn dynamic_pool_obeys_the_model(program in program()) {
        PoolModel::check(Dynamic::<NoLock>::new(32, 8), &program)?;
    }

    #[test]
    fn locked_pool_obeys_the_model(program in program()) {
        PoolModel::check(Dynamic::<SpinLock>::new(48, 3), &program)?;
    }

    #[test]
    fn typed_pool_obeys_the_model(program in program()) {
        PoolModel::check(Static::new(Pool::<HostBlock, 40>::new), &program)?;
    }

    #[test]
    fn lock_free_pool_obeys_the_model(program in program()) {
        PoolModel::check(Static::new(AtomicPool::<HostBlock, 40, 2>::new), &program)?;
    }

    #[test]
    fn lock_free_pool_over_borrowed_memory_obeys_the_model(program in program()) {
        PoolModel::check(LockFreeDynamic::<3>::new(48, 3), &program)?;
    }

    #[test]
    fn class_of_a_set_obeys_the_model(program in program()) {
        PoolModel::check(SetWithOneDrivenClass::<NoLock>::new(320), &program)?;
    }
}
