//! A static pool for messages between an interrupt and a task.
//!
//! The pool is a constant of zero bytes: it lies in `.bss`, takes no flash, and needs no initialisation at run time. The
//! handle of a message owns it: it can be sent to another thread, and its drop frees the block.
//!
//! Run it with `cargo run -p microusc-pool --example static_pool`.

use std::sync::mpsc;
use std::thread;

use microusc_pool::{Boxed, Error, Pool};

struct Sample {
    channel: u8,
    millivolts: u16,
}

/// At most eight samples are on the way at a time. On a chip, name the lock that fits it, such as
/// `Pool<Sample, 8, InterruptLock>`.
static SAMPLES: Pool<Sample, 8> = Pool::new();

/// Names the handle: two words, which own a `Sample`.
type SampleBox = Boxed<Pool<Sample, 8>>;

fn main() -> Result<(), Error> {
    let (queue, received) = mpsc::channel::<SampleBox>();

    // On a chip this is an interrupt: alloc takes the same short time whatever the pool holds, and never waits.
    let converter = thread::spawn(move || {
        for millivolts in (0..1000).step_by(100) {
            match SAMPLES.alloc(Sample { channel: 1, millivolts }) {
                Ok(sample) => queue.send(sample).expect("the receiver runs until the queue is closed"),
                // The sample was not lost: it is in the error. Here the oldest ones matter, so this one is dropped.
                Err(refused) => println!("no block for {} mV: {}", refused.value.millivolts, refused.error),
            }
        }
    });

    for sample in received {
        println!("channel {}: {} mV", sample.channel, sample.millivolts);
        // `sample` is dropped here, which frees its block.
    }
    converter.join().expect("the converter does not panic");

    // The statistics tell how large the pool has to be: `lowest_free` is the watermark.
    let stats = SAMPLES.stats();
    println!("{stats}");
    assert_eq!(stats.used(), 0, "every block was freed");
    Ok(())
}
