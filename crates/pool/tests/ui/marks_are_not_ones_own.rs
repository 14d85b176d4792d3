//! A map at any address would be written to: only the crate decides where the map of a pool lies.
use microusc_pool::{ByteMap, Checked, Checks, AllocationMap};

struct Own;

impl Checks for Own {
    type Room<const N: usize> = [u8; 0];
    type Map = ByteMap;
    unsafe fn map<const N: usize>(_: *mut [u8; 0]) -> ByteMap {
        unsafe { ByteMap::new(std::ptr::null_mut()) }
    }
}

struct OwnMarks;

unsafe impl AllocationMap for OwnMarks {
    const RECORDS_OWNERS: bool = true;
    unsafe fn claim(&self, _: usize) -> bool {
        true
    }
    unsafe fn release(&self, _: usize) -> bool {
        true
    }
    unsafe fn is_claimed(&self, _: usize) -> bool {
        false
    }
    unsafe fn is_never_allocated(&self, _: usize) -> bool {
        false
    }
}

fn main() {
    let mut word = 0u64;
    let _ = Checked::map::<8>((&raw mut word).cast());
    let _ = ByteMap::<0>::new((&raw mut word).cast());
}
