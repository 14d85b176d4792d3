//! Block arithmetic of the TLSF heap that ESP-IDF runs in each region, on 32-bit offsets.
//!
//! Only the bookkeeping is here: one word per word of the region, holding a block's header and links exactly where
//! the chip would hold them. The program's bytes are elsewhere ([`Contents`](crate::host_memory::Contents)), so nothing a program
//! writes can damage a heap. A block is named by its payload: the word after its header.
//!
//! Word by word, relative to payload `p`: `p-2` previous block (only while that is free), `p-1` payload bytes and
//! flags, `p` and `p+1` the free-list links. A live block holds `LIVE` in `p`, a value that no link and no header
//! can have, so whether an address is a live block is one load.

use super::{Blocks, HEADER, MIN_PAYLOAD, WORD};
use crate::chip::RomHeap;
use crate::info::HeapInfo;

mod check;
mod free_lists;

use free_lists::FreeLists;

/// Bytes of the heap's own structures in front of the control block: lock, counters, pool size, handle.
const HEAP_STRUCT: u32 = 20;
/// Bytes of the control block without its lists.
const CONTROL_STRUCT: u32 = 36;
/// The same in a ROM, where the number of lists was fixed when it was compiled.
const FIXED_CONTROL_STRUCT: u32 = 20;
/// Base-2 logarithm of the size classes per power of two in that case.
const FIXED_CLASSES_LOG2: u32 = 5;
/// A remainder smaller than this many bytes stays with the block it is cut from.
const MIN_BLOCK: u32 = MIN_PAYLOAD + HEADER;

const FREE: u32 = 1;
const PREVIOUS_FREE: u32 = 2;
const SIZE: u32 = !(FREE | PREVIOUS_FREE);
const LIVE: u32 = u32::MAX;
const NULL: u32 = 0;

/// Counters of one region, as `multi_heap_info_t` has them. Bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Counters {
    free: u32,
    minimum_free: u32,
    allocated_blocks: u32,
    free_blocks: u32,
}

/// The heap of one region.
pub(crate) struct Tlsf {
    words: Vec<u32>,
    /// Chip address of `words[0]`; alignment is of addresses, not of offsets.
    base: u32,
    lists: FreeLists,
    /// Blocks are cut to the size class, so that a freed block serves the same request again.
    cuts_to_class: bool,
    /// Requests are below two to this power.
    fl_max: u32,
    first: u32,
    /// Bytes for blocks, headers and the two ends; not whole words where the region is not.
    pool: u32,
    counters: Counters,
}

impl Blocks for Tlsf {
    /// Like the original it looks for a block that is larger by the alignment and a smallest block, so that a gap in
    /// front can always be given back.
    fn allocate(&mut self, align: u32, size: u32) -> Option<u32> {
        let request = self.request(size, WORD)?;
        if align <= WORD {
            let (block, size) = self.locate(request)?;
            self.make_live(block, size);
            self.note_minimum();
            return Some(block * WORD);
        }
        let (mut block, _) = self.locate(self.with_gap(request, align)?)?;
        let address = self.base + block * WORD;
        let mut gap = address.next_multiple_of(align) - address;
        if gap != 0 && gap < MIN_BLOCK {
            gap = (address + gap + align.max(MIN_BLOCK - gap)).next_multiple_of(align) - address;
        }
        if gap != 0 {
            block = self.cut_front(block, gap);
        }
        self.make_live(block, request);
        self.note_minimum();
        Some(block * WORD)
    }

    fn fits(&self, align: u32, size: u32) -> bool {
        let search = || match self.request(size, WORD)? {
            request if align <= WORD => self.search(request),
            request => self.search(self.with_gap(request, align)?),
        };
        search().is_some()
    }

    #[inline]
    fn is_live(&self, offset: u32) -> bool {
        offset.is_multiple_of(WORD) && self.words.get((offset / WORD) as usize) == Some(&LIVE)
    }

    fn block_containing(&self, offset: u32) -> Option<u32> {
        let upto = self.words.get(..=(offset / WORD) as usize)?;
        let block = upto.iter().rposition(|word| *word == LIVE)? as u32;
        (offset < block * WORD + self.size(block)).then_some(block * WORD)
    }

    fn size_of(&self, offset: u32) -> u32 {
        self.size(offset / WORD)
    }

    fn free(&mut self, offset: u32) {
        let mut block = offset / WORD;
        self.words[block as usize] = NULL;
        self.counters.free += self.size(block) + HEADER;
        self.counters.allocated_blocks -= 1;
        if self.header(block) & PREVIOUS_FREE != 0 {
            let previous = self.words[block as usize - 2];
            self.remove(previous);
            self.set_header(previous, self.header(previous) + self.size(block) + HEADER);
            block = previous;
        }
        self.set_header(block, self.header(block) | FREE);
        self.absorb_next(block);
        self.link_previous_free(block);
        self.insert(block);
    }

