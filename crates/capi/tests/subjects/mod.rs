//! A pool behind the C functions as the shadow model sees it, for property tests and the fuzzer.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr::{NonNull, null, null_mut};

use microusc_memory::*;
use microusc_testkit::{Counts, Refusal, Subject};

/// How a pool is made, and which functions are used on it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    Init,
    Malloc,
    Placed(memory_placement_t),
    Static,
    Unsynchronized,
    /// With records of who took each block, which are compared after every step.
    Recorded,
    /// With free blocks filled and looked at, every operation told, and returned in two steps for it.
    Watched,
}

pub(crate) struct ThroughC {
    pool: *mut memory_pool_t,
    /// The caller's struct and buffer, where the way asks for them.
    own: Box<MaybeUninit<memory_pool_t>>,
    buffer: Vec<usize>,
    way: Way,
    other: *mut memory_pool_t,
    /// A block of `other`.
    foreign: *mut u8,
    /// What the records must say: for each block in use the line that it was taken in.
    lines: BTreeMap<usize, u32>,
    step: u32,
}

impl ThroughC {
    pub(crate) fn new(way: Way, size: usize, count: usize) -> Self {
        // SAFETY: makes a pool of its own.
        let other = unsafe { memory_pool_malloc(size.max(8), 1) };
        // SAFETY: just made.
        let foreign = unsafe { memory_pool_alloc(other) }.cast();
        // What is in the struct before must not matter.
        let own = Box::new(MaybeUninit::new(memory_pool_t { num_blocks: 77, ..memory_pool_t::ZEROED }));
        let mut this = Self {
            pool: null_mut(),
            own,
            buffer: Vec::new(),
            way,
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
        // SAFETY: struct and buffer live as long as the pool, which is ended before they are dropped or changed.
        unsafe {
            let made = match self.way {
                Way::Init | Way::Unsynchronized | Way::Recorded | Way::Watched => {
                    memory_pool_init(own, size, count)
                }
                Way::Placed(placement) => memory_pool_init_placed(own, size, count, placement),
                Way::Static => {
                    self.buffer = vec![0; (22 * 8 + count + (size + 8) * count) / 8 + 2];
                    let bytes = self.buffer.len() * 8;
                    memory_pool_init_static(own, self.buffer.as_mut_ptr().cast(), bytes, size, count)
                        == ESP_OK
                }
                Way::Malloc => {
                    self.pool = memory_pool_malloc(size, count);
                    assert!(!self.pool.is_null());
                    return;
                }
            };
            assert!(made, "{:?}: a pool of {count} blocks of {size} B was not made", self.way);
        }
        self.pool = own;
        // SAFETY: just made.
        unsafe {
            match self.way {
                Way::Recorded => assert_eq!(memory_pool_record_sites(self.pool, true), ESP_OK),
                Way::Watched => {
                    assert_eq!(memory_pool_set_trace_callback(Some(told)), ESP_OK);
                    assert_eq!(memory_pool_trace(self.pool, true), ESP_OK);
                    assert_eq!(memory_pool_set_checks(self.pool, MEMORY_POOL_CHECKS_POISON), ESP_OK);
                }
                _ => {}
            }
        }
    }

    /// Compares the records with what was taken, in its order.
    fn compare_records(&mut self) {
        unsafe extern "C" fn note(site: *const memory_pool_site_t, told: *mut c_void) {
            // SAFETY: the site lives for the call; `told` is what was handed over below.
            let (site, told) = unsafe { (&*site, &mut *told.cast::<BTreeMap<usize, u32>>()) };
            assert!(site.recorded && site.file.is_null() == (site.line == 0));
            assert_eq!(told.insert(site.block.addr(), site.line), None, "a block is told of twice");
        }
        let mut told = BTreeMap::new();
        // SAFETY: the pool is live; the map lives for the call.
        let count = unsafe { memory_pool_dump_leaks(self.pool, 0, Some(note), (&raw mut told).cast()) };
        assert_eq!(count, told.len());
        assert_eq!(told, self.lines, "the records are not those of the blocks in use");
    }

    fn end(&mut self) {
        // SAFETY: nobody else uses the pool.
        unsafe { memory_pool_destroy(self.pool) };
        if !matches!(self.way, Way::Malloc) {
            // SAFETY: the struct is the caller's, and zeroed now: alloc gives nothing, free is refused.
            unsafe {
                assert!(memory_pool_alloc(self.pool).is_null());
                assert_eq!(memory_pool_free_reason(self.pool, self.foreign.cast()), ESP_ERR_INVALID_STATE);
            }
        }
    }
}

impl Drop for ThroughC {
    fn drop(&mut self) {
        self.end();
        TOLD.with_borrow_mut(BTreeSet::clear);
        // SAFETY: nobody else uses the pool.
        unsafe { memory_pool_destroy(self.other) };
    }
}

thread_local! {
    /// Blocks in use of the watched pool, by what was told of them.
    static TOLD: RefCell<BTreeSet<usize>> = const { RefCell::new(BTreeSet::new()) };
}

unsafe extern "C" fn told(event: *const memory_pool_event_t) {
    // SAFETY: the event lives for the call.
    let event = unsafe { &*event };
    TOLD.with_borrow_mut(|blocks| match event.operation {
        MEMORY_POOL_TRACE_ALLOC => assert!(blocks.insert(event.block.addr()), "a block was taken twice"),
        MEMORY_POOL_TRACE_FREE => assert!(blocks.remove(&event.block.addr()), "a block was returned twice"),
        _ => assert!(event.block.is_null()),
    });
}

fn refusal(reason: esp_err_t) -> Refusal {
    match reason {
        ESP_ERR_NO_MEM => Refusal::Exhausted,
        MEMORY_POOL_ERR_NOT_A_BLOCK => Refusal::NotABlock,
        MEMORY_POOL_ERR_DOUBLE_FREE => Refusal::DoubleFree,
        MEMORY_POOL_ERR_CORRUPT => Refusal::Corrupt,
        ESP_ERR_INVALID_SIZE => Refusal::BatchTooLarge,
        other => panic!("{:?} is no answer to an operation", reason_name(other)),
    }
}

impl Subject for ThroughC {
    fn alloc(&mut self) -> Result<NonNull<u8>, Refusal> {
        let mut reason = ESP_ERR_INVALID_ARG;
        // SAFETY: the pool is live, and this thread's alone.
        let block = unsafe {
            if let Way::Unsynchronized = self.way {
                // This function gives no reason; the counters tell.
                let before = self.counts().exhausted;
                let block = memory_pool_alloc_unsynchronized(self.pool);
                reason = match self.counts().exhausted {
                    _ if !block.is_null() => ESP_OK,
                    after if after > before => ESP_ERR_NO_MEM,
                    _ => MEMORY_POOL_ERR_CORRUPT,
                };
                block
            } else if let Way::Recorded = self.way {
                // Every other block with a line, so that a record left behind is noticed.
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
        NonNull::new(block.cast()).ok_or_else(|| refusal(reason))
    }

    unsafe fn free(&mut self, block: *mut u8) -> Result<(), Refusal> {
        // SAFETY: the pool is live, and this thread's alone; the block is as the caller promises.
        let reason = unsafe {
            match self.way {
                Way::Unsynchronized => memory_pool_free_unsynchronized(self.pool, block.cast()),
                _ => memory_pool_free_reason(self.pool, block.cast()),
            }
        };
        if reason == ESP_OK {
            self.lines.remove(&block.addr());
            Ok(())
        } else {
            Err(refusal(reason))
        }
    }

    fn alloc_many(&mut self, count: usize) -> Option<Result<Vec<NonNull<u8>>, Refusal>> {
        let mut blocks = vec![null_mut(); count];
        // SAFETY: the pool is live, there is room for so many.
        let reason = unsafe { memory_pool_alloc_batch(self.pool, blocks.as_mut_ptr(), count) };
        assert!(blocks.iter().all(|block| block.is_null() == (reason != ESP_OK)));
        let taken: Vec<_> = blocks.into_iter().filter_map(|block| NonNull::new(block.cast::<u8>())).collect();
        self.lines.extend(taken.iter().map(|block| (block.addr().get(), 0)));
        Some(if reason == ESP_OK { Ok(taken) } else { Err(refusal(reason)) })
    }

    unsafe fn free_many(&mut self, blocks: &[*mut u8]) -> Option<Result<(), Refusal>> {
        // SAFETY: the pool is live; the blocks are as the caller promises.
        let reason = unsafe { memory_pool_free_batch(self.pool, blocks.as_ptr().cast(), blocks.len()) };
        if reason == ESP_OK {
            blocks.iter().for_each(|block| _ = self.lines.remove(&block.addr()));
        }
        Some(if reason == ESP_OK { Ok(()) } else { Err(refusal(reason)) })
    }

    fn counts(&mut self) -> Counts {
        match self.way {
            Way::Recorded => self.compare_records(),
            Way::Watched => TOLD.with_borrow(|told| assert_eq!(*told, self.lines.keys().copied().collect())),
            _ => {}
        }
        let mut info = MaybeUninit::uninit();
        // SAFETY: the pool is live; the snapshot is written when that is confirmed.
        let (info, fields) = unsafe {
            assert_eq!(memory_pool_get_info(self.pool, info.as_mut_ptr()), ESP_OK);
            (info.assume_init(), &*self.pool)
        };
        // The documented fields say the same at every moment.
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
        // What a scribble left in a free block besides the link is found, and harms nothing.
        reason == ESP_OK || matches!(self.way, Way::Watched) && reason == MEMORY_POOL_ERR_WRITTEN
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
        self.end();
        self.lines.clear();
        TOLD.with_borrow_mut(BTreeSet::clear);
        self.make(size, count);
    }

    fn foreign(&mut self) -> *mut u8 {
        self.foreign
    }
}
