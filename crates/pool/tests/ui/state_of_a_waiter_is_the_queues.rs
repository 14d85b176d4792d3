//! A waiter whose state is changed while it is queued would be left in the queue.
use microusc_pool::Waiter;

fn main() {
    let mut waiter: Waiter<u8> = Waiter::new(0);
    let _ = waiter.state();
    let _ = waiter.reset();
}
