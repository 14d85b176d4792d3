//! Even with the heart of a pool at hand, no safe function returns a block that another owns.
use microusc_pool::{ByteMarks, RawPool};

fn free(raw: &mut RawPool<'_, ByteMarks>, block: *mut u8) {
    let _ = raw.begin_put(block);
    raw.cancel_put(block);
    raw.finish_put(block);
    let _ = raw.begin_put_many(&[block]);
    let _ = raw.put(block);
    let _ = raw.try_put(block);
    let _ = raw.put_otherwise(block);
    let _ = raw.put_many(&[block]);
}

fn main() {
    let _ = free;
}
