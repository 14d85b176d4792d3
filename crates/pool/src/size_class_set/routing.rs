//! Which class serves a request: by size, by address, and the next larger one if that is exhausted.
//!
//! For every set: that of this crate, which has binary searches of its own (`blocks.rs`), and that of the C functions, which keep
//! their classes elsewhere and use the linear searches here.

use core::cmp::Ordering;
use core::ptr::NonNull;

use crate::Error;

/// A pool as a class of a set: internal support for the C functions.
pub trait ClassPool: Copy {
    /// What the lock of the class saved, while it is held from the fast path to the slow path.
    type Saved: Copy;

    /// The position of the class in its set, 0 for the smallest blocks. O(1).
    fn rank(self) -> usize;

    /// Bytes of a block. O(1), no critical section.
    fn stride(self) -> usize;

    /// Whether `address` lies in the memory of the class. O(1), no critical section.
    fn contains(self, address: usize) -> bool;

    /// The fast path of an alloc. On `Err` the lock of the class is still held. O(1); one critical section.
    ///
    /// # Errors
    ///
    /// What the lock saved, for [`alloc_slow`](Self::alloc_slow).
    fn alloc_fast(self) -> Result<NonNull<u8>, Self::Saved>;

    /// The slow path of an alloc for a request of `size` bytes, at whose end the lock is released. O(1).
    ///
    /// # Errors
    ///
    /// As [`FreeList::alloc`](crate::FreeList::alloc).
    ///
    /// # Safety
    ///
    /// The lock of the class is held, acquired with `saved`.
    unsafe fn alloc_slow(self, saved: Self::Saved, size: usize) -> Result<NonNull<u8>, Error>;
}

/// The classes of a set, smallest blocks first, and how requests are routed to them: internal support for the C functions.
///
/// An implementation is a reference or an address: it is passed by value, so that the fast path keeps it in a register.
///
/// * Cost: as written here, O(classes) comparisons; [`PoolSet`](crate::PoolSet) overrides the two searches with binary ones.
/// * Context: as the locks of the classes allow.
pub trait SizeClasses: Copy {
    /// A class.
    type Class: ClassPool;

    /// The classes, smallest blocks first.
    fn classes(self) -> impl Iterator<Item = Self::Class>;

    /// Class `rank`, if there is one. O(1).
    fn class(self, rank: usize) -> Option<Self::Class>;

    /// Whether a request whose class is exhausted is served by the next larger class. O(1).
    fn spills(self) -> bool;

    /// Counts a block of class `rank` that was allocated for the class below. O(1); one critical section.
    fn count_spilled(self, rank: usize);

    /// Counts a request that no class could ever serve. O(1); one critical section.
    fn count_no_class(self);

    /// The smallest class for `size` bytes.
    #[inline(always)]
    fn class_for_size(self, size: usize) -> Option<Self::Class> {
        self.classes().find(|class| class.stride() >= size)
    }

    /// The class in whose memory `address` lies.
    #[inline(always)]
    fn class_of_address(self, address: usize) -> Option<Self::Class> {
        self.classes().find(|class| class.contains(address))
    }

    /// Allocates a block of at least `size` bytes. One critical section, or two if it spills.
    ///
    /// # Errors
    ///
    /// [`Error::NoClass`] if no class has such blocks, [`Error::Exhausted`] if the class (and with spill the next one) is
    /// exhausted, [`Error::Corrupt`].
    #[inline(always)]
    fn alloc_sized(self, size: usize) -> Result<NonNull<u8>, Error> {
        let Some(class) = self.class_for_size(size) else { return self.refuse_size() };
        match class.alloc_fast() {
            Ok(block) => Ok(block),
            // SAFETY: the lock of the class is still held.
            Err(saved) => unsafe { self.alloc_sized_slow(class.rank(), saved, size) },
        }
    }

    /// The slow path of [`alloc_sized`](Self::alloc_sized): that of class `rank`, and with spill the next larger class. One
    /// step, not further, so that the time of an alloc stays bounded.
    ///
    /// # Errors
    ///
    /// As [`alloc_sized`](Self::alloc_sized).
    ///
    /// # Safety
    ///
    /// There is a class `rank`, and its lock is held, acquired with `saved`.
    #[cold]
    #[inline(never)]
    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_set_alloc_slow"))]
    unsafe fn alloc_sized_slow(
        self,
        rank: usize,
        saved: <Self::Class as ClassPool>::Saved,
        size: usize,
    ) -> Result<NonNull<u8>, Error> {
        // By rank: a class that is passed here would keep several registers alive on the fast path.
        let class = self.class(rank).ok_or(Error::NoClass)?;
        // SAFETY: as the caller promises.
        let error = match unsafe { class.alloc_slow(saved, size) } {
            Err(Error::Exhausted) if self.spills() => Error::Exhausted,
            answer => return answer,
        };
        let next = self.class(rank + 1).ok_or(error)?;
        // SAFETY: the lock of the class is still held.
        let block = next.alloc_fast().or_else(|saved| unsafe { next.alloc_slow(saved, size) })?;
        self.count_spilled(next.rank());
        Ok(block)
    }

    /// Refuses a request that no class could ever serve, and counts it.
    ///
    /// # Errors
    ///
    /// Always [`Error::NoClass`].
    #[cold]
    #[inline(never)]
    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_set_refuse_size"))]
    fn refuse_size(self) -> Result<NonNull<u8>, Error> {
        self.count_no_class();
        Err(Error::NoClass)
    }
}

/// Checks that each class has larger blocks than the one before. O(classes).
///
/// # Errors
///
/// [`Error::ClassesUnsorted`], [`Error::ClassesAlike`], and the first error among the strides.
pub fn check_class_order(strides: impl IntoIterator<Item = Result<usize, Error>>) -> Result<(), Error> {
    let mut below = 0;
    for stride in strides {
        let stride = stride?;
        match stride.cmp(&below) {
            Ordering::Greater => below = stride,
            Ordering::Equal => return Err(Error::ClassesAlike),
            Ordering::Less => return Err(Error::ClassesUnsorted),
        }
    }
    Ok(())
}
