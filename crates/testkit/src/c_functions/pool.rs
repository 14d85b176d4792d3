//! A pool behind the C functions, made and used in every way that there is.

use std::boxed::Box;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr::{NonNull, null, null_mut};
use std::vec;
use std::vec::Vec;

use microusc_memory::*;

use super::answer;
use crate::{Counts, PoolUnderTest, Refusal};

/// How a pool is made, and which functions are used on it.
#[derive(Clone, Copy, Debug)]
pub enum Setup {
    /// `memory_pool_init`.
    Init,
    /// `memory_pool_malloc`.
    Malloc,
    /// `memory_pool_init_placed`.
    Placed(memory_placement_t),
    /// `memory_pool_init_static`, in a buffer of the caller.
    Static,
    /// The functions without a lock.
    Unsynchronized,
    /// With call-site records, which are compared after every step.
    Recorded,
    /// With a fill pattern in free blocks and a trace of every operation; each free then has two steps.
    Traced,
}

/// Every setup.
pub const EVERY_SETUP: [Setup; 9] = [
    Setup::Init,
    Setup::Malloc,
    Setup::Placed(DRAM),
    Setup::Placed(PSRAM),
    Setup::Placed(IRAM),
    Setup::Static,
    Setup::Unsynchronized,
    Setup::Recorded,
    Setup::Traced,
];

/// A pool behind the C functions.
pub struct CPool {
    pool: *mut memory_pool_t,
    /// The caller's struct and buffer, where the setup asks for them.
    own: Box<MaybeUninit<memory_pool_t>>,
    buffer: Vec<usize>,
    setup: Setup,
    other: *mut memory_pool_t,
    /// A block of `other`.
    foreign: *mut u8,
    /// For each live block the line that its call-site record must have; 0: none.
    lines: BTreeMap<usize, u32>,
    step: u32,
}

impl CPool {
    /// A pool of `count` blocks of at least `size` bytes.
    pub fn new(setup: Setup, size: usize, count: usize) -> Self {
        // SAFETY: makes a pool of its own.
        let other = unsafe { memory_pool_malloc(size.max(8), 1) };
        // SAFETY: just made.
        let foreign = unsafe { memory_pool_alloc(other) }.cast();
        // The struct has any content before the pool is made.
        let own = Box::new(MaybeUninit::new(memory_pool_t { num_blocks: 77, ..memory_pool_t::ZEROED }));
        let mut this = Self {
            pool: null_mut(),
            own,
            buffer: Vec::new(),
            setup,
            other,
            foreign,
            lines: BTreeMap::new(),
            step: 0,
        };
        this.make(size, count);
        this
    }

    fn make(&mut self, size: usize, count: usize) {
        let own = self.own.as_mut_ptr();
        // SAFETY: struct and buffer live as long as the pool, which is destroyed before they are dropped or changed.
        unsafe {
            let made = match self.setup {
                Setup::Init | Setup::Unsynchronized | Setup::Recorded | Setup::Traced => {
                    memory_pool_init(own, size, count)
                }
                Setup::Placed(placement) => memory_pool_init_placed(own, size, count, placement),
                Setup::Static => {
                    self.buffer = vec![0; (22 * 8 + count + (size + 8) * count) / 8 + 2];
                    let bytes = self.buffer.len() * 8;
                    memory_pool_init_static(own, self.buffer.as_mut_ptr().cast(), bytes, size, count)
                        == ESP_OK
                }
                Setup::Malloc => {
                    self.pool = memory_pool_malloc(size, count);
                    assert!(!self.pool.is_null());
                    return;
                }
            };
            assert!(made, "{:?}: no pool of {count} blocks of {size} B was made", self.setup);
        }
        self.pool = own;
        // SAFETY: just made.
        unsafe {
            match self.setup {
                Setup::Recorded => assert_eq!(memory_pool_record_sites(self.pool, true), ESP_OK),
                Setup::Traced => {
                    assert_eq!(memory_pool_set_trace_callback(Some(compare_event)), ESP_OK);
                    assert_eq!(memory_pool_trace(self.pool, true), ESP_OK);
                    assert_eq!(memory_pool_set_checks(self.pool, MEMORY_POOL_CHECKS_POISON), ESP_OK);
                }
                _ => {}
            }
        }
    }

