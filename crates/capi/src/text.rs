//! Text without the formatting of `core`, which takes kilobytes: for printing on every port, and for metrics.

use core::ffi::c_char;

/// Where text goes, byte by byte, and the ways to put it there.
pub(crate) trait Text {
    /// Takes one more byte.
    fn byte(&mut self, byte: u8);

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        bytes.iter().for_each(|byte| self.byte(*byte));
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    fn number(&mut self, number: usize) -> &mut Self {
        self.digits(number, 10, 0)
    }

    /// To the right of so many places.
    fn right(&mut self, number: usize, places: usize) -> &mut Self {
        self.digits(number, 10, places)
    }

    /// To the left of so many places.
    fn left(&mut self, bytes: &[u8], places: usize) -> &mut Self {
        self.bytes(bytes);
        (bytes.len()..places).for_each(|_| self.byte(b' '));
        self
    }

    fn address(&mut self, address: usize) -> &mut Self {
        self.text("0x").digits(address, 16, 0)
    }

    /// At most 24 places.
    fn digits(&mut self, mut number: usize, radix: usize, places: usize) -> &mut Self {
        let mut digits = [b' '; 24];
        let mut count = 0;
        for place in digits.iter_mut().rev() {
            *place = b"0123456789abcdef"[number % radix % 16];
            number /= radix;
            count += 1;
            if number == 0 {
                break;
            }
        }
        let wanted = count.max(places).min(digits.len());
        self.bytes(&digits[digits.len() - wanted..])
    }
}

/// The bytes of a name before its zero.
pub(crate) fn name_bytes(name: &[c_char]) -> &[u8] {
    let length = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
    // SAFETY: so many bytes are there; a `c_char` is a byte, of which every value is one.
    unsafe { core::slice::from_raw_parts(name.as_ptr().cast(), length) }
}
