//! A station that takes a reading at every interrupt of a timer and sends them off in packets: what it does, without the
//! chip. So the same code runs in `main.rs` on a chip, and in `tests/` on a host.
//!
//! ```text
//!   interrupt                 main loop
//!   measure: READINGS --QUEUE--> fill: a packet, wherever its pool is --> sent; describe: a line of text from LINES
//! ```

#![no_std]

use core::fmt::{self, Write};

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::channel::Channel;
use microusc_pool::{
    AllocSlice, AtomicPool, Boxed, DynPool, Error, Pool, PoolString, PoolVec, Reclaim, Rejected, words_for,
};

/// Excludes the interrupt while the main loop allocates or frees a block, and the other way round.
///
/// One core runs programs on ESP32-C2, C3, C5, C6, C61, H2 and S2, so that masking its interrupts is all that is needed:
/// two instructions in place. That there is one is what the pool's feature `unsafe-assume-single-core` states, in
/// `Cargo.toml`; without it this lock cannot be shared. esp-hal's critical section masks by the same bit; the pool's feature `critical-section`
/// would use that, through two calls. Where two cores share a pool (ESP32, S3, P4) the lock is
/// `MaskedSpinLock<Interrupts>`: the same mask, then a flag in each pool.
#[cfg(target_os = "none")]
pub type Lock = microusc_pool::InterruptLock;
/// A host's tests have threads in place of interrupts.
#[cfg(not(target_os = "none"))]
pub type Lock = microusc_pool::SpinLock;

/// What the interrupt has to tell.
#[derive(Debug)]
pub struct Reading {
    /// When it came: microseconds since the start.
    pub at_us: u64,
}

/// Readings that may wait for the main loop.
pub const WAITING: usize = 16;
/// Bytes of a packet: whole readings.
pub const PACKET_BYTES: usize = 8 * READING_BYTES;
const READING_BYTES: usize = size_of::<u64>();
/// Bytes of a line of text.
const LINE_BYTES: usize = 80;

type Readings = Pool<Reading, WAITING, Lock>;
type Lines = AtomicPool<[u8; LINE_BYTES], 2, { words_for(2) }>;

/// All zero bytes: in `.bss`, with nothing in flash and nothing to initialise.
pub static READINGS: Readings = Pool::new();

/// Without a lock: a bit for each block, changed by one atomic instruction on ESP32-C6. ESP32-C3 has none; there the pool
/// masks interrupts for a step, and the code stays the same.
static LINES: Lines = AtomicPool::new();

/// Hands over handles, not readings. It has room for as many as there are blocks, so it is never full.
static QUEUE: Channel<CriticalSectionRawMutex, Boxed<Readings>, WAITING> = Channel::new();

/// The interrupt's part: a reading for the main loop. Where that is behind, the reading is lost, and the pool counts it.
pub fn measure(at_us: u64) {
    if let Ok(reading) = take(at_us) {
        let _never_full = QUEUE.try_send(reading);
    }
}

/// The main loop's part: moves what waits into `packet`; whether that is full.
///
/// # Errors
///
/// [`Error::NoRoom`] if the room in `packet` is not for whole readings.
pub fn fill<P: Reclaim>(packet: &mut PoolVec<'_, u8, P>) -> Result<bool, Error> {
    while packet.len() < packet.capacity() {
        let Ok(reading) = QUEUE.try_receive() else { return Ok(false) };
        packet.extend_from_slice(&give_back(reading))?;
    }
    Ok(true)
}

/// A packet in words. The line is a block, too, and goes back when it is dropped.
///
/// # Errors
///
/// [`Error::Exhausted`] while two lines are in use.
pub fn describe(number: usize, packet: &[u8]) -> Result<PoolString<'static, Lines>, Error> {
    let mut line = PoolString::new(LINES.alloc_vec(LINE_BYTES)?);
    let (readings, _) = packet.as_chunks::<READING_BYTES>();
    let times = || readings.iter().map(|bytes| u64::from_le_bytes(*bytes));
    let farthest = times().zip(times().skip(1)).map(|(one, next)| next.saturating_sub(one)).max();
    let milliseconds = (farthest.unwrap_or(0) + 500) / 1000;
    write!(line, "packet {number}: {} readings, at most {milliseconds} ms apart", readings.len())
        .map_err(|_| Error::NoRoom)?;
    Ok(line)
}

/// What every pool has seen so far.
///
/// # Errors
///
/// Those of `out`.
pub fn report(out: &mut impl Write, packets: &DynPool<'_, Lock>) -> fmt::Result {
    writeln!(out, "readings {}", READINGS.stats())?;
    writeln!(out, "packets  {}", packets.stats())?;
    let lines = LINES.stats();
    writeln!(out, "lines    {} of {} free, exhausted {}", lines.free, lines.capacity, lines.exhausted)
}

// Out of line, so that the built program shows what taking and returning a block reach: code of the pool, nothing else.

#[inline(never)]
fn take(at_us: u64) -> Result<Boxed<Readings>, Rejected<Reading>> {
    READINGS.alloc(Reading { at_us })
}

/// What to send of a reading, whose block is free from here on.
#[inline(never)]
fn give_back(reading: Boxed<Readings>) -> [u8; READING_BYTES] {
    reading.at_us.to_le_bytes()
}
