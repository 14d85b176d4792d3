//! The pools of the Rust crate against their model.
#![no_main]

use libfuzzer_sys::fuzz_target;
use microusc_pool::{AtomicPool, NoLock, Pool, SpinLock};
use microusc_testkit::PoolModel;
use microusc_testkit::pools::{Dynamic, HostBlock, LockFreeDynamic, Static};

fuzz_target!(|data: &[u8]| {
    let Some((kind, program)) = data.split_first() else { return };
    let checked = match kind % 5 {
        0 => PoolModel::check(Dynamic::<NoLock>::new(32, 8), program),
        1 => PoolModel::check(Dynamic::<SpinLock>::new(8, 40), program),
        2 => PoolModel::check(Static::new(AtomicPool::<HostBlock, 40, 2>::new), program),
        3 => PoolModel::check(LockFreeDynamic::<3>::new(48, 3), program),
        _ => PoolModel::check(Static::new(Pool::<HostBlock, 40>::new), program),
    };
    checked.unwrap();
});
