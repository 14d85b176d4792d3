#![no_std]
//! The system memory space of MicroUSC: what lies between the pools and an application made of drivers.
//!
//! | module | what it is |
//! |---|---|
//! | [`retained`] | pools in memory that outlives a reset |

#[cfg(test)]
extern crate std;

pub mod retained;
