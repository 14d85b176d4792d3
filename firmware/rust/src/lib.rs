#![no_std]
//! Programs for emulated chips, each a function that the linker is told to call `main`.
//!
//! The board (start-up, console, timer, heap) is C, in `firmware/runtime`: [`board`] is its header in Rust.

extern crate alloc;

pub mod board;

use board::println;

/// The runtime itself, from Rust.
#[unsafe(no_mangle)]
pub extern "C" fn rust_hello() -> i32 {
    println!("hello {:?}", alloc::vec![1, 2, 3]);
    board::PASSED
}