    /// In place if the block and a free one after it have the room; the block is then cut to the request, not to the
    /// class. Else moved within the region. The minimum counts the free bytes afterwards, not those
    /// while both blocks exist and the contents are copied.
    fn resize(&mut self, offset: u32, size: u32) -> Option<u32> {
        let block = offset / WORD;
        let request = self.request(size, WORD)?;
        let old = self.size(block);
        if request > old {
            let next = self.next(block);
            if self.header(next) & FREE == 0 || request > old + HEADER + self.size(next) {
                let (new, size) = self.locate(request)?;
                self.make_live(new, size);
                self.free(offset);
                self.note_minimum();
                return Some(new * WORD);
            }
        }
        self.counters.free += old;
        if request > old {
            self.absorb_next(block);
        }
        if self.size(block) >= request + MIN_BLOCK {
            let rest = self.split(block, request);
            self.absorb_next(rest);
            self.link_previous_free(rest);
            self.insert(rest);
        } else {
            let next = self.next(block);
            self.set_header(next, self.header(next) & !PREVIOUS_FREE);
        }
        self.counters.free -= self.size(block);
        self.note_minimum();
        Some(offset)
    }

    fn limit(&self) -> u32 {
        self.lists.round_down((self.pool - 2 * HEADER) & SIZE)
    }

    /// Walks the free list of the highest class in use.
    fn largest_block(&self) -> u32 {
        match self.largest_payload() {
            0 => 0,
            payload => payload + HEADER,
        }
    }

    fn info(&self) -> HeapInfo {
        let Counters { free, minimum_free, allocated_blocks, free_blocks } = self.counters;
        HeapInfo {
            total_free: free as usize,
            total_allocated: (self.pool - free - allocated_blocks * HEADER) as usize,
            largest_free_block: self.largest_free() as usize,
            minimum_free: minimum_free as usize,
            allocated_blocks: allocated_blocks as usize,
            free_blocks: free_blocks as usize,
            total_blocks: (allocated_blocks + free_blocks) as usize,
        }
    }

    fn check(&self) -> Result<(), (u32, &'static str)> {
        self.verify()
    }
}

impl Tlsf {
    /// An empty heap over `size` bytes at chip address `base`; `None` if the heap's own structures do not fit.
    /// It is ESP-IDF's own, or the one that is in `rom`.
    pub(super) fn new(base: u32, size: u32, rom: Option<RomHeap>) -> Option<Self> {
        let bytes = size.checked_sub(HEAP_STRUCT).filter(|bytes| *bytes >= MIN_BLOCK)?;
        let (control, sl_log2, fl_max) = match rom {
            Some(RomHeap::Fixed { log2 }) => (FIXED_CONTROL_STRUCT, FIXED_CLASSES_LOG2, log2),
            None | Some(RomHeap::BySize) => {
                (CONTROL_STRUCT, FreeLists::classes_log2(bytes), 32 - bytes.leading_zeros())
            }
        };
        let lists = FreeLists::new(sl_log2, fl_max)?;
        let control = control + WORD * lists.words();
        let pool = bytes.checked_sub(control).filter(|pool| *pool >= MIN_PAYLOAD + 2 * HEADER)?;
        let first = (HEAP_STRUCT + control + HEADER) / WORD;
        let mut heap = Self {
            words: vec![0; size.div_ceil(WORD) as usize],
            base,
            lists,
            cuts_to_class: rom.is_none(),
            fl_max,
            first,
            pool,
            counters: Counters { free: pool, minimum_free: pool, ..Counters::default() },
        };
        let payload = (pool - 2 * HEADER) & SIZE;
        heap.set_header(first, payload | FREE);
        let sentinel = heap.next(first);
        heap.set_header(sentinel, 0);
        heap.link_previous_free(first);
        heap.insert(first);
        Some(heap)
    }

    /// Offset of the first block's header, and bytes from there to the end of the sentinel.
    pub(super) fn pool_range(&self) -> (u32, u32) {
        (self.first * WORD - HEADER, self.pool)
    }

    /// Largest size that `allocate` would grant now. Walks the list of the highest class in use.
    fn largest_free(&self) -> u32 {
        self.lists.round_down(self.largest_payload())
    }

    /// Payload bytes of the largest free block; 0 if there is none.
    fn largest_payload(&self) -> u32 {
        let mut block = self.lists.highest();
        let mut largest = 0;
        while block != NULL {
            largest = self.size(block).max(largest);
            block = self.words[block as usize];
        }
        largest
    }

