//! As much of Xtensa's instruction set as the walk needs: lengths, calls, narrow accesses, divisions, and where results go.
//!
//! ```text
//!   byte 0      byte 1      byte 2
//!   t   op0     r   s       op2 op1       24 bits; op0 = 8 ... 13: the first two bytes alone ("density")
//! ```

/// One instruction.
pub(super) struct Instruction {
    pub(super) bytes: u64,
    pub(super) kind: Kind,
}

/// What it does, as far as that matters. Registers by number.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// L32R.
    LoadLiteral { to: usize },
    /// CALLX, JX. A call may change the registers from `clobbers.0` to below `clobbers.1`.
    CallThrough { register: usize, clobbers: (usize, usize) },
    /// CALL.
    Call,
    /// J.
    Jump,
    /// QUOU, QUOS, REMU, REMS.
    Divide,
    /// A load or a store of a byte or a half word.
    Narrow { to: Option<usize> },
    /// S32C1I, which returns what was there.
    CompareAndSwap { to: usize },
    /// Anything else, and the register it writes.
    Other { to: Option<usize> },
}

/// The first instruction of `code`; `None` if that ends inside it.
pub(super) fn decode(code: &[u8]) -> Option<Instruction> {
    let (&first, &second) = (code.first()?, code.get(1)?);
    let (op0, t) = (first & 0xf, usize::from(first >> 4));
    let (s, r) = (usize::from(second & 0xf), usize::from(second >> 4));
    if (8..=13).contains(&op0) {
        return Some(Instruction { bytes: 2, kind: density(op0, t, s, r) });
    }
    let third = *code.get(2)?;
    let (op1, op2) = (third & 0xf, third >> 4);
    let other = |to| Kind::Other { to };
    let kind = match (op0, op1, op2) {
        // r = 0: with m = t / 4 and n = t % 4, 2 is RET, RETW, JX, and 3 is CALLX.
        (0, 0, 0) if r == 0 && t == 10 => Kind::CallThrough { register: s, clobbers: (0, 16) },
        (0, 0, 0) if r == 0 && t == 12 => Kind::CallThrough { register: s, clobbers: (0, 12) },
        (0, 0, 0) if r == 0 && t > 12 => Kind::CallThrough { register: s, clobbers: (4 * (t & 3), 16) },
        (0, 0, 0) if r == 6 => other(Some(t)), // RSIL
        (0, 0, 0) => other(None),
        (0, 2, 12..=15) => Kind::Divide,
        (0, 3, 0) => other(Some(t)), // RSR
        (0, 3, 1) => other(None),    // WSR
        (0, 1, 6) => other(Some(t)), // XSR
        (0, ..) => other(Some(r)),
        (1, ..) => Kind::LoadLiteral { to: t },
        (2, ..) => match r {
            0 | 1 | 9 => Kind::Narrow { to: Some(t) },
            4 | 5 => Kind::Narrow { to: None },
            14 => Kind::CompareAndSwap { to: t },
            // L32I, MOVI, L32AI, ADDI, ADDMI
            2 | 10..=13 => other(Some(t)),
            _ => other(None),
        },
        (5, ..) => Kind::Call,
        (6, ..) if t & 3 == 0 => Kind::Jump,
        _ => other(None),
    };
    Some(Instruction { bytes: 3, kind })
}

fn density(op0: u8, t: usize, s: usize, r: usize) -> Kind {
    let to = match op0 {
        8 => Some(t),            // L32I.N
        10 | 11 => Some(r),      // ADD.N, ADDI.N
        12 if t < 8 => Some(s),  // MOVI.N
        13 if r == 0 => Some(t), // MOV.N
        _ => None,
    };
    Kind::Other { to }
}

#[cfg(test)]
mod tests {
    use super::{Kind, decode};

    /// Encodings as the assembler prints them.
    #[test]
    fn instructions_are_told_apart() {
        let cases: &[(&[u8], u64, Kind)] = &[
            (&[0x81, 0xff, 0xff], 3, Kind::LoadLiteral { to: 8 }), // l32r a8
            (&[0xe0, 0x08, 0x00], 3, Kind::CallThrough { register: 8, clobbers: (8, 16) }), // callx8 a8
            (&[0xc0, 0x00, 0x00], 3, Kind::CallThrough { register: 0, clobbers: (0, 12) }), // callx0 a0
            (&[0xa0, 0x03, 0x00], 3, Kind::CallThrough { register: 3, clobbers: (0, 16) }), // jx a3
            (&[0x80, 0x00, 0x00], 3, Kind::Other { to: None }),    // ret
            (&[0x25, 0x00, 0x00], 3, Kind::Call),                  // call8
            (&[0x06, 0x00, 0x00], 3, Kind::Jump),                  // j
            (&[0x36, 0x41, 0x00], 3, Kind::Other { to: None }),    // entry a1, 32
            (&[0x82, 0x09, 0x00], 3, Kind::Narrow { to: Some(8) }), // l8ui a8, a9, 0
            (&[0xa2, 0x49, 0x00], 3, Kind::Narrow { to: None }),   // s8i a10, a9, 0
            (&[0x82, 0x19, 0x00], 3, Kind::Narrow { to: Some(8) }), // l16ui a8, a9, 0
            (&[0x82, 0x99, 0x00], 3, Kind::Narrow { to: Some(8) }), // l16si a8, a9, 0
            (&[0x82, 0x59, 0x00], 3, Kind::Narrow { to: None }),   // s16i a8, a9, 0
            (&[0x72, 0x22, 0x05], 3, Kind::Other { to: Some(7) }), // l32i a7, a2, 20
            (&[0x92, 0x62, 0x00], 3, Kind::Other { to: None }),    // s32i a9, a2, 0
            (&[0x22, 0xe3, 0x00], 3, Kind::CompareAndSwap { to: 2 }), // s32c1i a2, a3, 0
            (&[0x30, 0x22, 0xc2], 3, Kind::Divide),                // quou a2, a2, a3
            (&[0x20, 0x6f, 0x00], 3, Kind::Other { to: Some(2) }), // rsil a2, 15
            (&[0x28, 0x03], 2, Kind::Other { to: Some(2) }),       // l32i.n a2, a3, 0
            (&[0x1d, 0xf0], 2, Kind::Other { to: None }),          // retw.n
        ];
        for (code, bytes, kind) in cases {
            let instruction = decode(code).unwrap();
            assert_eq!((instruction.bytes, &instruction.kind), (*bytes, kind), "{code:02x?}");
        }
    }

    #[test]
    fn half_an_instruction_is_none() {
        assert!(decode(&[0x81, 0xff]).is_none());
    }
}
