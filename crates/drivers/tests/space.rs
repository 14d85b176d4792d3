//! The system memory space on a kernel that keeps books, and fails at every step in turn.

mod kernel;

use std::collections::BTreeSet;
use std::ffi::CStr;
use std::ptr::{null_mut, without_provenance_mut};

use kernel::{Kernel, Task};
use microusc_drivers::{BUFFER_ALIGN, Driver, DriverConfig, DriverInfo, DriverState, Error, Settings, Space};
use proptest::prelude::*;

const NOTHING: [usize; 4] = [0; 4];

unsafe extern "C" fn never_run(_: *mut Driver) {}

fn config(name: &str) -> DriverConfig<'_> {
    DriverConfig { name: name.as_bytes(), entry: never_run, argument: null_mut(), priority: 5, core: -1 }
}

fn add(space: &Space<Kernel>, name: &str) -> Result<u32, Error> {
    // SAFETY: the entry does nothing, and is never run.
    unsafe { space.add(&config(name)) }
}

fn name_of(info: &DriverInfo) -> String {
    let bytes = info.name.map(|byte| byte as u8);
    CStr::from_bytes_until_nul(&bytes).unwrap().to_str().unwrap().to_owned()
}

fn names(space: &Space<Kernel>) -> Vec<String> {
    let mut after = 0;
    let infos = std::iter::from_fn(|| {
        let info = space.next(after).ok()?;
        after = info.id;
        Some(name_of(&info))
    });
    infos.collect()
}

fn ready() -> (Space<Kernel>, Kernel) {
    let kernel = Kernel::default();
    let space = Space::new(kernel.clone());
    space.init().unwrap();
    (space, kernel)
}

#[test]
fn documented_order_works_and_a_second_call_is_refused() {
    let kernel = Kernel::default();
    let space = Space::new(kernel.clone());
    assert_eq!(add(&space, "gps"), Err(Error::NotMade));
    for _ in 0..3 {
        assert_eq!(space.init_space(), Ok(()));
        assert_eq!(space.init_driver_list(100, 256), Ok(()));
        assert_eq!(add(&space, "gps"), Err(Error::NotMade), "there are no stacks yet");
        assert_eq!(space.init_task_stacks(2001), Ok(()));
        assert_eq!(kernel.books().outstanding(), [2, 0, 0, 0]);

        assert_eq!(space.init_space(), Err(Error::MadeBefore));
        assert_eq!(space.init_driver_list(128, 256), Err(Error::MadeBefore));
        assert_eq!(space.init_task_stacks(4096), Err(Error::MadeBefore));
        assert_eq!(space.init(), Err(Error::MadeBefore));
        assert_eq!(space.configure(Settings::DEFAULT), Err(Error::InUse));
        assert_eq!(kernel.books().outstanding(), [2, 0, 0, 0], "a second initialisation leaked");
        let settings = Settings { buffer_size: 100, stack_size: 2016, ..Settings::DEFAULT };
        assert_eq!(space.settings(), Ok(settings));

        assert!(add(&space, "gps").is_ok());
        assert_eq!(space.end(), Ok(()));
        assert_eq!(kernel.books().outstanding(), NOTHING);
    }
}

#[test]
fn parts_may_be_made_in_any_order() {
    type Part = fn(&Space<Kernel>) -> Result<(), Error>;
    let parts: [Part; 3] =
        [Space::init_space, |space| space.init_driver_list(64, 0), |space| space.init_task_stacks(1024)];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let kernel = Kernel::default();
        let space = Space::new(kernel.clone());
        order.into_iter().for_each(|part| parts[part](&space).unwrap());
        add(&space, "").unwrap();
        space.end().unwrap();
        assert_eq!(kernel.books().outstanding(), NOTHING);
    }
}

#[test]
fn settings_are_fixed_once_any_part_is_made() {
    type Part = fn(&Space<Kernel>) -> Result<(), Error>;
    let parts: [Part; 3] =
        [Space::init_space, |space| space.init_driver_list(64, 0), |space| space.init_task_stacks(1024)];
    for part in parts {
        let space = Space::new(Kernel::default());
        assert_eq!(space.configure(Settings::DEFAULT), Ok(()));
        part(&space).unwrap();
        assert_eq!(space.configure(Settings::DEFAULT), Err(Error::InUse));
        space.end().unwrap();
        assert_eq!(space.configure(Settings::DEFAULT), Ok(()));
    }
}

#[test]
fn error_is_formatted_as_its_message() {
    assert_eq!(Error::InUse.to_string(), Error::InUse.message());
    assert_ne!(Error::InUse.message(), Error::NoMemory.message());
}

