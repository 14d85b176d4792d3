//! Counts starts in a block that survives them: `cargo run -p microusc-retained --example boot_count`.
//!
//! Here the retained memory is an array, and a start is a call. On a chip the array is a static in a section that start-up
//! code does not clear, such as `.rtc_noinit`.

use microusc_pool::{Error, NoLock};
use microusc_retained::{Found, RetainedPool, Shape};

/// Memory that is aligned as a pointer, on any machine.
#[repr(align(8))]
struct Rtc([u32; 64]);

/// What the program does when it starts. Returns how often it has started.
fn start(rtc: &mut [u32]) -> Result<u32, Error> {
    let shape = Shape::new(16, 8)?.tag(1); // 8 blocks of 16 bytes; 1: the version of their contents
    let (pool, found) = RetainedPool::<NoLock>::open(rtc, shape)?;
    let counter = match found {
        Found::Formatted(fault) => {
            println!("formatted a new pool: {fault}");
            let block = pool.alloc()?.cast::<u32>();
            // SAFETY: the block was just allocated, is larger than a word, and aligned.
            unsafe { block.write(0) };
            block
        }
        Found::Intact { live } => {
            println!("found the pool, with {live} block in use");
            let index = pool.next_live(0).expect("the counter is in use");
            pool.address_of(index).expect("a block in use has an address").cast::<u32>()
        }
    };
    // SAFETY: the counter's block is in use, and nothing else uses it.
    unsafe {
        counter.write(counter.read() + 1);
        Ok(counter.read())
    }
}

fn main() -> Result<(), Error> {
    let mut rtc = Rtc([0; 64]);
    for expected in 1..=3 {
        let starts = start(&mut rtc.0)?;
        println!("start number {starts}");
        assert_eq!(starts, expected);
    }
    rtc.0[4] ^= 1; // the number of blocks is damaged: the header's checksum shows it
    assert_eq!(start(&mut rtc.0)?, 1);
    Ok(())
}
