//! Operations on a set, correct and wrong ones, read from any bytes.

/// One operation of a program, correct or wrong. A number chooses among the blocks that there are, modulo their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetOperation {
    /// Allocate a block for so many bytes, aligned to this power of two, and write to all of it.
    Alloc(usize, u8),
    /// Free a live block, after checking that its content is unchanged.
    Free(u8),
    /// Resize a live block to so many bytes.
    Realloc(u8, usize),
    /// Free a block that is free.
    FreeTwice(u8),
    /// Free a block that is free, by class and index, whether it was used before or not.
    FreeByIndex(u8, u8),
    /// Free an address inside a live block.
    FreeInterior(u8, u8),
    /// Free null, a local variable, any word, and the end of a class, if they lie in no class.
    FreeOutside(usize),
    /// Resize a block that is free, and a local variable.
    ReallocWrongly(u8, usize),
    /// Ask for the usable size of a live block.
    Usable(u8),
    /// Turn spill on or off.
    Spill(bool),
    /// Call the own check of every class.
    Validate,
}

impl SetOperation {
    /// Reads the next operation from `bytes`; `None` at their end. Every byte string is a valid program.
    pub fn read(bytes: &mut impl Iterator<Item = u8>) -> Option<Self> {
        let kind = bytes.next()?;
        let mut byte = || bytes.next().unwrap_or(0);
        Some(match kind {
            0..=95 => Self::Alloc(size(byte(), byte()), byte() % 6),
            96..=149 => Self::Free(byte()),
            150..=185 => Self::Realloc(byte(), size(byte(), byte())),
            186..=195 => Self::FreeTwice(byte()),
            196..=203 => Self::FreeByIndex(byte(), byte()),
            204..=211 => Self::FreeInterior(byte(), byte()),
            212..=219 => Self::FreeOutside(usize::from_le_bytes(core::array::from_fn(|_| byte()))),
            220..=227 => Self::ReallocWrongly(byte(), size(byte(), byte())),
            228..=237 => Self::Usable(byte()),
            238..=247 => Self::Spill(byte() & 1 == 1),
            248..=255 => Self::Validate,
        })
    }
}

/// Bytes to request: mostly few, sometimes more than any class has.
fn size(scale: u8, number: u8) -> usize {
    let number = usize::from(number);
    match scale {
        0..=199 => number % 80,
        200..=249 => number * 2,
        250..=255 => usize::MAX - number,
    }
}