#[test]
fn failed_init_frees_only_what_it_made() {
    let kernel = Kernel::default();
    let space = Space::new(kernel.clone());
    space.init_task_stacks(4096).unwrap();
    kernel.books().fail_in = Some(0);
    assert_eq!(space.init(), Err(Error::NoMemory));
    assert_eq!(kernel.books().outstanding(), [1, 0, 0, 0], "what was made before stays");
    assert_eq!(space.init(), Ok(()));
    assert_eq!(space.settings().unwrap().stack_size, 4096);
    space.end().unwrap();

    kernel.books().fail_in = Some(1); // the second pool of a whole initialisation
    assert_eq!(space.init(), Err(Error::NoMemory));
    assert_eq!(kernel.books().outstanding(), NOTHING);
    space.init().unwrap();
    space.end().unwrap();
    assert_eq!(kernel.books().outstanding(), NOTHING);
}

#[test]
fn impossible_sizes_are_refused() {
    let kernel = Kernel::default();
    let space = Space::new(kernel.clone());
    for size in [0, usize::MAX, usize::MAX / 2, isize::MAX as usize - 8] {
        assert_eq!(space.init_driver_list(size, 0), Err(Error::BadSize), "{size:#x}");
    }
    for size in [0, 1, 496, usize::MAX, usize::MAX - 14] {
        assert_eq!(space.init_task_stacks(size), Err(Error::BadSize), "{size:#x}");
        let settings = Settings { stack_size: size, ..Settings::DEFAULT };
        assert_eq!(space.configure(settings), Err(Error::BadSize), "{size:#x}");
    }
    assert_eq!(space.init_task_stacks(1 << 30), Err(Error::NoMemory));
    assert_eq!(space.configure(Settings { max_drivers: 0, ..Settings::DEFAULT }), Err(Error::BadSize));
    assert_eq!(space.configure(Settings { buffer_size: 0, ..Settings::DEFAULT }), Err(Error::BadSize));
    assert_eq!(space.settings(), Ok(Settings::DEFAULT));
    assert_eq!(kernel.books().outstanding(), NOTHING);
}

#[test]
fn driver_has_buffer_semaphore_and_stack_as_configured() {
    let kernel = Kernel::default();
    let space = Space::new(kernel.clone());
    space.configure(Settings { buffer_size: 77, ..Settings::DEFAULT }).unwrap();
    space.init().unwrap();
    let argument = without_provenance_mut(0x1234);
    for round in 0..20 {
        // SAFETY: the entry does nothing, and is never run.
        let id = unsafe { space.add(&DriverConfig { argument, ..config("radio") }) }.unwrap();
        assert_eq!(id, round + 1, "a number came twice");
        let driver = kernel.books().driver_of(id);
        // SAFETY: the driver is alive, and its task never runs.
        let driver = unsafe { &*driver };
        assert_eq!((driver.id, driver.argument, driver.buffer_size), (id, argument, 77));
        assert!(driver.buffer.addr().is_multiple_of(BUFFER_ALIGN) && !driver.semaphore.is_null());
        // SAFETY: the buffer is the driver's, whose task never runs.
        let buffer = unsafe { std::slice::from_raw_parts_mut(driver.buffer.cast::<u8>(), 77) };
        assert!(buffer.iter().all(|byte| *byte == 0), "a driver sees what another left");
        buffer.fill(round as u8 + 1); // an overlap with task or semaphore would show in their books
        space.remove(id).unwrap();
        assert_eq!(kernel.books().outstanding(), [2, 0, 0, 0]);
    }
    space.end().unwrap();
}

#[test]
fn fifth_driver_is_refused_until_one_is_removed() {
    let (space, kernel) = ready();
    let ids: Vec<u32> = ["a", "b", "c", "d"].iter().map(|name| add(&space, name).unwrap()).collect();
    assert_eq!(add(&space, "e"), Err(Error::Full));
    assert_eq!(kernel.books().outstanding(), [2, 8, 4, 4]);
    space.remove(ids[1]).unwrap();
    assert_eq!(space.remove(ids[1]), Err(Error::NoSuchDriver));
    add(&space, "e").unwrap();
    assert_eq!(names(&space), ["a", "c", "d", "e"]);
    assert_eq!(space.find(b"b"), Err(Error::NoSuchDriver));
    assert_eq!(space.find(b"c"), Ok(ids[2]));
    space.end().unwrap();
    assert_eq!(kernel.books().outstanding(), NOTHING);
}

