#![no_std]
//! Programs for emulated chips, each a function that the linker is told to call `main`.
//!
//! | module | what it is |
//! |---|---|
//! | [`model`] | every kind of pool against the shadow model |
//! | [`interrupts`] | the main loop and the timer interrupt on one pool |
//! | `cores` | two cores on one pool, where cores can exclude each other |
//! | [`waiting`] | tasks that wait for blocks which the interrupt frees |
//! | [`budgets`] | every order of taking and returning, to be counted |
//! | [`board`] | the board (start-up, console, timer, heap), which is C: `firmware/runtime` |
//! | [`owners`] | what every owner of a block does and checks |
//! | [`subjects`] | the pools as the model sees them |

extern crate alloc;

pub mod board;
pub mod budgets;
#[cfg(target_has_atomic = "32")]
pub mod cores;
pub mod interrupts;
pub mod model;
pub mod owners;
pub mod random;
pub mod subjects;
pub mod waiting;
