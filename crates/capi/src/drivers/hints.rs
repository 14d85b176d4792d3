//! Of the system memory space and its drivers. Apart, so that programs without drivers do not have the words.

use microusc_drivers::Error;

/// What to do about it.
pub(crate) fn next_step(error: Error) -> &'static str {
    match error {
        Error::NoLock => {
            "call it from a task: interrupts cannot take the system's lock, nor can tasks that may not wait"
        }
        Error::MadeBefore => {
            "it is made once: use what is there, or end all of it with microusc_system_end first"
        }
        Error::NotMade => {
            "make the parts first: init_MicroUSC_system, or init_driver_list_memory_pool and setUSCtaskSize"
        }
        Error::InUse => "configure before the first part is made, or after microusc_system_end",
        Error::BadSize => {
            "there is at least one driver, a buffer of at least one byte, and a stack of at least the kernel's least"
        }
        Error::NoMemory => {
            "not enough internal memory: fewer drivers, smaller buffers or stacks (microusc_system_configure)"
        }
        Error::Full => "as many drivers as max_drivers are there: remove one, or configure more",
        Error::BadName => "a driver's name has at most 15 bytes",
        Error::NameTaken => "another driver has this name: choose another, or remove that driver first",
        Error::NoSuchDriver => "it was removed, or never added: look for numbers with microusc_driver_next",
        Error::OwnTask => "a driver cannot do that to its own task: let another task do it",
        Error::StillRunning => {
            "a task did not stop: its driver and memory call; try again when it waits or returned"
        }
        Error::Kernel => "the kernel made no semaphore or task: look at priority, core and its configuration",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use microusc_drivers::Error;

    use super::next_step;

    #[test]
    fn every_failure_has_its_own_hint() {
        let errors = [
            Error::NoLock,
            Error::MadeBefore,
            Error::NotMade,
            Error::InUse,
            Error::BadSize,
            Error::NoMemory,
            Error::Full,
            Error::BadName,
            Error::NameTaken,
            Error::NoSuchDriver,
            Error::OwnTask,
            Error::StillRunning,
            Error::Kernel,
        ];
        let lines: HashSet<_> = errors.into_iter().map(next_step).collect();
        assert_eq!(lines.len(), errors.len());
        assert!(lines.iter().all(|line| !line.is_empty() && !line.contains('\n')));
    }
}
