use super::RawLock;

/// The critical section that the program provides through the crate `critical-section`.
///
/// There is one for the whole program: on two cores, operations on different pools wait for each other. Context: as the
/// implementation that the program links; on microcontrollers usually tasks and interrupts.
#[derive(Debug)]
pub struct CriticalSection;

// SAFETY: exclusion is what `critical-section` requires of the implementation that the program chose.
unsafe impl RawLock for CriticalSection {
    const INIT: Self = Self;

    type Saved = critical_section::RestoreState;

    #[inline(always)]
    fn acquire(&self) -> Self::Saved {
        // SAFETY: the context that acquired calls `RawLock::release` with this value.
        unsafe { critical_section::acquire() }
    }

    #[inline(always)]
    unsafe fn release(&self, saved: Self::Saved) {
        // SAFETY: the caller passes what `acquire` returned, sections nest as calls do.
        unsafe { critical_section::release(saved) }
    }
}

#[cfg(any(
    target_os = "none",
    target_os = "espidf",
    target_os = "linux",
    target_os = "freebsd",
    target_os = "dragonfly",
    target_os = "fuchsia",
    target_os = "hermit",
    all(target_os = "windows", target_env = "msvc"),
    all(target_family = "wasm", target_os = "unknown")
))]
mod never_allocates {
    use super::CriticalSection;
    use crate::lock::NonAllocatingLock;

    // SAFETY: implementations for chips mask interrupts and set a flag. The one that `critical-section` has for hosts is a mutex
    // of the standard library and a value of the thread without a destructor. On the hosts named here, the mutex is a word and
    // the value lies in memory that came with the thread. On all others one of the two is allocated at its first use: the mutex
    // where it is that of POSIX threads (macOS, NetBSD, illumos, Haiku, ...), the value where there is no thread-local storage of
    // the linker (Android, OpenBSD, Windows with the GNU tools).
    unsafe impl NonAllocatingLock for CriticalSection {}
}
