//! The memory of the ESP32 family on a host: every chip's regions, and over them a heap that behaves like the
//! chip's own.
//!
//! A [`ChipHeap`] answers the question "would this program run out of memory on that chip, when, and why?" It has
//! ESP-IDF's `heap_caps_*` semantics (which region a request goes to, what is refused, how DMA buffers are rounded)
//! and, in each region, the block arithmetic of ESP-IDF's TLSF: the same addresses, the same sizes, the same waste.
//! Other TLSFs can take its place, under the same contract: see [Engines](#engines).
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
//! | esp32 | 2 | yes | PSRAM 4096, DRAM0 6, DRAM1 179, DIRAM0 14, DIRAM1 111, IRAM 67 (words), RTCRAM 0 | no · 32 | 4 |
//! | esp32s2 | 1 | no | PSRAM 2048, RAM0 233, RAM1 14, RTCRAM 7 | yes · 32 | 4 |
//! | esp32s3 | 2 | yes | PSRAM 8192, RAM0 287, RAM1 21, DRAM 32, RTCRAM 7 | yes · 32 | 4 |
//! | esp32c2 | 1 | no | RAM0 194, RAM1 10 | – | 4 |
//! | esp32c3 | 1 | no | RAM 192, RETENTION0 113, RETENTION1 10, RTCRAM 7 | – | 4 |
//! | esp32c5 | 1 | yes | PSRAM 8192, RAM0 240, RAM1 11, RTCRAM 15 | yes · 32 | 4 |
//! | esp32c6 | 1 | yes | RAM0 443, RAM1 11, RTCRAM 15 | – | 4 |
//! | esp32c61 | 1 | yes | PSRAM 2048, RAM0 248, RAM1 11 | yes · 32 | 4 |
//! | esp32h2 | 1 | yes | RAM0 258, RAM1 10, RTCRAM 3 | – | 4 |
//! | esp32p4 | 2 | yes | PSRAM 32768, RETENTION 145, RAM0 18, RAM1 256, RTCRAM 31, TCM 7 | yes · 64 | 64 |
//!
//! "KiB left to the heap" is what ESP-IDF 5.5 leaves it in a small program, from the boot logs of ESP-IDF's own
//! examples; the ESP8266 row is an estimate. Programs differ: [`Builder`] takes the figures of yours. "PSRAM DMA ·
//! line": whether DMA reaches PSRAM, and the bytes of a cache line there. Zero means that ESP-IDF does not give the
//! region to the heap by default.
//!
//! # What is as on the chip, and what is not
//!
//! Compared with ESP-IDF's own heap (v5.4.4 and v5.5.5), address by address, for every chip but the ESP8266, by some
//! 47,000 operations (`tests/golden.rs`): the order in which regions are searched ([`Idf`]); the heap's structures
//! that are taken from each region (0.4 to 2.5 KiB); the list of heaps that ESP-IDF allocates first; 4 bytes of header per
//! block, sizes in words of 4 bytes, at least 12; sizes cut to the region's size class (8, 16 or 32 classes per power
//! of two, by the region's size); splitting, merging and reuse order; alignment for DMA and by request; `realloc` in
//! place, within the region, and to another one; what `heap_caps_get_info` reports.
//!
//! As in ESP-IDF's sources, and not compared: alignment for vector instructions; PSRAM, which is searched before all
//! other regions of the same priority; what plain `malloc` does with it ([`Builder::malloc_internal_up_to`]) and the internal memory that is
//! then reserved ([`Builder::malloc_reserve_internal`]); the instruction addresses of executable blocks on the ESP32.
//! Where PSRAM begins on ESP32-S3, C5 and C61 depends on how much flash the program maps; here it has an address of
//! its own.
//!
//! Different:
//!
//! * Allocations of ESP-IDF other than the list of heaps (task stacks, drivers) are not made. Replay them, or reserve
//!   their sum.
//! * ESP32-C2, C5, C6, C61 and H2 use the TLSF in their ROM by default. [`Engine::Espressif`] is the one that they use
//!   with `CONFIG_HEAP_TLSF_USE_ROM_IMPL=n`; [`Engine::Rom`] is the one in ROM, never compared with a chip.
//! * ESP-IDF 5.5.5 takes the lowest `total_free` of the reserve for DMA to be zero. Here it is what it was.
//! * Heap poisoning, task tracking and heap tracing add bytes per block. They are not modelled.
//! * The ESP8266 has a first-fit list with 8-byte headers, not TLSF. Its row uses TLSF like the others.
//! * `DMA|SPIRAM` is refused where DMA cannot reach PSRAM, while ESP-IDF ignores `DMA` there.
//! * A block's contents live outside the bookkeeping, four host bytes to a chip byte, so that 16-byte alignment on the
//!   host follows from 4 on the chip. A program that writes past a block cannot damage the heap; on the chip it would.
//! * ESP-IDF's own blocks cannot be freed; on the chip a wrong pointer could.
//!
//! # Engines
//!
//! [`Builder::engine`] decides which TLSF runs in the regions. Where requests go, what is refused, which frees are
//! wrong and what [`ChipHeap::why_failed`] and [`ChipHeap::info`] mean is the same with each.
//!
//! * [`Engine::Espressif`], the default: the block arithmetic of ESP-IDF's own TLSF, written for this crate.
//! * [`Engine::Rom`]: that of the TLSF in the ROM of ESP32-C2, C5, C6, C61 and H2 ([`RomHeap`]). It is
//!   made of older sources of the same TLSF, in which a block is cut to the request and not to the size class. The
//!   ROMs of C2, C6 and H2 have 32 classes in every region. Assumed: they were made for as many
//!   bytes as the chip has RAM, which decides how much of a region the lists take (1.7 KiB).
//! * [`Engine::Rlsf`]: the crate `rlsf`, the TLSF under many Rust programs. Its blocks are scaled so that a header is
//!   the chip's 4 bytes and a step the chip's word, and its regions have the same room. A verdict that it shares with
//!   the default does not depend on the details of this crate's arithmetic.
//!
//! Where their verdicts differ, one of these is why:
//!
//! | | `Espressif` | `Rom` | `Rlsf` |
//! |---|---|---|---|
//! | a block's size | cut to the size class, remainders below 16 bytes stay with it | the request in words, at least 12; likewise | the request in words, at least 12; every remainder is a free block |
//! | size classes | of the payload; 8, 16 or 32 per power of two, by the region's size | the same on C5 and C61, 32 on C2, C6 and H2 | of payload and header; 32 |
//! | reuse | a freed block serves the same request again | only if its size begins a class: with 32 classes up to 256 bytes, then every second size, every fourth, and so on; other holes are left to smaller requests until they merge | likewise, by its size with the header: up to 252 bytes |
//! | aligned blocks | the gap in front is given back at once | likewise | the gap is the block's until it is freed |
//! | `realloc` | grows into free memory behind | likewise | and in front |
//!
//! So `Espressif` loses more inside blocks, and the others more between them. What the chip will do is what
//! `Espressif` says, or where its heap is in ROM, more likely what `Rom` says.
//!
//! # Cost
//!
//! `malloc` and `free` are constant time, some 35 ns each on a desktop with any engine (`examples/rate.rs`
//! measures); with `Rlsf` an aligned request also walks over its gap, and asking for [`ChipHeap::info`] or
//! [`ChipHeap::why_failed`] walks all blocks. A heap needs five bytes of address space per byte of the chip, with
//! `Rlsf` 13 and up to 16 more to align them; pages are committed when touched.

/// The examples of the README are tests, too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod builder;
mod caps;
mod chip;
mod engine;
mod error;
mod heap;
mod host_memory;
mod idf;
mod info;
mod map;
mod region;
mod request;

pub use builder::Builder;
pub use caps::{Caps, UnknownCaps};
pub use chip::{Chip, Facts, Psram, RomHeap, UnknownChip};
pub use engine::{Engine, UnknownEngine};
pub use error::{BuildError, FailReason, FreeError, IntegrityError, Refusal};
pub use heap::ChipHeap;
pub use idf::{Idf, UnknownIdf};
pub use info::{HeapInfo, RegionInfo};
pub use region::{Access, Kind, RegionSpec};
