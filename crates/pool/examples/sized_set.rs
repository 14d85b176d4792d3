//! Requests of several sizes: a set of three size classes over one piece of memory, with vectors, text and slices in its
//! blocks.
//!
//! A request goes to the smallest class that holds it. A free finds the class by the address alone.
//!
//! Run it with `cargo run -p microusc-pool --example sized_set`.

use std::fmt::Write;
use std::mem::MaybeUninit;

use microusc_pool::{AllocSlice, Error, NoLock, PoolSet, PoolString, SizeClass};

const CLASSES: [SizeClass; 3] = [
    SizeClass { block_size: 32, blocks: 16 },
    SizeClass { block_size: 128, blocks: 8 },
    SizeClass { block_size: 512, blocks: 2 },
];

/// What the set needs, computed by the compiler: blocks, allocation map and padding.
const BYTES: usize = PoolSet::<3>::bytes_for(8, &CLASSES);

fn main() -> Result<(), Error> {
    // A static, a linker section or a part of a heap serves as well. `NoLock`: only this thread uses the set.
    let mut memory = [MaybeUninit::uninit(); BYTES];
    let set: PoolSet<3, NoLock> = PoolSet::new(&mut memory, 8, &CLASSES)?;
    // If a class is exhausted, the next larger one serves the request, and no further one.
    let set = set.with_spill(true);

    // A vector of a capacity that is known at run time only. 20 numbers of 4 bytes: the class of 128 bytes.
    let mut squares = set.alloc_vec(20)?;
    for number in 0..20u32 {
        squares.push(number * number)?;
    }

    // Text that is formatted into a block. Text that does not fit is an error, and is not cut off.
    let mut line = PoolString::new(set.alloc_vec(100)?);
    write!(line, "{} squares, the last is {}", squares.len(), squares[19]).map_err(|_| Error::NoRoom)?;
    println!("{line}");

    // A slice of a fixed length, in one step.
    let greeting = set.alloc_slice_copy(b"hello")?;

    for (class, config) in set.stats().classes.iter().zip(CLASSES) {
        println!("{:>4} B: {}", config.block_size, class.pool);
    }
    assert_eq!(set.stats().classes.map(|class| class.pool.used()), [1, 2, 0]);

    // A request that no class can hold is refused and counted.
    assert_eq!(set.alloc(513, 8).err(), Some(Error::NoClass));

    // Each owner frees its block.
    drop((squares, line, greeting));
    assert_eq!(set.stats().classes.map(|class| class.pool.used()), [0, 0, 0]);
    Ok(())
}
