//! Text without the formatting of `core`, which takes kilobytes: for printing on every port, and for metrics.

use core::ffi::c_char;

/// Where text goes, byte by byte, and the ways to put it there.
pub(crate) trait Text {
    /// Takes one more byte.
    fn byte(&mut self, byte: u8);

    /// A function of its own, as are those below: they are called from many places.
    #[inline(never)]
    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        bytes.iter().for_each(|byte| self.byte(*byte));
        self
    }

    #[inline(always)]
    fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    fn number(&mut self, number: usize) -> &mut Self {
        self.digits::<10>(number, 0)
    }

    /// To the right of so many places.
    fn right(&mut self, number: usize, places: usize) -> &mut Self {
        self.digits::<10>(number, places)
    }

    /// To the left of so many places.
    fn left(&mut self, bytes: &[u8], places: usize) -> &mut Self {
        self.bytes(bytes);
        (bytes.len()..places).for_each(|_| self.byte(b' '));
        self
    }

    fn address(&mut self, address: usize) -> &mut Self {
        self.text("0x").digits::<16>(address, 0)
    }

    /// At most 24 places, at most base 16.
    #[inline(never)]
    fn digits<const BASE: usize>(&mut self, mut number: usize, places: usize) -> &mut Self {
        let mut digits = [b' '; 24];
        let mut count = 0;
        for place in digits.iter_mut().rev() {
            *place = b"0123456789abcdef"[number % BASE % 16];
            number /= BASE;
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
