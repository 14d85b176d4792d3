//! Text without the formatting of `core`, which takes kilobytes.

use core::ffi::c_char;
use core::marker::PhantomData;

/// Where text goes, byte by byte, and the ways to put it there.
pub trait Text {
    /// Takes one more byte.
    fn byte(&mut self, byte: u8);

    /// A function of its own, as are those below: they are called from many places.
    #[inline(never)]
    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        bytes.iter().for_each(|byte| self.byte(*byte));
        self
    }

    /// Puts text.
    #[inline(always)]
    fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    /// Puts a decimal number.
    fn number(&mut self, number: usize) -> &mut Self {
        self.right(number, 0)
    }

    /// To the right of so many places, of which there are 24.
    #[inline(never)]
    fn right(&mut self, number: usize, places: usize) -> &mut Self {
        let digits = Digits::of::<10>(number);
        self.bytes(digits.last(digits.count.max(places)))
    }

    /// Puts an address, in hexadecimal.
    fn address(&mut self, address: usize) -> &mut Self {
        let digits = Digits::of::<16>(address);
        self.text("0x").bytes(digits.last(digits.count))
    }

    /// To the left of so many places.
    fn left(&mut self, bytes: &[u8], places: usize) -> &mut Self {
        self.bytes(bytes);
        (bytes.len()..places).for_each(|_| self.byte(b' '));
        self
    }
}

/// A number to the right of blanks.
struct Digits {
    places: [u8; 24],
    count: usize,
}

impl Digits {
    /// The base is at most 16: known to the compiler, so that it divides by a constant and cannot fail.
    #[inline(never)]
    fn of<const BASE: usize>(mut number: usize) -> Self {
        let mut digits = Self { places: [b' '; 24], count: 0 };
        for place in digits.places.iter_mut().rev() {
            *place = b"0123456789abcdef"[number % BASE % 16];
            number /= BASE;
            digits.count += 1;
            if number == 0 {
                break;
            }
        }
        digits
    }

    fn last(&self, count: usize) -> &[u8] {
        self.places.get(self.places.len().saturating_sub(count)..).unwrap_or(&self.places)
    }
}

/// The bytes of a name before its zero.
pub fn name_bytes(name: &[c_char]) -> &[u8] {
    let length = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
    // SAFETY: so many bytes are there; a `c_char` is a byte, of which every value is one.
    unsafe { core::slice::from_raw_parts(name.as_ptr().cast(), length) }
}

/// Quotient and rest of a number of 64 bits by at most 16 bits, by divisions of 32: a core without the wide one would call a
/// library for it.
pub fn divided(number: u64, by: u16) -> (u64, u32) {
    let (mut quotient, mut rest) = (0u64, 0u32);
    for shift in [48, 32, 16, 0] {
        rest = (rest << 16) | ((number >> shift) as u32 & 0xFFFF);
        quotient = (quotient << 16) | u64::from(rest / u32::from(by));
        rest %= u32::from(by);
    }
    (quotient, rest)
}

/// Where lines go.
pub trait Output {
    /// Prints text, of at most a line.
    fn print(text: &[u8]);
}

/// Text on its way to an output, which gets it line by line, or when this is full.
pub struct Line<O: Output> {
    room: [u8; 128],
    length: usize,
    output: PhantomData<O>,
}

impl<O: Output> Default for Line<O> {
    fn default() -> Self {
        Self::new()
    }
}

impl<O: Output> Line<O> {
    /// An empty line.
    pub fn new() -> Self {
        Self { room: [0; 128], length: 0, output: PhantomData }
    }

    /// Kept out of the many places that call it.
    #[inline(never)]
    fn flush(&mut self) {
        if let Some(text) = self.room.get(..self.length)
            && !text.is_empty()
        {
            O::print(text);
        }
        self.length = 0;
    }
}

impl<O: Output> Text for Line<O> {
    fn byte(&mut self, byte: u8) {
        if let Some(place) = self.room.get_mut(self.length) {
            *place = byte;
            self.length += 1;
        }
        if byte == b'\n' || self.length == self.room.len() {
            self.flush();
        }
    }
}

impl<O: Output> Drop for Line<O> {
    fn drop(&mut self) {
        self.flush();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::vec::Vec;

    use super::{Line, Output, Text, divided};

    #[test]
    fn quotient_and_rest_are_those_of_a_division() {
        let wide =
            [0, 1, 999, 1000, 0xFFFF, 0x1_0000, 0xFFFF_FFFF, 0x1_0000_0000, 0x0123_4567_89AB_CDEF, u64::MAX];
        for number in wide {
            for by in [1, 2, 10, 1000, 0x8000, u16::MAX] {
                let (quotient, rest) = divided(number, by);
                assert_eq!(
                    (quotient, u64::from(rest)),
                    (number / u64::from(by), number % u64::from(by)),
                    "{number} {by}"
                );
            }
        }
    }

    std::thread_local! {
        static PRINTED: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
    }

    struct Collected;

    impl Output for Collected {
        fn print(text: &[u8]) {
            PRINTED.with_borrow_mut(|printed| printed.push(text.to_vec()));
        }
    }

    /// What is printed of a text, piece by piece.
    fn pieces(text: &str) -> Vec<Vec<u8>> {
        Line::<Collected>::new().text(text);
        PRINTED.take()
    }

    #[test]
    fn long_lines_are_printed_in_pieces() {
        assert!(pieces("").is_empty());
        assert_eq!(pieces("one\ntwo\n"), [b"one\n", b"two\n"]);
        assert_eq!(pieces("no end"), [b"no end"]);
        let long = "x".repeat(300);
        let lengths: Vec<_> = pieces(&long).iter().map(Vec::len).collect();
        assert_eq!(lengths, [128, 128, 44]);
        assert_eq!(pieces(&long).concat(), long.as_bytes());
        assert_eq!(pieces(&"x".repeat(128)).len(), 1);
    }
}