#[test]
fn driver_keeps_a_copy_of_its_name() {
    let (space, kernel) = ready();
    let first = add(&space, "").unwrap();
    assert_eq!(names(&space), [format!("driver-{first}")]);
    assert_eq!(add(&space, "driver-1"), Err(Error::NameTaken));
    assert_eq!(add(&space, "exactly16letters"), Err(Error::BadName));
    assert_eq!(add(&space, "a\0b"), Err(Error::BadName));
    assert!(add(&space, "just15letters!!").is_ok());
    assert_eq!(space.find(b"just15letters!!"), Ok(2));
    assert_eq!(kernel.books().outstanding(), [2, 4, 2, 2]);
    space.end().unwrap();
}

#[test]
fn iteration_goes_on_after_its_driver_was_removed() {
    let (space, _) = ready();
    let ids: Vec<u32> = ["a", "b", "c"].iter().map(|name| add(&space, name).unwrap()).collect();
    let at = space.next(ids[0]).unwrap();
    space.remove(at.id).unwrap();
    assert_eq!(name_of(&space.next(at.id).unwrap()), "c");
    assert_eq!(space.next(ids[2]), Err(Error::NoSuchDriver));
    space.end().unwrap();
}

#[test]
fn tasks_are_paused_and_resumed() {
    let (space, kernel) = ready();
    let id = add(&space, "a").unwrap();
    for (turn, task, state) in [
        (Space::pause as fn(&Space<Kernel>, u32) -> _, Task::Paused, DriverState::Paused),
        (Space::pause, Task::Paused, DriverState::Paused),
        (Space::resume, Task::Running, DriverState::Running),
    ] {
        assert_eq!(turn(&space, id), Ok(()));
        assert_eq!(kernel.books().task_of(id), Some(task));
        assert_eq!(space.driver(id).unwrap().state, state);
    }
    assert_eq!(space.pause(99), Err(Error::NoSuchDriver));
    space.pause(id).unwrap();
    space.end().unwrap();
    assert_eq!(kernel.books().outstanding(), NOTHING, "a paused task is stopped, too");
}

#[test]
fn task_cannot_remove_its_own_driver() {
    let (space, kernel) = ready();
    let (own, other) = (add(&space, "own").unwrap(), add(&space, "other").unwrap());
    kernel.books().current = Some(own);
    let before = kernel.books().outstanding();
    assert_eq!(space.remove(own), Err(Error::OwnTask));
    assert_eq!(space.pause(own), Err(Error::OwnTask));
    assert_eq!(space.remove_all(), Err(Error::OwnTask));
    assert_eq!(space.end(), Err(Error::OwnTask));
    assert_eq!(kernel.books().outstanding(), before);
    assert_eq!(space.remove(other), Ok(()));
    kernel.books().current = None;
    space.end().unwrap();
}

#[test]
fn every_call_from_an_interrupt_is_refused() {
    let (space, kernel) = ready();
    let id = add(&space, "a").unwrap();
    kernel.books().in_interrupt = true;
    assert_eq!(add(&space, "b"), Err(Error::NoLock));
    assert_eq!(space.remove(id), Err(Error::NoLock));
    assert_eq!(space.next(0), Err(Error::NoLock));
    assert_eq!(space.init(), Err(Error::NoLock));
    assert_eq!(space.end(), Err(Error::NoLock));
    kernel.books().in_interrupt = false;
    space.end().unwrap();
}

#[test]
fn memory_of_a_task_that_does_not_stop_is_kept() {
    let (space, kernel) = ready();
    let ids: Vec<u32> = ["a", "b", "c"].iter().map(|name| add(&space, name).unwrap()).collect();
    kernel.books().stubborn = vec![ids[1]];
    assert_eq!(space.remove(ids[1]), Err(Error::StillRunning));
    assert_eq!(space.driver(ids[1]).unwrap().state, DriverState::Stopping);
    assert_eq!(space.resume(ids[1]), Err(Error::StillRunning));
    assert_eq!(space.end(), Err(Error::StillRunning));
    assert_eq!(names(&space), ["b"]);
    assert_eq!(kernel.books().outstanding(), [2, 2, 1, 1]);
    add(&space, "d").unwrap(); // the system goes on
    kernel.books().stubborn.clear();
    assert_eq!(space.end(), Ok(()));
    assert_eq!(kernel.books().outstanding(), NOTHING);
}

#[test]
fn stack_is_kept_while_a_call_wakes_its_task() {
    let (space, kernel) = ready();
    let id = add(&space, "a").unwrap();
    kernel.books().fail_in = Some(1); // the task stops, and is not forgotten
    assert_eq!(space.remove(id), Err(Error::StillRunning));
    assert_eq!(kernel.books().outstanding(), [2, 2, 0, 1]);
    assert_eq!(space.driver(id).unwrap().state, DriverState::Stopping);
    assert_eq!(space.pause(id), Err(Error::StillRunning));
    kernel.books().calls.clear();
    assert_eq!(space.remove(id), Ok(()));
    assert_eq!(kernel.books().calls, ["forget", "give", "give"], "it is stopped once");
    space.end().unwrap();
    assert_eq!(kernel.books().outstanding(), NOTHING);
}

