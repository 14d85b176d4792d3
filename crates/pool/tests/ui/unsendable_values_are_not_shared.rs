//! A static pool lets a value be made in one thread and dropped in another.
use std::rc::Rc;

use microusc_pool::{Pool, SpinLock};

static POOL: Pool<Rc<u32>, 4, SpinLock> = Pool::new();

fn main() {
    let _ = &POOL;
}
