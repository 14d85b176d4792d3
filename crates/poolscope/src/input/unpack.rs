//! From a file to plain UTF-8 text or bytes: unpacks gzip and Zstandard, and turns UTF-16 into UTF-8.
//!
//! Both are recognised by the first bytes, which [`Peek`] looks at without taking them away.

use std::io::{self, BufRead, BufReader, Read};

use flate2::read::MultiGzDecoder;
use ruzstd::decoding::StreamingDecoder;

use crate::error::{Error, Result};

/// The content of `input`: unpacked if it is compressed, and as UTF-8 if it is UTF-16.
pub(super) fn open<'a>(input: Box<dyn Read + 'a>) -> Result<Peek<'a>> {
    to_utf8(unpack(input)?)
}

/// An input whose beginning can be looked at before it is read.
pub(super) struct Peek<'a> {
    start: Vec<u8>,
    at: usize,
    rest: Box<dyn Read + 'a>,
}

impl<'a> Peek<'a> {
    pub(super) fn new(rest: Box<dyn Read + 'a>) -> Self {
        Peek { start: Vec::new(), at: 0, rest }
    }

    /// The first `len` bytes, fewer only if the input is shorter. To be called before reading.
    pub(super) fn peek(&mut self, len: usize) -> Result<&[u8]> {
        let missing = len.saturating_sub(self.start.len()) as u64;
        (&mut self.rest).take(missing).read_to_end(&mut self.start).map_err(Error::from_read)?;
        Ok(&self.start[..len.min(self.start.len())])
    }

    /// Leaves out the first `len` bytes, which were peeked at.
    pub(super) fn skip(&mut self, len: usize) {
        self.start.drain(..len.min(self.start.len()));
    }

    pub(super) fn buffered(self) -> BufReader<Self> {
        BufReader::with_capacity(64 << 10, self)
    }
}

impl Read for Peek<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let mut start = &self.start[self.at..];
        if start.is_empty() {
            return self.rest.read(buffer);
        }
        let n = start.read(buffer)?;
        self.at += n;
        Ok(n)
    }
}

/// What line-based readers read from.
pub(super) type Input<'a> = BufReader<Peek<'a>>;

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Largest Zstandard window accepted, bytes: what `zstd -d` accepts by default. It is the memory it takes.
const MAX_WINDOW: u64 = 128 << 20;

/// The content of `input`, unpacked if it is compressed.
fn unpack<'a>(input: Box<dyn Read + 'a>) -> Result<Peek<'a>> {
    let mut input = Peek::new(input);
    let start = input.peek(ZSTD.len())?;
    Ok(if start.starts_with(&GZIP) {
        Peek::new(Box::new(Explain { format: "gzip", inner: MultiGzDecoder::new(input) }))
    } else if start == ZSTD {
        Peek::new(Box::new(Explain { format: "zstd", inner: Frames::Between(Some(input.buffered())) }))
    } else {
        input
    })
}

/// Turns a decompressor's errors into ours, which name the compression and the next step.
struct Explain<R> {
    format: &'static str,
    inner: R,
}

impl<R: Read> Read for Explain<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer).map_err(|error| match device_error(&error) {
            Some(kind) => io::Error::new(kind, error),
            None => io::Error::other(Error::Compressed { format: self.format, what: error.to_string() }),
        })
    }
}

/// The kind of the device's failure behind `error`, if it is not the data that is wrong.
fn device_error(error: &io::Error) -> Option<io::ErrorKind> {
    let of_data = |kind| {
        use io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
        matches!(kind, InvalidData | InvalidInput | UnexpectedEof | Other)
    };
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            if !of_data(error.kind()) {
                return Some(error.kind());
            }
            cause = error.get_ref().map(|inner| inner as _);
        } else {
            cause = error.source();
        }
    }
    None
}

/// All frames of a Zstandard file, one after another, with their checksums verified.
enum Frames<R: Read> {
    Between(Option<BufReader<R>>),
    Inside(Box<StreamingDecoder<BufReader<R>, ruzstd::decoding::FrameDecoder>>),
}

impl<R: Read> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            match self {
                Frames::Inside(frame) => {
                    let n = frame.read(buffer)?;
                    if n > 0 {
                        return Ok(n);
                    }
                    let stated = frame.decoder.get_checksum_from_data();
                    if stated.is_some() && stated != frame.decoder.get_calculated_checksum() {
                        return Err(io::Error::new(io::ErrorKind::InvalidData, "checksum does not match"));
                    }
                    let Frames::Inside(frame) = std::mem::replace(self, Frames::Between(None)) else {
                        return Ok(0);
                    };
                    *self = Frames::Between(Some(frame.into_inner()));
                }
                Frames::Between(input) => {
                    let Some(reader) = input.as_mut() else { return Ok(0) };
                    if reader.fill_buf()?.is_empty() {
                        return Ok(0);
                    }
                    let Some(reader) = input.take() else { return Ok(0) };
                    let frame = StreamingDecoder::new_with_max_window_size(reader, MAX_WINDOW)
                        .map_err(io::Error::other)?;
                    *self = Frames::Inside(Box::new(frame));
                }
            }
        }
    }
}

