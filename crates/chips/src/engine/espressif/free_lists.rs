//! Size classes: which free blocks are listed together, and which list serves a request.

use super::{NULL, WORD};

/// The heads of the free lists, two levels: powers of two, each in 8, 16 or 32 equal steps.
pub(super) struct FreeLists {
    sl_log2: u32,
    fl_bitmap: u32,
    sl_bitmap: Vec<u32>,
    heads: Vec<u32>,
}

impl FreeLists {
    /// Base-2 logarithm of the size classes per power of two in a heap of `bytes` bytes: a larger heap has finer classes.
    pub(super) fn classes_log2(bytes: u32) -> u32 {
        match bytes {
            0..=0x4000 => 3,
            0x4001..=0x4_0000 => 4,
            _ => 5,
        }
    }

    /// Empty lists for blocks below two to the power `fl_max` bytes, with two to the power `sl_log2` classes per power
    /// of two.
    pub(super) fn new(sl_log2: u32, fl_max: u32) -> Option<Self> {
        let fl_count = (fl_max + 1).checked_sub(sl_log2 + 2)? as usize;
        let (sl_bitmap, heads) = (vec![0; fl_count], vec![NULL; fl_count << sl_log2]);
        Some(Self { sl_log2, fl_bitmap: 0, sl_bitmap, heads })
    }

    /// Words that the bitmaps and heads take on the chip.
    pub(super) fn words(&self) -> u32 {
        (self.sl_bitmap.len() + self.heads.len()) as u32
    }

    /// `size` rounded up to a class: every block of that class is large enough.
    #[inline]
    pub(super) fn round_up(&self, size: u32) -> u32 {
        size.next_multiple_of(self.step(size))
    }

    /// The largest request that a free block of `size` bytes is sure to serve.
    pub(super) fn round_down(&self, size: u32) -> u32 {
        size & !(self.step(size) - 1)
    }

    /// First block of the lowest list that is not empty and in which each block has `size` bytes or more.
    #[inline]
    pub(super) fn find(&self, size: u32) -> Option<u32> {
        let (mut fl, sl) = self.class(size);
        let mut sl_map = self.sl_bitmap.get(fl as usize)? & (!0 << sl);
        if sl_map == 0 {
            let fl_map = self.fl_bitmap & (!0 << (fl + 1));
            if fl_map == 0 {
                return None;
            }
            fl = fl_map.trailing_zeros();
            sl_map = self.sl_bitmap[fl as usize];
        }
        Some(self.heads[self.index(fl, sl_map.trailing_zeros())])
    }

    /// First block of the list with the largest blocks; `NULL` if nothing is free.
    pub(super) fn highest(&self) -> u32 {
        self.fl_bitmap.checked_ilog2().map_or(NULL, |fl| {
            let sl = self.sl_bitmap[fl as usize].ilog2();
            self.heads[self.index(fl, sl)]
        })
    }

    /// First block of the list for blocks of `size` bytes.
    pub(super) fn head(&self, size: u32) -> u32 {
        let (fl, sl) = self.class(size);
        self.heads[self.index(fl, sl)]
    }

    /// Puts a block of `size` bytes at the head of its list; returns the head until now.
    #[inline]
    pub(super) fn push(&mut self, size: u32, block: u32) -> u32 {
        let (fl, sl) = self.class(size);
        let index = self.index(fl, sl);
        self.fl_bitmap |= 1 << fl;
        self.sl_bitmap[fl as usize] |= 1 << sl;
        std::mem::replace(&mut self.heads[index], block)
    }

    /// Takes the head, of `size` bytes, off its list: `next` follows it.
    #[inline]
    pub(super) fn set_head(&mut self, size: u32, next: u32) {
        let (fl, sl) = self.class(size);
        let index = self.index(fl, sl);
        self.heads[index] = next;
        if next == NULL {
            self.sl_bitmap[fl as usize] &= !(1 << sl);
            if self.sl_bitmap[fl as usize] == 0 {
                self.fl_bitmap &= !(1 << fl);
            }
        }
    }

    /// Bytes from one class to the next at `size`.
    #[inline]
    fn step(&self, size: u32) -> u32 {
        WORD << (size >> (self.sl_log2 + 2)).checked_ilog2().unwrap_or(0)
    }

    #[inline]
    fn class(&self, size: u32) -> (u32, u32) {
        let shift = self.sl_log2 + 2;
        if size < 1 << shift {
            return (0, size / WORD);
        }
        let log2 = size.ilog2();
        (log2 - (shift - 1), (size >> (log2 - self.sl_log2)) ^ (1 << self.sl_log2))
    }

    #[inline]
    fn index(&self, fl: u32, sl: u32) -> usize {
        ((fl << self.sl_log2) + sl) as usize
    }
}
