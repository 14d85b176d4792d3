//! A pool over memory that the program provides, and what happens to wrong frees.
//!
//! On a chip the memory may be a linker section, external RAM, or a buffer for DMA. The pool borrows it exclusively and puts
//! its allocation map at the end, so the blocks hold nothing but the bytes of their owners.
//!
//! Run it with `cargo run -p microusc-pool --example own_memory`.

use std::mem::MaybeUninit;

use microusc_pool::{DynPool, Error, NoLock};

fn main() -> Result<(), Error> {
    // 1 KiB, cut into blocks of 60 bytes or more, aligned to 16.
    let mut memory = [MaybeUninit::uninit(); 1024];
    let pool: DynPool<NoLock> = DynPool::new(&mut memory, 60, 16)?;
    println!("{} blocks of {} bytes", pool.geometry().capacity(), pool.geometry().stride());

    // A block of bytes, and a value: the handle owns either, and frees its block when it is dropped.
    let mut bytes = pool.alloc()?;
    bytes.fill(MaybeUninit::new(0x55));
    let number = pool.alloc_value(42u64)?;
    assert_eq!(*number, 42);
    drop((bytes, number));

    // An address instead of a handle, as C code and DMA descriptors need it.
    let block = pool.alloc_raw()?;
    // SAFETY: allocated above, and not used after this.
    unsafe { pool.free_raw(block.as_ptr()) }?;

    // Wrong frees are refused in constant time, counted, and do no harm.
    // SAFETY: the block is free already, which is the mistake shown here; nothing uses it.
    assert_eq!(unsafe { pool.free_raw(block.as_ptr()) }, Err(Error::DoubleFree));
    let on_the_stack = 0u64;
    // SAFETY: not a block of the pool, which is the mistake shown here.
    let foreign = unsafe { pool.free_raw((&raw const on_the_stack).cast_mut().cast()) };
    assert_eq!(foreign, Err(Error::NotABlock));

    println!("{}", pool.stats());
    assert_eq!((pool.stats().refused, pool.validate()), (2, Ok(())));
    Ok(())
}
