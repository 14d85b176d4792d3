//! Operations on a set, right and wrong, from any bytes.

/// One thing that a program, correct or broken, does to a set. Numbers pick among what is there, modulo how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetOp {
    /// Take a block for so many bytes, aligned to so many powers of two, and write to all of it.
    Alloc(usize, u8),
    /// Return a live block, after checking that its content is as it was left.
    Free(u8),
    /// Make a live block one of so many bytes.
    Realloc(u8, usize),
    /// Return a block that is free.
    FreeTwice(u8),
    /// Return a block that is free, by class and index, used before or not.
    FreeNeverTaken(u8, u8),
    /// Return an address inside a live block.
    FreeInterior(u8, u8),
    /// Return null, a local variable, any word, and the end of a class, as far as they lie in none.
    FreeStranger(usize),
    /// Resize a block that is free, and a local variable.
    ReallocWrongly(u8, usize),
    /// Ask for the usable size of a live block.
    Usable(u8),
    /// Turn spill on or off.
    Spill(bool),
    /// Have every class check itself.
    Validate,
}

impl SetOp {
    /// Takes the next operation off `bytes`; `None` at their end. Every byte string is a valid program.
    pub fn read(bytes: &mut impl Iterator<Item = u8>) -> Option<Self> {
        let kind = bytes.next()?;
        let mut byte = || bytes.next().unwrap_or(0);
        Some(match kind {
            0..=95 => SetOp::Alloc(size(byte(), byte()), byte() % 6),
            96..=149 => SetOp::Free(byte()),
            150..=185 => SetOp::Realloc(byte(), size(byte(), byte())),
            186..=195 => SetOp::FreeTwice(byte()),
            196..=203 => SetOp::FreeNeverTaken(byte(), byte()),
            204..=211 => SetOp::FreeInterior(byte(), byte()),
            212..=219 => SetOp::FreeStranger(usize::from_le_bytes(core::array::from_fn(|_| byte()))),
            220..=227 => SetOp::ReallocWrongly(byte(), size(byte(), byte())),
            228..=237 => SetOp::Usable(byte()),
            238..=247 => SetOp::Spill(byte() & 1 == 1),
            248..=255 => SetOp::Validate,
        })
    }
}

/// Bytes to ask for: mostly few, sometimes more than any class has.
fn size(scale: u8, number: u8) -> usize {
    let number = usize::from(number);
    match scale {
        0..=199 => number % 80,
        200..=249 => number * 2,
        250..=255 => usize::MAX - number,
    }
}