    /// Payload offset, payload bytes and liveness of each block, in order of address.
    fn blocks(&self) -> impl Iterator<Item = (u32, u32, bool)> {
        let mut block = self.first;
        std::iter::from_fn(move || {
            let (at, size) = (block, self.size(block));
            block = self.next(at);
            (size != 0).then(|| (at * WORD, size, self.header(at) & FREE == 0))
        })
    }

    /// `size` rounded up to words, at least the smallest payload; `None` beyond what the lists can hold.
    #[inline]
    fn request(&self, size: u32, align: u32) -> Option<u32> {
        let rounded = size.checked_next_multiple_of(align)?;
        (size != 0 && rounded < 1 << self.fl_max).then(|| rounded.max(MIN_PAYLOAD))
    }

    fn with_gap(&self, request: u32, align: u32) -> Option<u32> {
        self.request(request.checked_add(align)?.checked_add(MIN_BLOCK)?, align)
    }

    /// A free block for a request, and the size to cut it to.
    #[inline]
    fn search(&self, request: u32) -> Option<(u32, u32)> {
        let rounded = self.lists.round_up(request);
        let size = if self.cuts_to_class { rounded } else { request };
        self.lists.find(rounded).map(|block| (block, size))
    }

    #[inline]
    fn locate(&mut self, request: u32) -> Option<(u32, u32)> {
        let found = self.search(request)?;
        self.remove(found.0);
        Some(found)
    }

    /// Makes a free block that is in no list live with `size` bytes, and gives back the rest.
    #[inline]
    fn make_live(&mut self, block: u32, size: u32) {
        if self.size(block) >= size + MIN_BLOCK {
            let rest = self.split(block, size);
            self.link_previous_free(rest);
            self.insert(rest);
        } else {
            let next = self.next(block);
            self.set_header(next, self.header(next) & !PREVIOUS_FREE);
        }
        self.set_header(block, self.header(block) & !FREE);
        self.words[block as usize] = LIVE;
        self.counters.allocated_blocks += 1;
        self.counters.free -= self.size(block) + HEADER;
    }

    #[inline]
    fn note_minimum(&mut self) {
        self.counters.minimum_free = self.counters.minimum_free.min(self.counters.free);
    }

    /// Cuts `gap` bytes off the front of a free block that is in no list; the block after the gap, in no list either.
    fn cut_front(&mut self, block: u32, gap: u32) -> u32 {
        let rest = self.split(block, gap - HEADER);
        self.link_previous_free(rest);
        self.link_previous_free(block);
        self.insert(block);
        rest
    }

    /// Cuts a block to `size` bytes; the rest, free and in no list.
    #[inline]
    fn split(&mut self, block: u32, size: u32) -> u32 {
        let rest_size = self.size(block) - size - HEADER;
        self.set_header(block, size | self.header(block) & !SIZE);
        let rest = self.next(block);
        self.set_header(rest, rest_size | FREE);
        rest
    }

    /// Merges the block after `block` into it, if that is free.
    #[inline]
    fn absorb_next(&mut self, block: u32) {
        let next = self.next(block);
        if self.header(next) & FREE != 0 {
            self.remove(next);
            self.set_header(block, self.header(block) + self.size(next) + HEADER);
        }
    }

    /// Marks in the block after the free `block` that the one before it is free.
    #[inline]
    fn link_previous_free(&mut self, block: u32) {
        let next = self.next(block);
        self.set_header(next, self.header(next) | PREVIOUS_FREE);
        self.words[next as usize - 2] = block;
    }

    #[inline]
    fn insert(&mut self, block: u32) {
        let head = self.lists.push(self.size(block), block);
        self.words[block as usize] = head;
        self.words[block as usize + 1] = NULL;
        if head != NULL {
            self.words[head as usize + 1] = block;
        }
        self.counters.free_blocks += 1;
    }

    #[inline]
    fn remove(&mut self, block: u32) {
        let (next, previous) = (self.words[block as usize], self.words[block as usize + 1]);
        if next != NULL {
            self.words[next as usize + 1] = previous;
        }
        if previous != NULL {
            self.words[previous as usize] = next;
        } else {
            self.lists.set_head(self.size(block), next);
        }
        self.counters.free_blocks -= 1;
    }

    #[inline]
    fn header(&self, block: u32) -> u32 {
        self.words[block as usize - 1]
    }

    #[inline]
    fn set_header(&mut self, block: u32, header: u32) {
        self.words[block as usize - 1] = header;
    }

    #[inline]
    fn size(&self, block: u32) -> u32 {
        self.header(block) & SIZE
    }

    #[inline]
    fn next(&self, block: u32) -> u32 {
        block + self.size(block) / WORD + 1
    }
}