#[test]
fn all_tasks_stop_before_memory_is_freed() {
    let (space, kernel) = ready();
    for name in ["a", "b", "c"] {
        add(&space, name).unwrap();
    }
    kernel.books().calls.clear();
    space.remove_all().unwrap();
    let calls = kernel.books().calls.clone();
    let last_stop = calls.iter().rposition(|call| *call == "stop").unwrap();
    let first_give = calls.iter().position(|call| *call == "give").unwrap();
    assert!(last_stop < first_give, "{calls:?}");
    space.end().unwrap();
}

/// Another task, or the program that a pool calls, comes while a driver is being added with the lock released.
#[test]
fn call_that_allocates_is_finished_before_its_driver_pauses_or_its_pools_end() {
    let kernel = Kernel::default();
    let space: &Space<Kernel> = Box::leak(Box::new(Space::new(kernel.clone())));
    space.init().unwrap();
    kernel.books().program = Some(Box::new(|| assert_eq!(space.end(), Err(Error::StillRunning))));
    let first = add(space, "first").unwrap();
    let worker = add(space, "worker").unwrap();
    assert!(kernel.books().program.is_none());

    let books = kernel.clone();
    kernel.books().current = Some(worker);
    kernel.books().program = Some(Box::new(move || {
        books.books().current = None;
        assert_eq!(space.pause(worker), Err(Error::StillRunning));
        assert_eq!(space.resume(worker), Ok(()), "it runs");
        assert_eq!((space.pause(first), space.resume(first)), (Ok(()), Ok(())), "the other is in no call");
        books.books().current = Some(worker);
    }));
    add(space, "by the worker").unwrap();
    kernel.books().current = None;
    assert!(kernel.books().program.is_none());
    assert_eq!(space.pause(worker), Ok(()), "its call has returned");
    assert_eq!(space.end(), Ok(()));
    assert_eq!(kernel.books().outstanding(), NOTHING);
}

/// A whole life, with the call of number `fail_in` failing; each step that fails is tried again.
fn life(fail_in: usize) -> bool {
    let kernel = Kernel::default();
    let space = Space::new(kernel.clone());
    kernel.books().fail_in = Some(fail_in);
    let mut failures = 0;
    let mut step = |what: &mut dyn FnMut() -> Result<(), Error>| {
        let before = kernel.books().outstanding();
        if let Err(error) = what() {
            failures += 1;
            if error != Error::StillRunning {
                assert_eq!(kernel.books().outstanding(), before, "{error} leaked");
            }
            assert_eq!(what(), Ok(()), "a second attempt after {error}");
        }
    };
    step(&mut || space.init());
    for name in ["a", "b", "c"] {
        step(&mut || add(&space, name).map(drop));
    }
    step(&mut || space.remove(space.find(b"b")?));
    step(&mut || add(&space, "d").map(drop));
    step(&mut || space.remove_all());
    step(&mut || add(&space, "e").map(drop));
    step(&mut || space.end());
    assert_eq!(kernel.books().outstanding(), NOTHING);
    assert!(failures <= 1);
    failures == 1
}

#[test]
fn every_failing_step_is_unwound_and_a_retry_works() {
    let mut fail_in = 0;
    while life(fail_in) {
        fail_in += 1;
    }
    // Two pools, five drivers of four calls each, five stops, and five tasks that no queue may know.
    assert_eq!(fail_in, 2 + 5 * 4 + 5 + 5);
}

#[test]
fn several_tasks_may_add_and_remove_drivers() {
    let (space, kernel) = ready();
    let rounds = if cfg!(miri) { 20 } else { 2000 };
    let ids: Vec<Vec<u32>> = std::thread::scope(|scope| {
        let work = |name: &'static str| {
            let space = &space;
            scope.spawn(move || {
                let added = (0..rounds).map(|_| {
                    let id = add(space, name).unwrap();
                    assert_eq!(space.find(name.as_bytes()), Ok(id));
                    space.remove(id).unwrap();
                    id
                });
                added.collect()
            })
        };
        ["a", "b", "c"].map(work).map(|thread| thread.join().unwrap()).into()
    });
    let distinct: BTreeSet<u32> = ids.iter().flatten().copied().collect();
    assert_eq!(distinct.len(), 3 * rounds, "a number was given twice");
    space.end().unwrap();
    assert_eq!(kernel.books().outstanding(), NOTHING);
}

