//! Tasks that wait for a block: back-pressure without a loop that polls.
//!
//! Two buffers, six senders. Each sender awaits a buffer, and a free grants the buffer to the first waiter at once: no later
//! caller overtakes it.
//!
//! Run it with `cargo run -p microusc-pool --example waiting`.

use std::thread;
use std::time::Duration;

use microusc_pool::{Error, Pool, PoolBox, WaitOrder, WaitPool};

/// The waiter with the highest priority is served first; among equals, the one that has waited longest.
static BUFFERS: WaitPool<Pool<[u8; 256], 2>> = WaitPool::new(Pool::new(), WaitOrder::Priority);

/// A sender: on a chip a task of any executor (embassy, RTIC), since the wait is a plain future.
async fn send(sender: u8) -> Result<(), Error> {
    // Sender 5 has the highest priority. Dropping the future instead of awaiting it would cancel the wait.
    let buffer = BUFFERS.wait(sender).await?;
    let buffer = PoolBox::write(buffer, [sender; 256]);
    println!("sender {sender} sends {} bytes", buffer.len());
    thread::sleep(Duration::from_millis(5)); // the peripheral is busy
    drop(buffer); // granted to the next waiter, which is woken
    Ok(())
}

fn main() {
    // One thread for each sender stands for one task for each.
    let senders = (0..6).map(|sender| thread::spawn(move || pollster::block_on(send(sender))));
    for sender in senders.collect::<Vec<_>>() {
        sender.join().expect("a sender does not panic").expect("the pool is not damaged");
    }

    // Without waiting: the answer is immediate.
    let first = BUFFERS.try_alloc().expect("both buffers are free");
    let second = BUFFERS.try_alloc().expect("one buffer is free");
    assert_eq!(BUFFERS.try_alloc().err(), Some(Error::Exhausted));
    drop((first, second));

    println!("{}", BUFFERS.stats());
    assert_eq!(BUFFERS.stats().used(), 0);
}
