//! A queue of waiters is only added to a pool of the crate.
use microusc_pool::{ByteMap, FreeList, LockedPool, NoLock, Owns, Reclaim, WaitablePool};
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
    type Map = ByteMap;
    fn lock(&self) -> &NoLock {
        todo!()
    }
    unsafe fn with_free_list<R>(&self, _: impl FnOnce(&mut FreeList<'_, ByteMap>) -> R) -> R {
        todo!()
    }
}

unsafe impl WaitablePool for Own {
    type Block = u8;
    fn view(&self, block: NonNull<u8>) -> NonNull<u8> {
        block
    }
}

fn main() {}
