//! Writes native traces.

use std::io::Write;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use serde::Serialize;

use super::event::{Context, Event, Findings, MAX_CONTEXTS, MAX_NAME, Meta, Totals};
use super::live_blocks::LiveBlocks;
use super::wire::{End, FrameHeader, FrameKind, MAGIC, MAX_META, MAX_REMARKS, Record, VERSION};
use crate::error::{Error, Result};

/// A frame is closed once it holds this many bytes: far enough below the format's limit for one more record,
/// large enough to compress well, small enough for a reader's cache.
const FRAME_BYTES: usize = 256 << 10;

/// Traces come out as small as with the default level, half as fast again.
const LEVEL: Compression = Compression::new(3);

/// Writes a trace, event by event. Nothing is complete before [`finish`](Writer::finish).
///
/// Memory: one frame (256 KiB) and 8 bytes per block of the peak.
pub struct Writer<W: Write> {
    out: W,
    live: LiveBlocks,
    contexts: u32,
    remarks: Vec<String>,
    findings: Findings,
    raw: Vec<u8>,
    packer: DeflateEncoder<Vec<u8>>,
}

impl<W: Write> Writer<W> {
    /// Starts a trace by writing the header.
    ///
    /// # Errors
    /// [`Error::Write`] from `out`; [`Error::MetaTooLong`] if the metadata takes more than 64 KiB.
    pub fn new(mut out: W, meta: &Meta) -> Result<Self> {
        let meta = encode(meta, Vec::new());
        if meta.len() > MAX_META {
            return Err(Error::MetaTooLong { limit: MAX_META });
        }
        let mut header = VERSION.to_le_bytes().to_vec();
        header.extend((meta.len() as u32).to_le_bytes());
        header.extend(meta);
        let crc = crc32fast::hash(&header).to_le_bytes();
        for part in [&MAGIC[..], &header, &crc] {
            out.write_all(part).map_err(Error::Write)?;
        }
        let packer = DeflateEncoder::new(Vec::new(), LEVEL);
        let raw = Vec::with_capacity(FRAME_BYTES + FRAME_BYTES / 8);
        Ok(Writer {
            out,
            live: LiveBlocks::new(),
            contexts: 0,
            remarks: Vec::new(),
            findings: Findings::default(),
            raw,
            packer,
        })
    }

    /// Defines a context and returns the number to switch to it. A name is cut after 256 bytes.
    ///
    /// # Errors
    /// [`Error::TooManyContexts`] after 65 536 of them; [`Error::Write`].
    pub fn define_context(&mut self, context: &Context) -> Result<u32> {
        if self.contexts as usize == MAX_CONTEXTS {
            return Err(Error::TooManyContexts { limit: MAX_CONTEXTS });
        }
        let name = &context.name[..context.name.floor_char_boundary(MAX_NAME)];
        self.push(&Record::Context { name, core: context.core, in_isr: context.in_isr })?;
        self.live.define_context();
        self.contexts += 1;
        Ok(self.contexts - 1)
    }

    /// Appends one event.
    ///
    /// # Errors
    /// [`Error::ImpossibleEvent`] if it contradicts the events before it; [`Error::Write`].
    #[inline]
    pub fn write(&mut self, event: Event) -> Result<()> {
        self.live.apply(&event).map_err(Error::ImpossibleEvent)?;
        self.push(&event.into())
    }

    /// Adds a sentence that is known only now, to be written at the end. Beyond 64 KiB in sum they are dropped.
    pub fn remark(&mut self, text: impl Into<String>) {
        let text = text.into();
        // Eight bytes more than the text is more than its length takes.
        let sum: usize = self.remarks.iter().map(|remark| remark.len() + 8).sum();
        if sum + text.len() + 8 <= MAX_REMARKS {
            self.remarks.push(text);
        }
    }

    /// Sets what the recording says beside its events, to be written at the end.
    pub fn set_findings(&mut self, findings: Findings) {
        self.findings = findings.bounded();
    }

    /// Closes the trace; returns the inner writer (flushed) and the totals.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn finish(mut self) -> Result<(W, Totals)> {
        self.flush_frame(FrameKind::Events)?;
        let end = End {
            totals: self.live.totals().clone(),
            remarks: std::mem::take(&mut self.remarks),
            findings: std::mem::take(&mut self.findings),
        };
        self.raw = encode(&end, std::mem::take(&mut self.raw));
        self.flush_frame(FrameKind::End)?;
        self.out.flush().map_err(Error::Write)?;
        Ok((self.out, end.totals))
    }

    /// The totals of the events written so far.
    #[must_use]
    pub fn totals(&self) -> &Totals {
        self.live.totals()
    }

    #[inline]
    fn push(&mut self, record: &Record<'_>) -> Result<()> {
        self.raw = encode(record, std::mem::take(&mut self.raw));
        if self.raw.len() >= FRAME_BYTES { self.flush_frame(FrameKind::Events) } else { Ok(()) }
    }

    fn flush_frame(&mut self, kind: FrameKind) -> Result<()> {
        if self.raw.is_empty() {
            return Ok(());
        }
        // Packing goes to memory, which cannot fail; only `out` can.
        self.packer.write_all(&self.raw).map_err(Error::Write)?;
        let packed = self.packer.reset(Vec::new()).map_err(Error::Write)?;
        let header = FrameHeader::new(kind, self.raw.len(), &packed);
        self.out.write_all(&header.to_bytes()).map_err(Error::Write)?;
        self.out.write_all(&packed).map_err(Error::Write)?;
        self.raw.clear();
        Ok(())
    }
}

/// Appends `value` to `to` in postcard's encoding.
#[inline]
fn encode<T: Serialize>(value: &T, to: Vec<u8>) -> Vec<u8> {
    postcard::to_extend(value, to).expect("plain data appended to memory always encodes")
}