#[derive(Clone, Debug)]
enum Op {
    Add(u8),
    Remove(u8),
    Pause(u8),
    Resume(u8),
    RemoveAll,
    Restart,
    FailIn(u8),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (0..9u8).prop_map(Op::Add),
        4 => (0..9u8).prop_map(Op::Remove),
        1 => (0..9u8).prop_map(Op::Pause),
        1 => (0..9u8).prop_map(Op::Resume),
        1 => Just(Op::RemoveAll),
        1 => Just(Op::Restart),
        2 => (0..12u8).prop_map(Op::FailIn),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 512 }, ..ProptestConfig::default() })]

    /// Names are numbers here; the model is the list of names, oldest first, and which of them are paused.
    #[test]
    fn list_of_drivers_obeys_a_model(ops in proptest::collection::vec(op(), 0..200)) {
        let (space, kernel) = ready();
        let mut model: Vec<(String, DriverState)> = Vec::new();
        for op in ops {
            let at = |name: u8| model.iter().position(|(known, _)| *known == format!("n{name}"));
            let turn = |name: u8, how: fn(&Space<Kernel>, u32) -> Result<(), Error>| {
                space.find(format!("n{name}").as_bytes()).and_then(|id| how(&space, id))
            };
            match op {
                Op::FailIn(calls) => kernel.books().fail_in = Some(calls as usize),
                Op::Add(name) => match (at(name), add(&space, &format!("n{name}"))) {
                    (Some(_), answer) => prop_assert_eq!(answer, Err(Error::NameTaken)),
                    (None, Ok(_)) => model.push((format!("n{name}"), DriverState::Running)),
                    (None, Err(Error::Full)) => {
                        prop_assert!(model.len() == 4 || kernel.books().fail_in.is_none());
                    }
                    (None, Err(error)) => prop_assert_eq!(error, Error::Kernel),
                },
                Op::Remove(name) => match (at(name), turn(name, Space::remove)) {
                    (None, answer) => prop_assert_eq!(answer, Err(Error::NoSuchDriver)),
                    (Some(at), Ok(())) => drop(model.remove(at)),
                    (Some(at), Err(error)) => {
                        prop_assert_eq!(error, Error::StillRunning);
                        model[at].1 = DriverState::Stopping;
                    }
                },
                Op::Pause(name) | Op::Resume(name) => {
                    let (how, state): (fn(&Space<Kernel>, u32) -> _, _) = match op {
                        Op::Pause(_) => (Space::pause, DriverState::Paused),
                        _ => (Space::resume, DriverState::Running),
                    };
                    match (at(name), turn(name, how)) {
                        (None, answer) => prop_assert_eq!(answer, Err(Error::NoSuchDriver)),
                        (Some(at), Ok(())) => model[at].1 = state,
                        (Some(at), answer) => {
                            prop_assert_eq!(answer, Err(Error::StillRunning));
                            prop_assert_eq!(model[at].1, DriverState::Stopping);
                        }
                    }
                }
                Op::RemoveAll => match space.remove_all() {
                    Ok(()) => model.clear(),
                    Err(error) => {
                        prop_assert_eq!(error, Error::StillRunning);
                        let left = names(&space);
                        prop_assert_eq!(left.len(), 1);
                        model.retain_mut(|(name, state)| {
                            *state = DriverState::Stopping;
                            left.contains(name)
                        });
                    }
                },
                Op::Restart => {
                    kernel.books().fail_in = None;
                    space.end().unwrap();
                    prop_assert_eq!(kernel.books().outstanding(), NOTHING);
                    space.init().unwrap();
                    model.clear();
                }
            }
            let wanted: Vec<String> = model.iter().map(|(name, _)| name.clone()).collect();
            prop_assert_eq!(names(&space), wanted);
            for (name, state) in &model {
                let id = space.find(name.as_bytes()).unwrap();
                prop_assert_eq!(space.driver(id).unwrap().state, *state);
            }
            let live = model.len();
            let [pools, blocks, tasks, semaphores] = kernel.books().outstanding();
            prop_assert_eq!([pools, blocks, semaphores], [2, 2 * live, live]);
            // A driver that stopped may stay in the list until nothing refers to its stack any more.
            let stopping = model.iter().filter(|(_, state)| *state == DriverState::Stopping).count();
            prop_assert!((live - stopping..=live).contains(&tasks));
        }
        kernel.books().fail_in = None;
        space.end().unwrap();
        prop_assert_eq!(kernel.books().outstanding(), NOTHING);
    }
}