/// How much of the start is looked at.
const START: usize = 512;

/// `input` as it is, or if it is UTF-16, as UTF-8; without a byte order mark.
fn to_utf8(mut input: Peek<'_>) -> Result<Peek<'_>> {
    let start = input.peek(START)?;
    if start.starts_with(b"\xef\xbb\xbf") {
        input.skip(3);
        return Ok(input);
    }
    let Some((little, mark)) = utf16(start) else { return Ok(input) };
    input.skip(mark);
    let decoder = Utf16 { input, little, odd: None, high: None, ready: Vec::new(), at: 0, ended: false };
    Ok(Peek::new(Box::new(decoder)))
}

/// Whether `start` is UTF-16: little endian or not, and the bytes of the mark.
fn utf16(start: &[u8]) -> Option<(bool, usize)> {
    match start {
        [0xff, 0xfe, ..] => return Some((true, 2)),
        [0xfe, 0xff, ..] => return Some((false, 2)),
        _ => {}
    }
    // Without a mark: every other byte of text in Latin letters is zero, and no other byte is.
    let zeros = |from: usize| start.iter().skip(from).step_by(2).filter(|&&byte| byte == 0).count();
    let (even, odd, pairs) = (zeros(0), zeros(1), start.len() / 2);
    let plain = |zero: usize, text: usize| pairs >= 4 && zero * 10 >= pairs * 9 && text * 10 <= pairs;
    if plain(odd, even) {
        Some((true, 0))
    } else if plain(even, odd) {
        Some((false, 0))
    } else {
        None
    }
}

/// Reads UTF-16 and hands out UTF-8. Halves of pairs become U+FFFD. Memory: one buffer.
struct Utf16<'a> {
    input: Peek<'a>,
    little: bool,
    odd: Option<u8>,
    high: Option<u16>,
    ready: Vec<u8>,
    at: usize,
    ended: bool,
}

impl Utf16<'_> {
    fn unit(&mut self, unit: u16) {
        let pair = self.high.take().map_or_else(Vec::new, |high| vec![high]);
        if pair.is_empty() && (0xd800..0xdc00).contains(&unit) {
            self.high = Some(unit);
            return;
        }
        for char in char::decode_utf16(pair.into_iter().chain([unit])) {
            let char = char.unwrap_or(char::REPLACEMENT_CHARACTER);
            self.ready.extend(char.encode_utf8(&mut [0; 4]).bytes());
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut bytes = [0; 8192];
        let got = self.input.read(&mut bytes)?;
        if got == 0 {
            self.ended = true;
            if self.high.take().is_some() {
                self.ready.extend("\u{fffd}".bytes());
            }
            // Of a character that was cut in its middle, the first half is enough if it is a Latin letter.
            self.ready.extend(self.odd.take().filter(|byte| self.little && (1..0x80).contains(byte)));
        }
        for &byte in &bytes[..got] {
            match self.odd.take() {
                None => self.odd = Some(byte),
                Some(first) if self.little => self.unit(u16::from_le_bytes([first, byte])),
                Some(first) => self.unit(u16::from_be_bytes([first, byte])),
            }
        }
        Ok(())
    }
}

impl Read for Utf16<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.ready.len() && !self.ended {
            self.ready.clear();
            self.at = 0;
            self.fill()?;
        }
        let n = (&self.ready[self.at..]).read(buffer)?;
        self.at += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> String {
        let mut text = Vec::new();
        to_utf8(Peek::new(Box::new(bytes))).unwrap().read_to_end(&mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn utf16_is_read_with_and_without_a_byte_order_mark() {
        let text = "time_us,op,id,size\r\n1,alloc,é😀,16\r\n";
        for mark in ["", "\u{feff}"] {
            let units: Vec<u16> = format!("{mark}{text}").encode_utf16().collect();
            let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
            let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
            assert_eq!((read(&little), read(&big)), (text.into(), text.into()));
            // The last line end is cut in its middle: its byte that is there is not taken for a character.
            assert_eq!(read(&little[..little.len() - 1]).trim_end(), text.trim_end());
        }
        assert_eq!(read(format!("\u{feff}{text}").as_bytes()), text);
        assert_eq!(read(text.as_bytes()), text);
    }

    #[test]
    fn zeros_of_a_serial_line_are_not_utf16() {
        assert_eq!(read(b"\0\0I (1) a: b\0\n"), "\0\0I (1) a: b\0\n");
    }
}
