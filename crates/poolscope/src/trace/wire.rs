//! The bytes of a trace, shared by writer and reader; `docs/trace-format.md` is the prose.

use serde::{Deserialize, Serialize};

use super::event::{BadFree, Event, Findings, Totals};

/// File name extension of native traces, without the dot.
pub const EXTENSION: &str = "pooltrace";

/// First bytes of every native trace.
///
/// Not ASCII, then CR LF, Ctrl-Z and LF: a transfer in text mode or a 7-bit channel cannot leave them intact.
pub const MAGIC: [u8; 8] = *b"\x89PTR\r\n\x1a\n";

/// The version of the format that this library writes; it reads all versions up to this one.
pub const VERSION: u16 = 2;

/// The first version: without [`Record::Memory`], and without findings at the end.
pub(super) const FIRST_VERSION: u16 = 1;

/// Longest metadata block, bytes.
pub(super) const MAX_META: usize = 64 << 10;

/// Longest frame before compression, bytes.
pub(super) const MAX_RAW: usize = 1 << 20;

/// Longest frame after compression, bytes: incompressible data grows a little.
pub(super) const MAX_PACKED: usize = MAX_RAW + (MAX_RAW >> 8) + 64;

/// Bytes of the fixed part of the header after the magic: version, length of the metadata.
pub(super) const HEADER_LEN: usize = 2 + 4;

/// Longest list of remarks, bytes.
pub(super) const MAX_REMARKS: usize = 64 << 10;

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FrameKind {
    /// [`Record`]s, one after another.
    Events = 1,
    /// [`End`]; nothing follows.
    End = 2,
}

/// The fixed part before each frame's compressed bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct FrameHeader {
    pub(super) kind: FrameKind,
    pub(super) raw_len: u32,
    pub(super) packed_len: u32,
    pub(super) crc: u32,
}

impl FrameHeader {
    pub(super) const LEN: usize = 1 + 4 + 4 + 4;

    /// The header of `packed`, which unpacks to `raw_len` bytes.
    pub(super) fn new(kind: FrameKind, raw_len: usize, packed: &[u8]) -> Self {
        let mut header =
            FrameHeader { kind, raw_len: raw_len as u32, packed_len: packed.len() as u32, crc: 0 };
        header.crc = header.checksum(packed);
        header
    }

    pub(super) fn to_bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[0] = self.kind as u8;
        bytes[1..5].copy_from_slice(&self.raw_len.to_le_bytes());
        bytes[5..9].copy_from_slice(&self.packed_len.to_le_bytes());
        bytes[9..].copy_from_slice(&self.crc.to_le_bytes());
        bytes
    }

    /// The header in `bytes`, or what is wrong with it. Lengths are within bounds afterwards.
    pub(super) fn parse(bytes: &[u8; Self::LEN]) -> Result<Self, &'static str> {
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let kind = match bytes[0] {
            1 => FrameKind::Events,
            2 => FrameKind::End,
            _ => return Err("unknown kind of frame"),
        };
        let header = FrameHeader { kind, raw_len: word(1), packed_len: word(5), crc: word(9) };
        if header.raw_len as usize > MAX_RAW || header.packed_len as usize > MAX_PACKED {
            return Err("frame longer than the format allows");
        }
        Ok(header)
    }

    /// CRC-32 over the header's other fields and the compressed bytes.
    pub(super) fn checksum(&self, packed: &[u8]) -> u32 {
        let mut crc = crc32fast::Hasher::new();
        crc.update(&self.to_bytes()[..9]);
        crc.update(packed);
        crc.finalize()
    }
}

/// What the end frame holds.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct End {
    pub(super) totals: Totals,
    pub(super) remarks: Vec<String>,
    pub(super) findings: Findings,
}

/// What the end frame of version 1 holds.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct FirstEnd {
    pub(super) totals: Totals,
    pub(super) remarks: Vec<String>,
}

/// One record inside an events frame. The order of the variants is the format.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) enum Record<'a> {
    Alloc { slot: u32, size: u64, dt: u64 },
    Free { slot: u32, dt: u64 },
    DoubleFree { dt: u64 },
    UnknownFree { dt: u64 },
    Switch { context: u32 },
    Context { name: &'a str, core: u8, in_isr: bool },
    Memory { external: bool },
}

impl From<Event> for Record<'_> {
    fn from(event: Event) -> Self {
        match event {
            Event::Alloc { slot, size, dt } => Record::Alloc { slot, size, dt },
            Event::Free { slot, dt } => Record::Free { slot, dt },
            Event::BadFree { kind: BadFree::DoubleFree, dt } => Record::DoubleFree { dt },
            Event::BadFree { kind: BadFree::NeverAllocated, dt } => Record::UnknownFree { dt },
            Event::Switch { context } => Record::Switch { context },
            Event::Memory { external } => Record::Memory { external },
        }
    }
}
