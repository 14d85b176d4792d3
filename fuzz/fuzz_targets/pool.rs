//! The pools of the Rust crate against the shadow model.
#![no_main]

#[path = "../../crates/pool/tests/subjects/mod.rs"]
mod subjects;

use libfuzzer_sys::fuzz_target;
use microusc_fuzz::judge;
use microusc_pool::{NoLock, SpinLock};
use subjects::{Dynamic, LockFree, LockFreeDynamic, Typed};

fuzz_target!(|data: &[u8]| {
    let Some((kind, program)) = data.split_first() else { return };
    match kind % 5 {
        0 => judge(Dynamic::<NoLock>::new(32, 8), program),
        1 => judge(Dynamic::<SpinLock>::new(8, 40), program),
        2 => judge(LockFree::new(), program),
        3 => judge(LockFreeDynamic::new(48, 3), program),
        _ => judge(Typed::new(), program),
    }
});
