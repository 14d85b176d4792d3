#![no_std]
//! The system memory space of MicroUSC: what lies between the pools and an application made of drivers.
//!
//! ```text
//!     drivers              add, find, pause, resume, remove
//!        |
//!      space ------------- settings, and the parts: nodes, stacks
//!        |
//!   trait Platform         kernel and pools: FreeRTOS, a host, a simulation
//! ```
//!
//! | module | what it is |
//! |---|---|
//! | [`Space`] | the system memory space with its list of drivers |
//! | [`Platform`] | what it needs of a kernel, in one contract |
//!
//! Nodes and stacks come from two pools and go back to them; nothing else is allocated while the system runs. Every
//! step that fails gives back what the steps before it took, and no memory is given back before the task that used it
//! has stopped.

#[cfg(test)]
extern crate std;

mod driver;
mod drivers;
mod error;
mod node;
mod platform;
mod space;

pub use driver::{Driver, DriverInfo, DriverState, NAME_BYTES};
pub use drivers::DriverConfig;
pub use error::Error;
pub use node::{BUFFER_ALIGN, STACK_ALIGN};
pub use platform::{Entry, Platform, PoolConfig, TaskConfig};
pub use space::{Settings, Space};
