//! Text as UTF-8 without a byte order mark, whatever a terminal program or a shell made of it.

use std::io::{self, Read};

use super::peek::Peek;
use crate::error::Result;

/// How much of the start is looked at.
const START: usize = 512;

/// `input` as it is, or if it is UTF-16, as UTF-8; without a byte order mark.
pub(super) fn to_utf8(mut input: Peek<'_>) -> Result<Peek<'_>> {
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
            // Of a character that was cut in its middle, the half that is there tells Latin letters.
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
    fn utf16_with_and_without_a_mark() {
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
