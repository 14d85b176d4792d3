//! Blocks as addresses: the class of a size, the owner of an address.

use core::ptr::NonNull;

use super::PoolSet;
use crate::{DynPool, Error, Owns, RawLock, Reclaim};

impl<'m, const CLASSES: usize, L: RawLock> PoolSet<'m, CLASSES, L> {
    /// Takes a block of at least `size` bytes, aligned to `align` bytes (a power of two), from the smallest class that
    /// has such. A size of 0 is one of 1. O(log CLASSES); one critical section, or two when it spills.
    ///
    /// # Errors
    ///
    /// [`Error::NoClass`] if no class has such blocks, [`Error::Exhausted`] if the class (and with spill the next) is
    /// empty, [`Error::Corrupt`].
    #[inline]
    pub fn alloc_raw(&self, size: usize, align: usize) -> Result<NonNull<u8>, Error> {
        let rank = self.pools.partition_point(|pool| pool.geometry().stride() < size);
        let Some(pool) = self.pools.get(rank).filter(|_| self.aligns(align)) else {
            return self.no_class();
        };
        pool.alloc_raw().or_else(|error| self.alloc_otherwise(rank, error))
    }

    /// Returns a block by its address alone. O(log CLASSES); one critical section.
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

    /// Bytes that the owner of `block` may use: the stride of its class. `None` if it is no block of this set in use.
    /// O(log CLASSES); one critical section.
    #[inline]
    pub fn usable_size(&self, block: *const u8) -> Option<usize> {
        let pool = self.owner(block.addr())?;
        pool.owns(block).then(|| pool.geometry().stride())
    }

    /// Makes a block one of at least `size` bytes, aligned to `align` bytes. It stays where it is as long as that fits
    /// its class, also when it could move to smaller blocks. Otherwise it moves: O(its size) outside of every lock.
    ///
    /// # Errors
    ///
    /// As [`alloc_raw`](Self::alloc_raw), and then the block is the caller's as before, with all that is in it;
    /// [`Error::NotABlock`] and [`Error::DoubleFree`] if it is none in use, and nothing is touched.
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
        // SAFETY: two blocks in use, hence apart; the new one is of a larger class, for the old one is as aligned as any
        // and the size did not fit it.
        unsafe { new.copy_from_nonoverlapping(old, usable) };
        // SAFETY: the caller gives it up. It was in use and is the caller's, so it is not refused.
        let _accepted = unsafe { pool.free_raw(block) };
        Ok(new)
    }

    /// Whether `address` lies in the memory of a class, at the start of a block or not. O(log CLASSES), no critical
    /// section.
    #[inline]
    pub fn contains(&self, address: *const u8) -> bool {
        self.owner(address.addr()).is_some()
    }

    /// Bytes of the class in which a block of the caller's lies. No critical section: that it is in use is known.
    #[inline]
    pub(super) fn bytes_of(&self, block: NonNull<u8>) -> usize {
        self.owner(block.addr().get()).map_or(0, |pool| pool.geometry().stride())
    }

    #[inline(always)]
    fn aligns(&self, align: usize) -> bool {
        align.is_power_of_two() && align <= self.align
    }

    /// The class in whose blocks the address lies.
    #[inline]
    fn owner(&self, address: usize) -> Option<&DynPool<'m, L>> {
        let starts_below = |&rank: &u8| self.pools[usize::from(rank)].base().addr().get() <= address;
        let after = self.by_address.partition_point(starts_below);
        let pool = &self.pools[usize::from(*self.by_address.get(after.checked_sub(1)?)?)];
        (address - pool.base().addr().get() < pool.geometry().bytes()).then_some(pool)
    }

    /// The rare ends of an alloc: `rank` refused it.
    #[cold]
    #[inline(never)]
    fn alloc_otherwise(&self, rank: usize, error: Error) -> Result<NonNull<u8>, Error> {
        let next = rank + 1;
        let Some(pool) = self.pools.get(next).filter(|_| self.spill && error == Error::Exhausted) else {
            return Err(error);
        };
        let block = pool.alloc_raw()?;
        self.count(|counters| counters.spilled_in[next] = counters.spilled_in[next].saturating_add(1));
        Ok(block)
    }

    #[cold]
    #[inline(never)]
    fn no_class(&self) -> Result<NonNull<u8>, Error> {
        self.count(|counters| counters.no_class = counters.no_class.saturating_add(1));
        Err(Error::NoClass)
    }

    #[cold]
    #[inline(never)]
    fn refuse(&self, error: Error) -> Error {
        self.count(|counters| counters.refused = counters.refused.saturating_add(1));
        error
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

// SAFETY: the pool that owns the address knows.
unsafe impl<const CLASSES: usize, L: RawLock> Owns for PoolSet<'_, CLASSES, L> {
    fn owns(&self, address: *const u8) -> bool {
        self.owner(address.addr()).is_some_and(|pool| pool.owns(address))
    }
}
