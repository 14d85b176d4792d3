//! A set as the allocator of a whole program.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{NonNull, null_mut};

use super::PoolSet;
use crate::sync::{AtomicBool, Guarded, Ordering};
use crate::{DefaultLock, Error, NonAllocatingLock, RawLock};

/// No other allocator: a request that the set does not serve is refused, and the allocation of the program fails.
#[derive(Clone, Copy, Debug)]
pub struct NoFallback;

// SAFETY: null is always an answer, and no block is ever allocated that could be freed.
unsafe impl GlobalAlloc for NoFallback {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        null_mut()
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

/// A [`PoolSet`] for `#[global_allocator]`: a constant that gets its set once, at the start of the program.
///
/// A request that the set cannot serve (before it exists, too large, class exhausted) goes to the fallback `G`. A free goes
/// by its address: to the set, which refuses and counts wrong frees, if it lies in the memory of the set; else to the
/// fallback.
///
/// * Cost: that of the set, and one load. A block that outgrows its class is copied.
/// * Context: as `L` allows for the set; as the fallback allows for its requests.
/// * The lock is one that [never allocates](NonAllocatingLock): one that does, to put a waiting thread on a list, would ask
///   this allocator, which takes the same lock for it, and so on without end. `MutexLock` is refused by the compiler.
/// * The fallback is another allocator: not this one again, directly or through `std::alloc::alloc`.
///
/// ```
/// use core::mem::MaybeUninit;
/// use std::alloc::System;
/// use microusc_pool::{GlobalSet, PoolSet, SizeClass};
///
/// #[global_allocator]
/// static HEAP: GlobalSet<2, System> = GlobalSet::new(System);
///
/// const CLASSES: [SizeClass; 2] =
///     [SizeClass { block_size: 64, blocks: 100 }, SizeClass { block_size: 1024, blocks: 10 }];
///
/// fn main() -> Result<(), microusc_pool::Error> {
///     const BYTES: usize = PoolSet::<2>::bytes_for(16, &CLASSES);
///     static mut MEMORY: [MaybeUninit<u8>; BYTES] = [MaybeUninit::uninit(); BYTES];
///     // SAFETY: the only reference there ever is.
///     let memory = unsafe { &mut *(&raw mut MEMORY) };
///     let set = HEAP.init(PoolSet::new(memory, 16, &CLASSES)?)?;
///
///     let before = set.stats().classes[1].pool.used();
///     let bytes = vec![7u8; 1000];
///     assert_eq!(set.stats().classes[1].pool.used(), before + 1);
///     drop(bytes);
///     Ok(())
/// }
/// ```
pub struct GlobalSet<const CLASSES: usize, G = NoFallback, L: RawLock + 'static = DefaultLock> {
    /// Whether the set exists; it exists for ever.
    ready: AtomicBool,
    lock: L,
    set: Guarded<Option<PoolSet<'static, CLASSES, L>>>,
    fallback: G,
}

// SAFETY: the set is written once, with the lock held and before `ready` is true; from then on it is only shared.
unsafe impl<const CLASSES: usize, G: Sync, L: RawLock + Sync + Send> Sync for GlobalSet<CLASSES, G, L> {}

impl<const CLASSES: usize, G, L: NonAllocatingLock> GlobalSet<CLASSES, G, L> {
    /// Without a set: every request goes to the fallback.
    pub const fn new(fallback: G) -> Self {
        Self { ready: AtomicBool::new(false), lock: L::INIT, set: Guarded::new(None), fallback }
    }

    /// Sets the set, for ever. O(1); one critical section.
    ///
    /// # Errors
    ///
    /// [`Error::Initialized`] if there is one; the new set is dropped.
    pub fn init(
        &'static self,
        set: PoolSet<'static, CLASSES, L>,
    ) -> Result<&'static PoolSet<'static, CLASSES, L>, Error> {
        // A set that is not the first is dropped after the lock was released: its own locks may have code that runs then.
        let mut set = Some(set);
        self.lock.with(|| {
            if !self.ready.load(Ordering::Relaxed) {
                // SAFETY: with the lock held nothing else writes, and before `ready` nothing reads. The old value is `None`.
                self.set.with_mut(|place| unsafe { place.write(set.take()) });
                self.ready.store(true, Ordering::Release);
            }
        });
        if set.is_none() { self.set().ok_or(Error::Initialized) } else { Err(Error::Initialized) }
    }

    /// The set, if there is one. O(1).
    #[inline(always)]
    pub fn set(&self) -> Option<&PoolSet<'static, CLASSES, L>> {
        if !self.ready.load(Ordering::Acquire) {
            return None;
        }
        // SAFETY: written before `ready` was true, and never again.
        self.set.with(|set| unsafe { (*set).as_ref() })
    }

    /// The other allocator. O(1).
    pub fn fallback(&self) -> &G {
        &self.fallback
    }

    /// The set if `address` is in its memory.
    #[inline(always)]
    fn set_of(&self, address: *const u8) -> Option<&PoolSet<'static, CLASSES, L>> {
        self.set().filter(|set| set.contains(address))
    }

    #[inline(always)]
    fn alloc_from_set(&self, layout: Layout) -> Option<NonNull<u8>> {
        self.set()?.alloc_raw(layout.size(), layout.align()).ok()
    }
}

// SAFETY: a block belongs to the set or to the fallback, by its address, and each keeps the contract for its own.
unsafe impl<const CLASSES: usize, G: GlobalAlloc, L: NonAllocatingLock> GlobalAlloc
    for GlobalSet<CLASSES, G, L>
{
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match self.alloc_from_set(layout) {
            Some(block) => block.as_ptr(),
            // SAFETY: as the caller promises.
            None => unsafe { self.fallback.alloc(layout) },
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match self.alloc_from_set(layout) {
            Some(block) => {
                // SAFETY: just allocated, and at least so long.
                unsafe { block.write_bytes(0, layout.size()) };
                block.as_ptr()
            }
            // SAFETY: as the caller promises.
            None => unsafe { self.fallback.alloc_zeroed(layout) },
        }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match self.set_of(block) {
            Some(set) => {
                // SAFETY: as the caller promises. A refusal is counted.
                let _counted = unsafe { set.free_raw(block) };
            }
            // SAFETY: as the caller promises; it is not in the set, so the fallback allocated it.
            None => unsafe { self.fallback.dealloc(block, layout) },
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Some(set) = self.set_of(block) else {
            // SAFETY: as the caller promises; it is not in the set, so the fallback allocated it.
            return unsafe { self.fallback.realloc(block, layout, size) };
        };
        // SAFETY: as the caller promises.
        match unsafe { set.realloc_raw(block, size, layout.align()) } {
            Ok(block) => return block.as_ptr(),
            Err(Error::NotABlock | Error::DoubleFree) => return null_mut(),
            Err(_) => {}
        }
        // SAFETY: the caller promises a size that does not overflow when it is rounded to the alignment.
        let wider = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        // SAFETY: as the caller promises.
        let moved = unsafe { self.fallback.alloc(wider) };
        if !moved.is_null() {
            // SAFETY: both are at least so long, and from two allocators. The caller gives up the old one.
            unsafe {
                moved.copy_from_nonoverlapping(block, layout.size().min(size));
                let _accepted = set.free_raw(block);
            }
        }
        moved
    }
}
