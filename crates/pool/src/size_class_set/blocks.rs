//! Blocks as addresses.

use core::ptr::NonNull;

use super::PoolSet;
use super::routing::{ClassPool, SizeClasses};
use crate::locked_pool::LockedOperations;
use crate::{DynPool, Error, Owns, RawLock, Reclaim};

impl<'m, const CLASSES: usize, L: RawLock> PoolSet<'m, CLASSES, L> {
    /// Allocates a block of at least `size` bytes, aligned to `align` bytes (a power of two), from the smallest class with
    /// such blocks. A size of 0 counts as 1. O(log CLASSES); one critical section, or two when it spills.
    ///
    /// # Errors
    ///
    /// [`Error::NoClass`] if no class has such blocks, [`Error::Exhausted`] if the class (and with spill the next one) is
    /// exhausted, [`Error::Corrupt`].
    #[inline]
    pub fn alloc_raw(&self, size: usize, align: usize) -> Result<NonNull<u8>, Error> {
        if !self.aligns(align) {
            return self.refuse_size();
        }
        self.alloc_sized(size)
    }

    /// Frees a block by its address alone. O(log CLASSES); one critical section.
    ///
    /// # Errors
    ///
    /// [`Error::DoubleFree`] and [`Error::NotABlock`]: the set is unharmed, and the refusal counted by the class in
    /// whose memory the address is, or by the set if there is none.
    ///
    /// # Safety
    ///
    /// If `block` is a live block of this set, then it is the caller's and is not used again.
    #[inline]
    pub unsafe fn free_raw(&self, block: *mut u8) -> Result<(), Error> {
        match self.owner(block.addr()) {
            // SAFETY: as the caller promises.
            Some(pool) => unsafe { pool.free_raw(block) },
            None => Err(self.refuse(Error::NotABlock)),
        }
    }

    /// Bytes that the owner of `block` may use: the stride of its class. `None` if it is not a block of this set in use.
    /// O(log CLASSES); one critical section.
    #[inline]
    pub fn usable_size(&self, block: *const u8) -> Option<usize> {
        let pool = self.owner(block.addr())?;
        pool.owns(block).then(|| pool.geometry().stride())
    }

    /// Resizes a block to at least `size` bytes, aligned to `align` bytes. It stays where it is as long as that fits its
    /// class, also if a smaller class would do. Otherwise it moves: O(its size), with no lock held.
    ///
    /// # Errors
    ///
    /// As [`alloc_raw`](Self::alloc_raw), and then the caller still owns the block with its content;
    /// [`Error::NotABlock`] and [`Error::DoubleFree`] if it is not a block in use.
    ///
    /// # Safety
    ///
    /// If `block` is a live block of this set, then it is the caller's, and not used again if another is returned.
    pub unsafe fn realloc_raw(
        &self,
        block: *mut u8,
        size: usize,
        align: usize,
    ) -> Result<NonNull<u8>, Error> {
        let Some(pool) = self.owner(block.addr()) else {
            return Err(self.refuse(Error::NotABlock));
        };
        let Some(old) = NonNull::new(block).filter(|old| pool.owns(old.as_ptr())) else {
            let is_block = pool.geometry().index_of(block.addr() - pool.base().addr().get()).is_some();
            return Err(self.refuse(if is_block { Error::DoubleFree } else { Error::NotABlock }));
        };
        let usable = pool.geometry().stride();
        if size <= usable && self.aligns(align) {
            return Ok(old);
        }
        let new = self.alloc_raw(size, align)?;
        // SAFETY: two blocks in use do not overlap; the new one is of a larger class, since the old one is as aligned as any
        // block and the size did not fit it.
        unsafe { new.copy_from_nonoverlapping(old, usable) };
        // SAFETY: the caller gives it up. It was in use, so it is not refused.
        let _accepted = unsafe { pool.free_raw(block) };
        Ok(new)
    }

    /// Whether `address` lies in the memory of a class, at the start of a block or not. O(log CLASSES), no critical
    /// section.
    #[inline]
    pub fn contains(&self, address: *const u8) -> bool {
        self.owner(address.addr()).is_some()
    }

    /// Bytes of a block that is known to be in use. O(log CLASSES), no critical section.
    #[inline]
    pub(super) fn bytes_of(&self, block: NonNull<u8>) -> usize {
        self.owner(block.addr().get()).map_or(0, |pool| pool.geometry().stride())
    }