    /// Compares the call-site records with the live blocks.
    fn compare_records(&mut self) {
        unsafe extern "C" fn collect(site: *const memory_pool_site_t, reported: *mut c_void) {
            // SAFETY: the site lives for the call; `reported` is the map below.
            let (site, reported) = unsafe { (&*site, &mut *reported.cast::<BTreeMap<usize, u32>>()) };
            assert!(site.recorded && site.file.is_null() == (site.line == 0));
            assert_eq!(reported.insert(site.block.addr(), site.line), None, "a block is reported twice");
        }
        let mut reported = BTreeMap::new();
        // SAFETY: the pool is live; the map lives for the call.
        let count =
            unsafe { memory_pool_dump_leaks(self.pool, 0, Some(collect), (&raw mut reported).cast()) };
        assert_eq!(count, reported.len());
        assert_eq!(reported, self.lines, "the records are not those of the live blocks");
    }

    fn destroy(&mut self) {
        // SAFETY: nothing else uses the pool.
        unsafe { memory_pool_destroy(self.pool) };
        if !matches!(self.setup, Setup::Malloc) {
            // SAFETY: the struct is the caller's and zeroed now, so that alloc fails and free is refused.
            unsafe {
                assert!(memory_pool_alloc(self.pool).is_null());
                assert_eq!(memory_pool_free_reason(self.pool, self.foreign.cast()), ESP_ERR_INVALID_STATE);
            }
        }
    }
}

impl Drop for CPool {
    fn drop(&mut self) {
        self.destroy();
        LIVE_BY_TRACE.with_borrow_mut(BTreeSet::clear);
        // SAFETY: nothing else uses the pool.
        unsafe { memory_pool_destroy(self.other) };
    }
}

std::thread_local! {
    /// The live blocks of the traced pool, as its events say.
    static LIVE_BY_TRACE: RefCell<BTreeSet<usize>> = const { RefCell::new(BTreeSet::new()) };
}

unsafe extern "C" fn compare_event(event: *const memory_pool_event_t) {
    // SAFETY: the event lives for the call.
    let event = unsafe { &*event };
    LIVE_BY_TRACE.with_borrow_mut(|blocks| match event.operation {
        MEMORY_POOL_TRACE_ALLOC => assert!(blocks.insert(event.block.addr()), "a block was allocated twice"),
        MEMORY_POOL_TRACE_FREE => assert!(blocks.remove(&event.block.addr()), "a block was freed twice"),
        _ => assert!(event.block.is_null()),
    });
}

impl PoolUnderTest for CPool {
    fn alloc(&mut self) -> Result<NonNull<u8>, Refusal> {
        let mut reason = ESP_ERR_INVALID_ARG;
        // SAFETY: the pool is live, and only this thread uses it.
        let block = unsafe {
            if let Setup::Unsynchronized = self.setup {
                // This function returns no reason; the counters show it.
                let before = self.counts().exhausted;
                let block = memory_pool_alloc_unsynchronized(self.pool);
                reason = match self.counts().exhausted {
                    _ if !block.is_null() => ESP_OK,
                    after if after > before => ESP_ERR_NO_MEM,
                    _ => MEMORY_POOL_ERR_CORRUPT,
                };
                block
            } else if let Setup::Recorded = self.setup {
                // Every other block has a line, so that an old record that was left behind is noticed.
                self.step += 1;
                let line = if self.step.is_multiple_of(2) { self.step } else { 0 };
                reason = memory_pool_status(self.pool);
                let file = if line == 0 { null() } else { c"model".as_ptr() };
                let block = memory_pool_alloc_at(self.pool, line, file);
                if !block.is_null() {
                    self.lines.insert(block.addr(), line);
                }
                block
            } else {
                let block = memory_pool_alloc_reason(self.pool, &mut reason);
                if !block.is_null() {
                    self.lines.insert(block.addr(), 0);
                }
                block
            }
        };
        assert_eq!(block.is_null(), reason != ESP_OK);
        answer(reason, Refusal::BatchTooLarge)?;
        Ok(NonNull::new(block.cast()).expect("compared above"))
    }

