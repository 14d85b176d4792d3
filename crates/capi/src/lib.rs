#![cfg_attr(not(feature = "host"), no_std)]
//! The C ABI of MicroUSC memory pools: `libmicrousc_memory.a` for `MicroUSC/system/memory_pool.h`.
//!
//! The header is the reference for C; this crate is the code behind it. No allocation logic lives here: a call is
//! checked for null, converted, and handed to [`microusc_pool::FreeList`].
//!
//! ```text
//!   memory_pool_t (the caller's)          control block (internal RAM)            storage (DRAM, PSRAM or IRAM)
//!   +--------------+                      +-----------------------------+         +---------+---------+----
//!   | memory_free  | -------------------------------------------------------------> block k | ...
//!   | memory       | -------------------------------------------------------------> block 0
//!   | block_size   |                      | base, geometry, counters    |         +---------+---------+----
//!   | num_blocks   |                      | lock, owner, name, next     |
//!   | free_blocks  |                      +-----------------------------+
//!   | control      | -------------------> | marks: one byte a block     |
//!   +--------------+                      +-----------------------------+
//! ```
//!
//! | module | what it is |
//! |---|---|
//! | [`abi`] | the C types and numbers |
//! | [`api`] | the C functions, one file for each section of the header |
//! | `control` | the control block, and the way from a `memory_pool_t` to a pool |
//! | `create` | making and ending pools; every step unwinds |
//! | `set` | pools of several block sizes: size to class, address to owner |
//! | `system` | the kernel and the pools, as the system layer wants them |
//! | `wait` | those who wait for a block |
//! | `watch` | records, traces and checks that a pool can be told to make |
//! | `placement` | which memory a wish leads to, and which wishes are impossible |
//! | `registry` | the list of live pools, and what is reserved for pools in the making |
//! | `overlap` | whose memory is whose: what a caller may give |
//! | `refusal` | why a call is refused: the number, and the words of the log line |
//! | `retained` | the list of open retained pools |
//! | `census` | snapshots of one pool, and of all while others come and go |
//! | `print`, `dump` | what is printed about pools |
//! | `metrics` | what a monitoring system is told |
//! | `text` | text without the formatting of `core` |
//! | `port` | what differs between platforms |

pub mod abi;
pub mod api;

mod census;
mod control;
mod create;
mod dump;
mod metrics;
mod overlap;
mod placement;
mod port;
mod print;
mod refusal;
mod registry;
mod report;
mod retained;
mod set;
mod system;
mod text;
mod wait;
mod watch;
