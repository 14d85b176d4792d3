//! Where control goes in linked code for RISC-V without relocations: calls and jumps, by their encodings.
//!
//! ```text
//!   jal    rd, offset      c.j offset      c.jal offset (RV32)
//!   auipc  rx, upper       jalr rd, lower(rx)              a pair that reaches everywhere
//! ```
//!
//! Branches stay inside their function; nothing is gained by following them, since every instruction is looked at.

/// What an instruction does with control.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Goes {
    /// On to the next one, or back to the caller.
    On,
    /// To this address.
    To(u32),
    /// Where a register says, of which nothing is known.
    Anywhere,
}

/// Reads instructions one after the other, from an address on.
pub(super) struct Reader<'a> {
    code: &'a [u8],
    at: u32,
    /// The register that AUIPC wrote last, and what it holds, until the next instruction was read.
    upper: Option<(u32, u32)>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(code: &'a [u8], at: u32) -> Self {
        Self { code, at, upper: None }
    }
}

impl Iterator for Reader<'_> {
    type Item = Goes;

    fn next(&mut self) -> Option<Goes> {
        let (at, upper) = (self.at, self.upper.take());
        let low = u16::from_le_bytes(*self.code.first_chunk()?);
        if low & 3 != 3 {
            (self.code, self.at) = (&self.code[2..], at + 2);
            return Some(short(u32::from(low), at));
        }
        let word = u32::from_le_bytes(*self.code.first_chunk()?);
        (self.code, self.at) = (&self.code[4..], at + 4);
        let (to, from) = (word >> 7 & 31, word >> 15 & 31);
        Some(match word & 0x7f {
            0x17 => {
                self.upper = Some((to, at.wrapping_add(word & 0xffff_f000)));
                Goes::On
            }
            0x6f => Goes::To(at.wrapping_add(jump(word))),
            0x67 => match upper {
                Some((register, value)) if register == from => {
                    Goes::To(value.wrapping_add(extend(word >> 20, 12)))
                }
                _ if (to, from) == (0, 1) => Goes::On,
                _ => Goes::Anywhere,
            },
            _ => Goes::On,
        })
    }
}

/// An instruction of two bytes.
fn short(low: u32, at: u32) -> Goes {
    const RETURN: u32 = 0x8082;
    match (low & 3, low >> 13) {
        // c.jal, c.j
        (1, 1 | 5) => Goes::To(at.wrapping_add(short_jump(low))),
        // c.jr, c.jalr: without a second register, and with a first
        (2, 4) if low & 0x7c == 0 && low & 0xf80 != 0 && low != RETURN => Goes::Anywhere,
        _ => Goes::On,
    }
}

/// The offset in JAL: imm[20|10:1|11|19:12].
fn jump(word: u32) -> u32 {
    let bits =
        (word >> 31) << 20 | (word >> 12 & 0xff) << 12 | (word >> 20 & 1) << 11 | (word >> 21 & 0x3ff) << 1;
    extend(bits, 21)
}

/// The offset in C.J and C.JAL: imm[11|4|9:8|10|6|7|3:1|5].
fn short_jump(low: u32) -> u32 {
    let bits = (low >> 12 & 1) << 11
        | (low >> 11 & 1) << 4
        | (low >> 9 & 3) << 8
        | (low >> 8 & 1) << 10
        | (low >> 7 & 1) << 6
        | (low >> 6 & 1) << 7
        | (low >> 3 & 7) << 1
        | (low >> 2 & 1) << 5;
    extend(bits, 12)
}

/// The lowest `bits` as a number with a sign.
fn extend(value: u32, bits: u32) -> u32 {
    ((value << (32 - bits)).cast_signed() >> (32 - bits)).cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::{Goes, Reader};

    /// Encodings as the assembler prints them.
    #[test]
    fn instructions_are_told_apart() {
        let cases: &[(&[u8], &[Goes])] = &[
            (&[0xef, 0x00, 0x00, 0x10], &[Goes::To(0x1100)]), // jal ra, 1100
            (&[0x6f, 0xf0, 0x1f, 0xf0], &[Goes::To(0xf00)]),  // j f00
            (&[0x6f, 0x00, 0x10, 0x00], &[Goes::To(0x1800)]), // j 1800
            (&[0x01, 0xa0], &[Goes::To(0x1000)]),             // c.j 1000
            (&[0xfd, 0xbf], &[Goes::To(0xffe)]),              // c.j ffe
            (&[0x01, 0x20], &[Goes::To(0x1000)]),             // c.jal 1000
            (&[0x55, 0x28], &[Goes::To(0x10b4)]),             // c.jal 10b4
            (&[0x97, 0x90, 0x00, 0x00, 0xe7, 0x80, 0x80, 0x28], &[Goes::On, Goes::To(0xa288)]), // auipc ra, 9; jalr 648(ra)
            (&[0x17, 0x93, 0x00, 0x00, 0x67, 0x00, 0xc3, 0xff], &[Goes::On, Goes::To(0x9ffc)]), // auipc t1, 9; jr -4(t1)
            (&[0x17, 0x93, 0x00, 0x00, 0xe7, 0x80, 0x80, 0x28], &[Goes::On, Goes::Anywhere]), // auipc t1; jalr 648(ra)
            (
                &[0x97, 0x90, 0x00, 0x00, 0x13, 0, 0, 0, 0xe7, 0x80, 0, 0],
                &[Goes::On, Goes::On, Goes::Anywhere],
            ), // auipc ra; nop; jalr ra
            (&[0x67, 0x80, 0x00, 0x00], &[Goes::On]),                                         // ret, long
            (&[0x82, 0x80], &[Goes::On]),                                                     // ret
            (&[0x82, 0x85], &[Goes::Anywhere]),                                               // c.jr a1
            (&[0x82, 0x95], &[Goes::Anywhere]),                                               // c.jalr a1
            (&[0x2e, 0x85], &[Goes::On]),                                                     // c.mv a0, a1
            (&[0x02, 0x90], &[Goes::On]),                                                     // c.ebreak
            (&[0x19, 0xe1], &[Goes::On]),                                                     // c.bnez
            (&[0xf3, 0x75, 0x04, 0x30], &[Goes::On]), // csrrci a1, mstatus, 8
        ];
        for (code, goes) in cases {
            assert_eq!(Reader::new(code, 0x1000).collect::<Vec<_>>(), *goes, "{code:02x?}");
        }
    }
}
