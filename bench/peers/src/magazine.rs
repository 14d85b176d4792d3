//! An experiment: a magazine for each thread in front of the locked pool.
//!
//! A magazine keeps up to eight blocks. If it is empty, four blocks are allocated in one critical section; if it is full,
//! four are freed in one.

use std::cell::{Cell, UnsafeCell};
use std::mem::MaybeUninit;
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicPtr, Ordering};

use microusc_pool::{ByteMap, Geometry, Counters, Link, RawLock, FreeList, SpinLock};

use crate::measure::{BLOCKS, Content, Peer};

const ROOM: usize = 8;
const BATCH: usize = 4;

struct Parts {
    lock: SpinLock,
    list: UnsafeCell<(*mut Link, usize, Counters)>,
    geometry: Geometry,
    marks: UnsafeCell<[u8; BLOCKS]>,
    blocks: UnsafeCell<MaybeUninit<[Content; BLOCKS]>>,
}

static PARTS: AtomicPtr<Parts> = AtomicPtr::new(null_mut());

thread_local! {
    static MAGAZINE: (Cell<usize>, [Cell<*mut u8>; ROOM]) =
        const { (Cell::new(0), [const { Cell::new(null_mut()) }; ROOM]) };
}

/// Runs `work` on the pool with its lock held.
fn locked<R>(work: impl FnOnce(&mut FreeList<'_, ByteMap>) -> R) -> R {
    // SAFETY: made by `set_up`, and never dropped.
    let parts = unsafe { &*PARTS.load(Ordering::Relaxed) };
    parts.lock.with(|| {
        // SAFETY: the lock is held.
        let (head, listed, counters) = unsafe { &mut *parts.list.get() };
        // SAFETY: as many bytes as blocks, zero at first.
        let marks = unsafe { ByteMap::new(parts.marks.get().cast()) };
        // SAFETY: the parts belong together, and only this function uses them.
        let mut raw = unsafe {
            FreeList::new((head, listed), counters, parts.blocks.get().cast(), &parts.geometry, marks)
        };
        work(&mut raw)
    })
}

/// The pool with magazines.
pub(crate) struct Magazines;

impl Peer for Magazines {
    type Handle = NonNull<u8>;

    fn set_up() {
        let geometry = Geometry::new(size_of::<Content>(), align_of::<Content>(), BLOCKS).expect("a pool");
        let parts = Parts {
            lock: SpinLock::INIT,
            list: UnsafeCell::new((null_mut(), 0, Counters::NEW)),
            geometry,
            marks: UnsafeCell::new([0; BLOCKS]),
            blocks: UnsafeCell::new(MaybeUninit::uninit()),
        };
        PARTS.store(Box::into_raw(Box::new(parts)), Ordering::Release);
    }

    #[inline(always)]
    fn alloc() -> NonNull<u8> {
        MAGAZINE.with(|(count, blocks)| {
            if count.get() == 0 {
                refill(blocks);
                count.set(BATCH);
            }
            count.set(count.get() - 1);
            NonNull::new(blocks[count.get() % ROOM].get()).expect("a magazine holds blocks")
        })
    }

    #[inline(always)]
    fn start(handle: &mut NonNull<u8>) -> NonNull<u64> {
        handle.cast()
    }

    #[inline(always)]
    fn free(handle: NonNull<u8>) {
        MAGAZINE.with(|(count, blocks)| {
            if count.get() == ROOM {
                free_batch(&blocks[BATCH..]);
                count.set(BATCH);
            }
            blocks[count.get() % ROOM].set(handle.as_ptr());
            count.set(count.get() + 1);
        });
    }

    fn leave() {
        MAGAZINE.with(|(count, blocks)| free_batch(&blocks[..count.replace(0)]));
    }
}

#[cold]
fn refill(blocks: &[Cell<*mut u8>]) {
    locked(|raw| {
        for slot in &blocks[..BATCH] {
            slot.set(raw.alloc().expect("there are enough blocks").as_ptr());
        }
    });
}

#[cold]
fn free_batch(blocks: &[Cell<*mut u8>]) {
    locked(|raw| {
        for slot in blocks {
            // SAFETY: a block in a magazine is live, and only this magazine has it.
            unsafe { raw.free(slot.get()) }.expect("it is a live block");
        }
    });
}
