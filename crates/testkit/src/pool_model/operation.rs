//! Operations on a pool, correct and wrong ones, read from any bytes.

/// One operation of a program, correct or wrong. A number chooses among the blocks that there are, modulo their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Allocate a block and write to all of it.
    Alloc,
    /// Allocate several blocks at once, or none.
    AllocMany(u8),
    /// Free several blocks at once, or none; if the second number is odd, one address of the batch is wrong.
    FreeMany(u8, u8),
    /// Free a live block, after checking that its content is unchanged.
    Free(u8),
    /// Free a block that is free.
    FreeTwice(u8),
    /// Free an address inside a live block.
    FreeInterior(u8, u8),
    /// Free null.
    FreeNull,
    /// Free the address of a local variable.
    FreeStack,
    /// Free an address that belongs to something else.
    FreeForeign,
    /// Free an address that lies some strides outside the pool.
    FreeBeyond(u8),
    /// Free any word at all, unless it may be a block.
    FreeWord(usize),
    /// Write a word into a free block at an offset: a use after free.
    WriteAfterFree(u8, u8, usize),
    /// Make the link of a free block lead to a live block.
    ForgeLinkToLive(u8, u8),
    /// Make the link of a free block lead to another free block, or to itself.
    ForgeLinkToFree(u8, u8),
    /// Make the link of a free block null.
    ForgeLinkToNull(u8),
    /// Call the pool's own check.
    Validate,
    /// Rebuild the free list.
    Repair,
    /// Set the lowest number of free blocks to the present number.
    ResetLowestFree,
    /// Replace the pool by another one: block size in bytes, blocks.
    Restart(u8, u8),
}

impl Operation {
    /// Reads the next operation from `bytes`; `None` at their end. Every byte string is a valid program.
    pub fn read(bytes: &mut impl Iterator<Item = u8>) -> Option<Self> {
        let kind = bytes.next()?;
        let mut byte = || bytes.next().unwrap_or(0);
        // More than half are correct, so that pools fill, drain and fill again between the wrong ones.
        Some(match kind {
            0..=79 => Self::Alloc,
            80..=89 => Self::AllocMany(byte()),
            90..=149 => Self::Free(byte()),
            150..=159 => Self::FreeMany(byte(), byte()),
            160..=171 => Self::FreeTwice(byte()),
            172..=181 => Self::FreeInterior(byte(), byte()),
            182..=185 => Self::FreeNull,
            186..=189 => Self::FreeStack,
            190..=193 => Self::FreeForeign,
            194..=199 => Self::FreeBeyond(byte()),
            200..=205 => Self::FreeWord(usize::from_le_bytes(core::array::from_fn(|_| byte()))),
            206..=213 => {
                Self::WriteAfterFree(byte(), byte(), usize::from_le_bytes(core::array::from_fn(|_| byte())))
            }
            214..=218 => Self::ForgeLinkToLive(byte(), byte()),
            219..=223 => Self::ForgeLinkToFree(byte(), byte()),
            224..=226 => Self::ForgeLinkToNull(byte()),
            227..=236 => Self::Validate,
            237..=246 => Self::Repair,
            247..=251 => Self::ResetLowestFree,
            252..=255 => Self::Restart(byte(), byte()),
        })
    }
}