    unsafe fn free(&mut self, block: *mut u8) -> Result<(), Refusal> {
        // SAFETY: the pool is live, and only this thread uses it; the block is as the caller promises.
        let reason = unsafe {
            match self.setup {
                Setup::Unsynchronized => memory_pool_free_unsynchronized(self.pool, block.cast()),
                _ => memory_pool_free_reason(self.pool, block.cast()),
            }
        };
        if reason == ESP_OK {
            self.lines.remove(&block.addr());
        }
        answer(reason, Refusal::BatchTooLarge)
    }

    fn alloc_many(&mut self, count: usize) -> Option<Result<Vec<NonNull<u8>>, Refusal>> {
        let mut blocks = vec![null_mut(); count];
        // SAFETY: the pool is live, and there is room for `count` addresses.
        let reason = unsafe { memory_pool_alloc_batch(self.pool, blocks.as_mut_ptr(), count) };
        assert!(blocks.iter().all(|block| block.is_null() == (reason != ESP_OK)));
        let allocated: Vec<_> =
            blocks.into_iter().filter_map(|block| NonNull::new(block.cast::<u8>())).collect();
        self.lines.extend(allocated.iter().map(|block| (block.addr().get(), 0)));
        Some(answer(reason, Refusal::BatchTooLarge).map(|()| allocated))
    }

    unsafe fn free_many(&mut self, blocks: &[*mut u8]) -> Option<Result<(), Refusal>> {
        // SAFETY: the pool is live; the blocks are as the caller promises.
        let reason = unsafe { memory_pool_free_batch(self.pool, blocks.as_ptr().cast(), blocks.len()) };
        if reason == ESP_OK {
            blocks.iter().for_each(|block| _ = self.lines.remove(&block.addr()));
        }
        Some(answer(reason, Refusal::BatchTooLarge))
    }

    fn counts(&mut self) -> Counts {
        match self.setup {
            Setup::Recorded => self.compare_records(),
            Setup::Traced => {
                LIVE_BY_TRACE.with_borrow(|live| assert_eq!(*live, self.lines.keys().copied().collect()))
            }
            _ => {}
        }
        let mut info = MaybeUninit::uninit();
        // SAFETY: the pool is live; the snapshot was written if the call succeeded.
        let (info, fields) = unsafe {
            assert_eq!(memory_pool_get_info(self.pool, info.as_mut_ptr()), ESP_OK);
            (info.assume_init(), &*self.pool)
        };
        // The documented fields agree with it at every moment.
        assert_eq!(fields.free_blocks, info.free_blocks);
        assert_eq!((fields.block_size, fields.num_blocks), (info.block_size, info.num_blocks));
        assert_eq!(info.used_blocks + info.free_blocks, info.num_blocks);
        Counts {
            stride_bytes: info.block_size,
            capacity: info.num_blocks,
            free: info.free_blocks,
            lowest_free: Some(info.lowest_free),
            exhausted: info.alloc_failures,
            refused: info.refused_frees,
        }
    }

    fn validate(&mut self) -> bool {
        // SAFETY: the pool is live.
        let reason = unsafe { memory_pool_validate(self.pool) };
        // A write into a free block beside the link is found, and does no harm.
        reason == ESP_OK || matches!(self.setup, Setup::Traced) && reason == MEMORY_POOL_ERR_WRITTEN
    }

    fn repair(&mut self) -> usize {
        // SAFETY: the pool is live; its list is walked as the documentation says it may be.
        unsafe {
            assert_eq!(memory_pool_repair(self.pool), ESP_OK);
            let mut listed = 0;
            let mut at = (*self.pool).memory_free;
            while !at.is_null() {
                listed += 1;
                at = (*at).next;
            }
            assert_eq!(listed, (*self.pool).free_blocks, "every free block is on the list");
            listed
        }
    }

    fn reset_lowest_free(&mut self) {
        // SAFETY: the pool is live.
        assert_eq!(unsafe { memory_pool_reset_lowest_free(self.pool) }, ESP_OK);
    }

    fn restart(&mut self, size: usize, count: usize) {
        self.destroy();
        self.lines.clear();
        LIVE_BY_TRACE.with_borrow_mut(BTreeSet::clear);
        self.make(size, count);
    }

    fn foreign(&mut self) -> *mut u8 {
        self.foreign
    }
}
