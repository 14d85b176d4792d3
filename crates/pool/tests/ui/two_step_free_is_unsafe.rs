//! Even with the heart of a pool at hand, no safe function returns a block that another owns.
use microusc_pool::{ByteMap, FreeList};

fn free(raw: &mut FreeList<'_, ByteMap>, block: *mut u8) {
    let _ = raw.begin_free(block);
    raw.cancel_free(block);
    raw.finish_free(block);
    let _ = raw.begin_free_batch(&[block]);
    let _ = raw.free(block);
    let _ = raw.free_fast(block);
    let _ = raw.free_slow(block);
    let _ = raw.free_batch(&[block]);
}

fn main() {
    let _ = free;
}
