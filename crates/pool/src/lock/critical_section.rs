use super::{NonAllocatingLock, RawLock};

/// The critical section that the program provides through the crate `critical-section`.
///
/// One for the whole program: on two cores every pool waits for every other. Context: as wide as the implementation
/// that the program linked; on microcontrollers usually tasks and interrupts.
#[derive(Debug)]
pub struct CriticalSection;

// SAFETY: exclusion is what `critical-section` requires of the implementation that the program chose.
unsafe impl RawLock for CriticalSection {
    const INIT: Self = Self;

    type Saved = critical_section::RestoreState;

    #[inline(always)]
    fn acquire(&self) -> Self::Saved {
        // SAFETY: `RawLock::release` is called with this value by whoever acquired.
        unsafe { critical_section::acquire() }
    }

    #[inline(always)]
    unsafe fn release(&self, saved: Self::Saved) {
        // SAFETY: the caller passes what `acquire` returned, sections nest as calls do.
        unsafe { critical_section::release(saved) }
    }
}

// SAFETY: implementations for chips mask interrupts and set a flag. The one that `critical-section` has for hosts is a
// mutex of the standard library and a flag of the thread that needs no destructor. On these systems that mutex is a word.
#[cfg(not(any(target_vendor = "apple", target_os = "netbsd")))]
unsafe impl NonAllocatingLock for CriticalSection {}
