//! Operations, right and wrong, from any bytes.

/// One thing that a program, correct or broken, does to a pool. Numbers pick among what is there, modulo how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Take a block and write to all of it.
    Alloc,
    /// Take several blocks at once, or none.
    AllocMany(u8),
    /// Return several blocks at once, or none; if the second number is odd, one of them wrongly.
    FreeMany(u8, u8),
    /// Return a live block, after checking that its content is as it was left.
    Free(u8),
    /// Return a block that is free.
    FreeTwice(u8),
    /// Return an address inside a live block.
    FreeInterior(u8, u8),
    /// Return null.
    FreeNull,
    /// Return the address of a local variable.
    FreeStack,
    /// Return a block of another pool.
    FreeForeign,
    /// Return an address some strides outside the pool.
    FreeBeyond(u8),
    /// Return any word at all, as long as it is not a live block.
    FreeWord(usize),
    /// Write bytes into a free block, at an offset: a use after free.
    Scribble(u8, u8, usize),
    /// Make a free block's link point to a live block.
    ForgeLive(u8, u8),
    /// Make a free block's link point to another free block, or itself.
    ForgeFree(u8, u8),
    /// Make a free block's link null.
    ForgeEnd(u8),
    /// Have the pool check itself.
    Validate,
    /// Have the pool make its list anew.
    Repair,
    /// Start the lowest number of free blocks anew.
    ResetLowest,
    /// End the pool and make another: block size in bytes, blocks.
    Restart(u8, u8),
}

impl Op {
    /// Takes the next operation off `bytes`; `None` at their end. Every byte string is a valid program.
    pub fn read(bytes: &mut impl Iterator<Item = u8>) -> Option<Self> {
        let kind = bytes.next()?;
        let mut byte = || bytes.next().unwrap_or(0);
        // More than half are plain work, so that pools fill, drain and fill again between the mishaps.
        Some(match kind {
            0..=79 => Op::Alloc,
            80..=89 => Op::AllocMany(byte()),
            90..=149 => Op::Free(byte()),
            150..=159 => Op::FreeMany(byte(), byte()),
            160..=171 => Op::FreeTwice(byte()),
            172..=181 => Op::FreeInterior(byte(), byte()),
            182..=185 => Op::FreeNull,
            186..=189 => Op::FreeStack,
            190..=193 => Op::FreeForeign,
            194..=199 => Op::FreeBeyond(byte()),
            200..=205 => Op::FreeWord(usize::from_le_bytes(core::array::from_fn(|_| byte()))),
            206..=213 => Op::Scribble(byte(), byte(), usize::from_le_bytes(core::array::from_fn(|_| byte()))),
            214..=218 => Op::ForgeLive(byte(), byte()),
            219..=223 => Op::ForgeFree(byte(), byte()),
            224..=226 => Op::ForgeEnd(byte()),
            227..=236 => Op::Validate,
            237..=246 => Op::Repair,
            247..=251 => Op::ResetLowest,
            252..=255 => Op::Restart(byte(), byte()),
        })
    }
}