    #[inline(always)]
    fn aligns(&self, align: usize) -> bool {
        align.is_power_of_two() && align <= self.align
    }

    /// The class in whose memory the address lies.
    #[inline(always)]
    fn owner(&self, address: usize) -> Option<&DynPool<'m, L>> {
        self.class_of_address(address).map(|class| class.pool)
    }

    #[cold]
    #[inline(never)]
    fn refuse(&self, error: Error) -> Error {
        self.count(|counters| counters.refused = counters.refused.saturating_add(1));
        error
    }
}

/// A class of a [`PoolSet`].
pub struct Class<'s, 'm, L: RawLock> {
    rank: usize,
    pool: &'s DynPool<'m, L>,
}

impl<L: RawLock> Clone for Class<'_, '_, L> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<L: RawLock> Copy for Class<'_, '_, L> {}

impl<L: RawLock> ClassPool for Class<'_, '_, L> {
    type Saved = L::Saved;

    #[inline(always)]
    fn rank(self) -> usize {
        self.rank
    }

    #[inline(always)]
    fn stride(self) -> usize {
        self.pool.geometry().stride()
    }

    #[inline(always)]
    fn contains(self, address: usize) -> bool {
        address.wrapping_sub(self.pool.base().addr().get()) < self.pool.geometry().bytes()
    }

    #[inline(always)]
    fn alloc_fast(self) -> Result<NonNull<u8>, L::Saved> {
        LockedOperations::alloc_fast(self.pool)
    }

    unsafe fn alloc_slow(self, saved: L::Saved, _: usize) -> Result<NonNull<u8>, Error> {
        // SAFETY: as the caller promises.
        unsafe { LockedOperations::alloc_slow(self.pool, saved) }
    }
}

/// Searches in O(log CLASSES), since a set may have 256 classes.
impl<'s, 'm, const CLASSES: usize, L: RawLock> SizeClasses for &'s PoolSet<'m, CLASSES, L> {
    type Class = Class<'s, 'm, L>;

    #[inline(always)]
    fn classes(self) -> impl Iterator<Item = Class<'s, 'm, L>> {
        self.pools.iter().enumerate().map(|(rank, pool)| Class { rank, pool })
    }

    #[inline(always)]
    fn class(self, rank: usize) -> Option<Class<'s, 'm, L>> {
        self.pools.get(rank).map(|pool| Class { rank, pool })
    }

    #[inline(always)]
    fn spills(self) -> bool {
        self.spill
    }

    fn count_spilled(self, rank: usize) {
        self.count(|counters| counters.spilled_in[rank] = counters.spilled_in[rank].saturating_add(1));
    }

    fn count_no_class(self) {
        self.count(|counters| counters.no_class = counters.no_class.saturating_add(1));
    }

    #[inline(always)]
    fn class_for_size(self, size: usize) -> Option<Class<'s, 'm, L>> {
        self.class(self.pools.partition_point(|pool| pool.geometry().stride() < size))
    }

    #[inline(always)]
    fn class_of_address(self, address: usize) -> Option<Class<'s, 'm, L>> {
        let starts_below = |&rank: &u8| self.pools[usize::from(rank)].base().addr().get() <= address;
        let after = self.by_address.partition_point(starts_below);
        let rank = usize::from(*self.by_address.get(after.checked_sub(1)?)?);
        self.class(rank).filter(|class| class.contains(address))
    }
}

// SAFETY: the memory is the pools' by exclusive borrow, wherever the set moves; a block in use is on no list.
unsafe impl<const CLASSES: usize, L: RawLock> Reclaim for PoolSet<'_, CLASSES, L> {
    #[inline]
    unsafe fn reclaim(&self, block: NonNull<u8>) {
        // SAFETY: as the caller promises. A refusal is counted.
        let _counted = unsafe { self.free_raw(block.as_ptr()) };
    }
}

// SAFETY: the pool in whose memory the address lies answers.
unsafe impl<const CLASSES: usize, L: RawLock> Owns for PoolSet<'_, CLASSES, L> {
    fn owns(&self, address: *const u8) -> bool {
        self.owner(address.addr()).is_some_and(|pool| pool.owns(address))
    }
}
