//! Unpacks gzip and Zstandard, recognised by their first bytes.

use std::io::{self, BufRead, BufReader, Read};

use flate2::read::MultiGzDecoder;
use ruzstd::decoding::StreamingDecoder;

use super::peek::Peek;
use crate::error::{Error, Result};

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Largest Zstandard window accepted, bytes: what `zstd -d` accepts by default. It is the memory it takes.
const MAX_WINDOW: u64 = 128 << 20;

/// The content of `input`, unpacked if it is compressed.
pub(super) fn unpack<'a>(input: Box<dyn Read + 'a>) -> Result<Peek<'a>> {
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
