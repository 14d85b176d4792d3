#![cfg_attr(not(feature = "host"), no_std)]
//! The platforms below the C API of MicroUSC memory pools: one folder each, all with the same names.
//!
//! | name | contract |
//! |---|---|
//! | `PortLock` | a `RawLock` for tasks, interrupts and cores of the platform |
//! | `Signal` | a `microusc_pool::Signal`: what a waiting task sleeps on |
//! | `task_priority()` | of the calling task: higher is served earlier; from any context |
//! | `limits()` | the kinds of memory that the chip has, and their alignments |
//! | `allocate(bytes, align, caps)` | memory with all the capabilities, or null; from tasks only |
//! | `release(memory)` | returns it to the heap; from tasks only |
//! | `kind_of(memory, bytes)` | the kind of that memory, by its address |
//! | `fills_free_blocks()` | whether a new pool fills and checks its free blocks, unless the program says otherwise |
//! | `may_report()` | code and constants in flash can be reached now; runs while they cannot |
//! | `in_interrupt()` | the caller is an interrupt, as far as the port can know; from any context |
//! | `call_context()` | where and when the caller runs; from any context, without flash |
//! | `pools_exist(bool)` | whether there are live pools from now on, for ports whose heap can be exchanged while there are none |
//! | `log(report, reason, step)` | one log line that ends with the next step (on ESP-IDF, in an interrupt, without the next step); from any context, with no pool's lock held |
//! | `print(text)` | output that the program asked for, in pieces of at most a line; from tasks only |
//! | `Console` | the `text::Output` that prints |
//! | `print_heap()` | prints the heap's totals, if the port knows them; from tasks only |
//! | `system_*`, `task_*`, `semaphore_*`, `least_stack()` | the kernel, as `microusc_drivers::Platform` describes it |
//!
//! To add a kernel, copy a folder (`bare` is the smallest), and give it a feature. In this file it needs a `mod`, a `pub use`, and
//! its feature in the conditions of both `compile_error!`s. Every port that has no logger of its own, so every one but `esp_idf`,
//! writes its log lines with `log.rs`.

#[cfg(feature = "bare")]
#[allow(missing_docs, reason = "the table above documents the names that every port has")]
mod bare;
#[cfg(feature = "esp_idf")]
#[allow(missing_docs, reason = "the table above documents the names that every port has")]
mod esp_idf;
#[cfg(feature = "freertos")]
#[allow(missing_docs, reason = "the table above documents the names that every port has")]
mod freertos;
#[cfg(feature = "host")]
#[allow(missing_docs, reason = "the table above documents the names that every port has")]
mod host;
mod log;
#[cfg(all(
    any(feature = "bare", feature = "freertos", all(feature = "esp_idf", not(feature = "portmux"))),
    target_os = "none"
))]
mod masked_lock;
pub mod text;
mod types;

#[cfg(feature = "bare")]
pub use bare::*;
#[cfg(feature = "esp_idf")]
pub use esp_idf::*;
#[cfg(feature = "freertos")]
pub use freertos::*;
#[cfg(feature = "host")]
pub use host::*;
pub use types::*;

#[cfg(not(any(feature = "bare", feature = "esp_idf", feature = "freertos", feature = "host")))]
compile_error!("choose a port: the feature `bare`, `esp_idf`, `freertos` or `host`");
#[cfg(any(
    all(feature = "bare", feature = "freertos"),
    all(feature = "esp_idf", any(feature = "bare", feature = "freertos")),
    all(feature = "host", any(feature = "bare", feature = "esp_idf", feature = "freertos"))
))]
compile_error!("one port at a time: others than `host` need --no-default-features");
