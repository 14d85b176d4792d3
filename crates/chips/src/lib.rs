//! The memory of the ESP32 family on a host: every chip's regions, and over them a heap that behaves like the
//! chip's own.
//!
//! A [`ChipHeap`] answers the question "would this program run out of memory on that chip, when, and why?" It has
//! ESP-IDF's `heap_caps_*` semantics (which region a request goes to, what is refused, how DMA buffers are rounded)
//! and, in each region, the block arithmetic of ESP-IDF's TLSF: the same addresses, the same sizes, the same waste.
//! For a second opinion another TLSF can take its place, under the same contract: see [Two engines](#two-engines).
//!
//! ```
//! use microusc_chips::{Caps, Chip, ChipHeap, FailReason};
//!
//! let bytes = Caps::INTERNAL | Caps::B8;
//! let mut heap = ChipHeap::builder(Chip::Esp32C3).reserve("RAM", 150_000).build()?;
//! let mut packets = Vec::new();
//! while let Some(packet) = heap.malloc(1500, bytes) {
//!     packets.push(packet);
//! }
//! for packet in packets.iter().step_by(2) {
//!     heap.free(*packet).unwrap();
//! }
//! let Some(FailReason::Fragmented { free, largest }) = heap.why_failed(4096, bytes) else { panic!() };
//! assert!(free > 4096 && largest < 4096); // in one region, as regions are not added up
//! # Ok::<(), microusc_chips::BuildError>(())
//! ```
//!
//! # The chips
//!
//! | chip | cores | CAS | regions: KiB left to the heap | PSRAM DMA · line | DMA align |
//! |---|---|---|---|---|---|
//! | esp8266 | 1 | no | DRAM 80, IRAM 16 (words) | – | 4 |
//! | esp32 | 2 | yes | PSRAM 4096, RTCRAM 0, DRAM0 6, DRAM1 179, DIRAM0 14, DIRAM1 111, IRAM 67 (words) | no · 32 | 4 |
//! | esp32s2 | 1 | no | PSRAM 2048, RTCRAM 7, RAM0 233, RAM1 14 | yes · 32 | 4 |
//! | esp32s3 | 2 | yes | PSRAM 8192, RAM0 287, RAM1 21, DRAM 32, RTCRAM 7 | yes · 32 | 4 |
//! | esp32c2 | 1 | no | RAM0 194, RAM1 10 | – | 4 |
//! | esp32c3 | 1 | no | RAM 192, RETENTION0 113, RETENTION1 10, RTCRAM 7 | – | 4 |
//! | esp32c5 | 1 | yes | RAM0 240, RAM1 11, PSRAM 8192, RTCRAM 15 | yes · 32 | 4 |
//! | esp32c6 | 1 | yes | RAM0 443, RAM1 11, RTCRAM 15 | – | 4 |
//! | esp32c61 | 1 | yes | RAM0 248, RAM1 11, PSRAM 2048 | yes · 32 | 4 |
//! | esp32h2 | 1 | yes | RAM0 258, RAM1 10, RTCRAM 3 | – | 4 |
//! | esp32p4 | 2 | yes | TCM 7, PSRAM 32768, RETENTION 145, RAM0 18, RAM1 384, RTCRAM 31 | yes · 64 | 64 |
//!
//! "KiB left to the heap" is what ESP-IDF leaves it in a small program, from the boot logs of ESP-IDF's own examples
//! (5.4 to 6.0); the ESP8266 row is an estimate. Programs differ: [`Builder`] takes the figures of yours. "PSRAM DMA ·
//! line": whether DMA reaches PSRAM, and the bytes of a cache line there. Zero means that ESP-IDF does not give the
//! region to the heap by default.
//!
//! # What is as on the chip, and what is not
//!
//! As ESP-IDF's sources have it, and tested (block placement against an independent model): the order in which regions
//! are tried (three priorities, then the smallest region first); the heap's structures that come off each region (0.4
//! to 2.5 KiB); 4 bytes of header per block, sizes in words of 4 bytes, at least 12; sizes cut to the region's size
//! class (8, 16 or 32 classes per power of two, by the region's size); splitting, merging and reuse order; what
//! `heap_caps_get_info` reports. Nothing has been compared with a chip at run time, save the block sizes in
//! `tests/arithmetic.rs`.
//!
//! Different:
//!
//! * Allocations of ESP-IDF itself (task stacks, drivers) are not made. Replay them, or reserve their sum.
//! * Chips set to the TLSF in their ROM (`CONFIG_HEAP_TLSF_USE_ROM_IMPL`) do not cut sizes to the class; heap
//!   poisoning and heap tracing add bytes per block. Neither is modelled.
//! * The ESP8266 has a first-fit list with 8-byte headers, not TLSF. Its row uses TLSF like the others.
//! * `DMA|SPIRAM` is refused where DMA cannot reach PSRAM, while ESP-IDF ignores `DMA` there.
//! * The part of internal RAM that ESP-IDF sets aside for DMA when `malloc` may use PSRAM is not set aside.
//! * A block's contents live outside the bookkeeping, four host bytes to a chip byte, so that 16-byte alignment on the
//!   host follows from 4 on the chip. A program that writes past a block cannot damage the heap; on the chip it would.
//!
//! # Two engines
//!
//! [`Builder::engine`] decides which TLSF runs in the regions. [`Engine::Espressif`], the default, is the chip's
//! arithmetic, written for this crate. [`Engine::Rlsf`] is the crate `rlsf`, the TLSF under many Rust programs, on
//! these chips too. Its blocks are scaled so that a header is the chip's 4 bytes and a step the chip's word, and its
//! regions have the same room. Where requests go, what is refused, which frees are wrong and what
//! [`ChipHeap::why_failed`] and [`ChipHeap::info`] mean is the same. A verdict that both give does not hang on the
//! details of this crate's arithmetic. Where they differ, one of these is why:
//!
//! | | `Espressif` | `Rlsf` |
//! |---|---|---|
//! | a block's size | cut to the size class, remainders below 16 bytes stay with it | the request in words, at least 12; every remainder is a free block |
//! | size classes | of the payload; 8, 16 or 32 per power of two, by the region's size | of payload and header; 32 |
//! | reuse | a freed block serves the same request again | only if its size with the header begins a class: always up to 252 bytes, then every second size, every fourth, and so on; other holes are left to smaller requests until they merge |
//! | aligned blocks | the gap in front is given back at once | the gap is the block's until it is freed |
//! | `realloc` | grows into free memory behind | and in front; a block that moves inside its region is not counted twice in `minimum_free` |
//!
//! So `Espressif` loses more inside blocks, and `Rlsf` more between them. What the chip will do is what `Espressif`
//! says.
//!
//! # Cost
//!
//! `malloc` and `free` are constant time, some 35 ns each on a desktop with either engine (`examples/rate.rs`
//! measures); with `Rlsf` an aligned request also walks over its gap, and asking for [`ChipHeap::info`] or
//! [`ChipHeap::why_failed`] walks all blocks. A heap needs five bytes of address space per byte of the chip, with
//! `Rlsf` 13 and up to 16 more to align them; pages are committed when touched.

mod arena;
mod builder;
mod caps;
mod chip;
mod engine;
mod error;
mod heap;
mod info;
mod map;
mod region;
mod request;

pub use builder::Builder;
pub use caps::{Caps, UnknownCaps};
pub use chip::{Chip, Facts, Psram, UnknownChip};
pub use engine::{Engine, UnknownEngine};
pub use error::{BuildError, FailReason, FreeError, IntegrityError, Refusal};
pub use heap::ChipHeap;
pub use info::{HeapInfo, RegionInfo};
pub use region::{Access, Kind, RegionSpec};
