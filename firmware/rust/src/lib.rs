#![no_std]
//! Programs for emulated chips, each a function that gets the name `main` from the linker.
//!
//! | module | what it is |
//! |---|---|
//! | [`model`] | every kind of pool against its model |
//! | [`interrupts`] | the main loop and the timer interrupt on one pool |
//! | `cores` | two cores on one pool, for chips with atomic instructions |
//! | [`waiting`] | tasks that wait for blocks which the interrupt frees |
//! | [`budgets`] | allocs and frees in every order, to be counted |
//! | [`board`] | the board (start-up, console, timer, heap), which is C: `firmware/runtime` |
//! | [`contexts`] | contexts that use one pool at once, and check it |
//!
//! Models, adapters and the owner table are in `crates/testkit`.

extern crate alloc;

pub mod board;
pub mod budgets;
pub mod contexts;
#[cfg(target_has_atomic = "32")]
pub mod cores;
pub mod interrupts;
pub mod model;
pub mod waiting;
