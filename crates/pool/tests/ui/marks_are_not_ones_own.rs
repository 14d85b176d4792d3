//! Marks of any address would be written to: what keeps them, and where they are, is the crate's.
use microusc_pool::{ByteMarks, Marked, Marking, Marks};

struct Own;

impl Marking for Own {
    type Room<const N: usize> = [u8; 0];
    type Marks = ByteMarks;
    unsafe fn marks<const N: usize>(_: *mut [u8; 0]) -> ByteMarks {
        unsafe { ByteMarks::new(std::ptr::null_mut()) }
    }
}

struct OwnMarks;

unsafe impl Marks for OwnMarks {
    const KEPT: bool = true;
    unsafe fn claim(&self, _: usize) -> bool {
        true
    }
    unsafe fn release(&self, _: usize) -> bool {
        true
    }
    unsafe fn is_claimed(&self, _: usize) -> bool {
        false
    }
    unsafe fn is_virgin(&self, _: usize) -> bool {
        false
    }
}

fn main() {
    let mut word = 0u64;
    let _ = Marked::marks::<8>((&raw mut word).cast());
    let _ = ByteMarks::<0>::new((&raw mut word).cast());
}
