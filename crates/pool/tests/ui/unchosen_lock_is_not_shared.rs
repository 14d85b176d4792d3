//! Where the compiler cannot know the right lock, it says which feature to enable and which lock to name.
use microusc_pool::{Pool, UnchosenLock};

static POOL: Pool<u32, 4, UnchosenLock> = Pool::new();

fn main() {
    let _ = &POOL;
}
