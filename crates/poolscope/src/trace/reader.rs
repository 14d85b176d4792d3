//! Reads native traces, trusting nothing.

use std::io::{self, Read};

use flate2::{Decompress, FlushDecompress, Status};

use super::event::{BadFree, Context, Event, Findings, MAX_CONTEXTS, MAX_NAME, Meta, Totals};
use super::live_blocks::LiveBlocks;
use super::wire::{
    End, FIRST_VERSION, FirstEnd, FrameHeader, FrameKind, HEADER_LEN, MAGIC, MAX_META, Record, VERSION,
};
use crate::error::{Error, Result};

/// Reads a trace frame by frame and checks every byte and every event on the way.
///
/// Memory: two frames (about 2 MiB), 8 bytes per block of the peak, and the caller's batch.
/// A [`BufReader`](io::BufReader) around `input` is not needed.
pub struct Reader<R: Read> {
    input: R,
    offset: u64,
    version: u16,
    meta: Meta,
    contexts: Vec<Context>,
    live: LiveBlocks,
    totals: Option<Totals>,
    remarks: Vec<String>,
    findings: Findings,
    packed: Vec<u8>,
    raw: Vec<u8>,
    inflate: Decompress,
}

impl<R: Read> Reader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// [`Error::NotATrace`], [`Error::TextModeDamage`], [`Error::Version`], [`Error::Truncated`],
    /// [`Error::Checksum`], [`Error::Corrupt`], [`Error::Read`].
    pub fn new(input: R) -> Result<Self> {
        let mut reader = Reader {
            input,
            offset: 0,
            version: VERSION,
            meta: Meta::new("", 0),
            contexts: Vec::new(),
            live: LiveBlocks::new(),
            totals: None,
            remarks: Vec::new(),
            findings: Findings::default(),
            packed: Vec::new(),
            raw: Vec::new(),
            inflate: Decompress::new(false),
        };
        reader.meta = reader.read_header()?;
        Ok(reader)
    }

    /// What the header says.
    #[must_use]
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// The contexts defined so far; every `Switch` handed out is an index into them.
    #[must_use]
    pub fn contexts(&self) -> &[Context] {
        &self.contexts
    }

    /// The totals, once the end has been read (and checked against the events).
    #[must_use]
    pub fn totals(&self) -> Option<&Totals> {
        self.totals.as_ref()
    }

    /// What the writer remarked at the end; empty until then.
    #[must_use]
    pub fn remarks(&self) -> &[String] {
        &self.remarks
    }

    /// What the recording says beside its events; empty until the end.
    #[must_use]
    pub fn findings(&self) -> &Findings {
        &self.findings
    }

    /// The totals of the events handed out so far.
    #[must_use]
    pub fn totals_so_far(&self) -> &Totals {
        self.live.totals()
    }

    /// Appends the events of the next frame to `batch`; `false` when the trace has ended as it should.
    ///
    /// A frame holds at most some 500 000 events (1 MiB). On error, `batch` holds the sound events before it.
    ///
    /// # Errors
    /// [`Error::Truncated`], [`Error::Checksum`], [`Error::Corrupt`], [`Error::Read`].
    pub fn next_batch(&mut self, batch: &mut Vec<Event>) -> Result<bool> {
        if self.totals.is_some() {
            return Ok(false);
        }
        let at = self.offset;
        match self.read_frame()? {
            FrameKind::Events => self.decode_events(at, batch).map(|()| true),
            FrameKind::End => self.decode_end(at).map(|()| false),
        }
    }

    fn read_header(&mut self) -> Result<Meta> {
        let mut magic = [0; MAGIC.len()];
        let got = read_full(&mut self.input, &mut magic).map_err(Error::from_read)?;
        check_magic(&magic[..got])?;
        self.offset = MAGIC.len() as u64;

        let mut fixed = [0; HEADER_LEN];
        self.fill(&mut fixed)?;
        let version = u16::from_le_bytes([fixed[0], fixed[1]]);
        if !(FIRST_VERSION..=VERSION).contains(&version) {
            return Err(Error::Version {
                what: "pooltrace",
                found: version.into(),
                oldest: FIRST_VERSION.into(),
                supported: VERSION.into(),
                help: "use a poolscope that is as new as the one that wrote the file, or import the recording again"
                    .to_owned(),
            });
        }
        self.version = version;
        let len = u32::from_le_bytes([fixed[2], fixed[3], fixed[4], fixed[5]]) as usize;
        if len > MAX_META {
            return Err(self.corrupt(8, "metadata longer than the format allows"));
        }
        let mut meta = vec![0; len];
        self.fill(&mut meta)?;
        let mut crc = [0; 4];
        self.fill(&mut crc)?;
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&fixed);
        hasher.update(&meta);
        if hasher.finalize() != u32::from_le_bytes(crc) {
            return Err(Error::Checksum { offset: 8 });
        }
        match postcard::take_from_bytes(&meta) {
            Ok((meta, [])) => Ok(meta),
            _ => Err(self.corrupt(14, "metadata does not decode")),
        }
    }

    /// Reads and unpacks one frame into `self.raw`.
    fn read_frame(&mut self) -> Result<FrameKind> {
        let at = self.offset;
        let mut header = [0; FrameHeader::LEN];
        self.fill(&mut header)?;
        let header = FrameHeader::parse(&header).map_err(|what| self.corrupt(at, what))?;

        let mut packed = std::mem::take(&mut self.packed);
        packed.resize(header.packed_len as usize, 0);
        let filled = self.fill(&mut packed);
        self.packed = packed;
        filled?;
        if header.checksum(&self.packed) != header.crc {
            return Err(Error::Checksum { offset: at });
        }

        self.raw.resize(header.raw_len as usize, 0);
        self.inflate.reset(false);
        let status = self.inflate.decompress(&self.packed, &mut self.raw, FlushDecompress::Finish);
        let complete = matches!(status, Ok(Status::StreamEnd))
            && self.inflate.total_out() == self.raw.len() as u64
            && self.inflate.total_in() == self.packed.len() as u64;
        if complete { Ok(header.kind) } else { Err(self.corrupt(at, "frame does not unpack")) }
    }

    fn decode_events(&mut self, at: u64, batch: &mut Vec<Event>) -> Result<()> {
        let raw = std::mem::take(&mut self.raw);
        let mut rest = &raw[..];
        while !rest.is_empty() {
            let (record, tail) = postcard::take_from_bytes::<Record<'_>>(rest)
                .map_err(|_| self.corrupt(at, "an event does not decode"))?;
            rest = tail;
            let event = match record {
                Record::Alloc { slot, size, dt } => Event::Alloc { slot, size, dt },
                Record::Free { slot, dt } => Event::Free { slot, dt },
                Record::DoubleFree { dt } => Event::BadFree { kind: BadFree::DoubleFree, dt },
                Record::UnknownFree { dt } => Event::BadFree { kind: BadFree::NeverAllocated, dt },
                Record::Switch { context } => Event::Switch { context },
                Record::Memory { .. } if self.version == FIRST_VERSION => {
                    return Err(self.corrupt(at, "an event does not decode"));
                }
                Record::Memory { external } => Event::Memory { external },
                Record::Context { name, core, in_isr } => {
                    self.define_context(at, name, core, in_isr)?;
                    continue;
                }
            };
            self.live.apply(&event).map_err(|fault| self.corrupt(at, fault))?;
            batch.push(event);
        }
        self.raw = raw;
        Ok(())
    }

    fn define_context(&mut self, at: u64, name: &str, core: u8, in_isr: bool) -> Result<()> {
        if name.len() > MAX_NAME {
            return Err(self.corrupt(at, "context name longer than the format allows"));
        }
        if self.contexts.len() == MAX_CONTEXTS {
            return Err(self.corrupt(at, "more contexts than the format allows"));
        }
        self.contexts.push(Context { name: name.to_owned(), core, in_isr });
        self.live.define_context();
        Ok(())
    }

    fn decode_end(&mut self, at: u64) -> Result<()> {
        let end = match self.version {
            FIRST_VERSION => postcard::take_from_bytes::<FirstEnd>(&self.raw).map(|(end, rest)| {
                (End { totals: end.totals, remarks: end.remarks, findings: Findings::default() }, rest)
            }),
            _ => postcard::take_from_bytes::<End>(&self.raw),
        };
        let Ok((End { totals, remarks, findings }, [])) = end else {
            return Err(self.corrupt(at, "the totals do not decode"));
        };
        if totals != *self.live.totals() {
            return Err(self.corrupt(at, "the totals at the end do not match the events"));
        }
        if read_full(&mut self.input, &mut [0]).map_err(Error::from_read)? != 0 {
            return Err(self.corrupt(self.offset, "data after the end of the trace"));
        }
        self.totals = Some(totals);
        self.remarks = remarks;
        self.findings = findings;
        Ok(())
    }

    /// Fills `buffer`, or says where the file was cut off.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<()> {
        let got = read_full(&mut self.input, buffer).map_err(Error::from_read)?;
        self.offset += got as u64;
        if got == buffer.len() { Ok(()) } else { Err(Error::Truncated { offset: self.offset }) }
    }

    fn corrupt(&self, offset: u64, what: impl ToString) -> Error {
        Error::Corrupt { offset, what: what.to_string() }
    }
}

/// Distinguishes a file that is not a trace from one that a text-mode transfer has damaged.
fn check_magic(start: &[u8]) -> Result<()> {
    if start == MAGIC {
        return Ok(());
    }
    // Damage comes as a cleared top bit, as LF for CR LF, or as CR LF for LF; "PTR" survives all of these.
    let letters = start.get(1..4) == Some(&MAGIC[1..4]);
    let first = matches!(start.first(), Some(0x89 | 0x09));
    let whole = start.len() == MAGIC.len();
    Err(match (letters && first, whole) {
        (true, true) => Error::TextModeDamage,
        (_, false) if MAGIC.starts_with(start) => Error::Truncated { offset: start.len() as u64 },
        _ => Error::NotATrace,
    })
}

/// Reads until `buffer` is full or the input ends; returns the bytes read.
fn read_full(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while got < buffer.len() {
        match input.read(&mut buffer[got..]) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(got)
}
