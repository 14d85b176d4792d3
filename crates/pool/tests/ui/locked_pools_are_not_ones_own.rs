//! What a queue is added to is a pool of the crate.
use microusc_pool::{ByteMap, LockedPool, NoLock, Owns, FreeList, Reclaim};
use std::ptr::NonNull;

struct Own;

unsafe impl Reclaim for Own {
    unsafe fn reclaim(&self, _: NonNull<u8>) {}
}

unsafe impl Owns for Own {
    fn owns(&self, _: *const u8) -> bool {
        true
    }
}

unsafe impl LockedPool for Own {
    type Lock = NoLock;
    type Block = u8;
    fn lock(&self) -> &NoLock {
        todo!()
    }
    fn view(&self, block: NonNull<u8>) -> NonNull<u8> {
        block
    }
    unsafe fn with_free_list<R>(&self, _: impl FnOnce(&mut FreeList<'_, ByteMap>) -> R) -> R {
        todo!()
    }
}

fn main() {}
