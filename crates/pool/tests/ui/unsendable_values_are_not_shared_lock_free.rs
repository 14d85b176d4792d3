//! A lock-free pool lets a value be made in one thread and dropped in another, too.
use std::rc::Rc;

use microusc_pool::AtomicPool;

static POOL: AtomicPool<Rc<u32>, 4, 1> = AtomicPool::new();

fn main() {
    let _ = &POOL;
}
