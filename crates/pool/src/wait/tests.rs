//! Free list and queue of waiters, step by step: what a caller finds between two critical sections of another context.

use core::mem::MaybeUninit;
use core::ptr::null_mut;

use super::{WaitOrder, WaitQueue, Waiter, WaiterState};
use crate::{ByteMap, Counters, Error, FreeList, Geometry, Link};

const BLOCKS: usize = 4;
const WORD: usize = size_of::<usize>();

/// The parts of a pool, and its queue. A waker is a number.
struct Parts<const N: usize = BLOCKS> {
    head: *mut Link,
    free_list_len: usize,
    counters: Counters,
    geometry: Geometry,
    map: [u8; N],
    blocks: [MaybeUninit<usize>; N],
    queue: WaitQueue<u32>,
}

impl<const N: usize> Parts<N> {
    fn new() -> Self {
        Self {
            head: null_mut(),
            free_list_len: 0,
            counters: Counters::NEW,
            geometry: Geometry::new(WORD, WORD, N).unwrap(),
            map: [0; N],
            blocks: [MaybeUninit::uninit(); N],
            queue: WaitQueue::new(WaitOrder::Fifo),
        }
    }

    /// A critical section.
    fn locked<R>(&mut self, work: impl FnOnce(&mut FreeList<'_, ByteMap>, &mut WaitQueue<u32>) -> R) -> R {
        // SAFETY: the parts belong together, and are borrowed together.
        unsafe {
            let map = ByteMap::new(self.map.as_mut_ptr());
            let list = (&mut self.head, &mut self.free_list_len);
            let base = self.blocks.as_mut_ptr().cast();
            work(&mut FreeList::new(list, &mut self.counters, base, &self.geometry, map), &mut self.queue)
        }
    }

    /// Allocates every block.
    fn alloc_all(&mut self) -> [*mut u8; N] {
        core::array::from_fn(|_| self.locked(|list, _| list.alloc().unwrap().as_ptr()))
    }

    fn enter(&mut self, waiter: &mut Waiter<u32>, waker: u32) {
        // SAFETY: the waiters of these tests outlive the queue's use of them.
        self.locked(|list, queue| unsafe {
            assert_eq!(queue.alloc_now(list), None);
            queue.enqueue(list, waiter, waker);
        });
    }

    fn free_all(&mut self, blocks: &[*mut u8]) {
        // SAFETY: blocks in use, each freed once.
        assert_eq!(self.locked(|list, _| unsafe { list.free_batch(blocks) }), Ok(()));
    }

    fn serve(&mut self) -> Option<u32> {
        // SAFETY: the queue is this pool's.
        self.locked(|list, queue| unsafe { queue.serve(list) })
    }

    /// Whether a caller that comes now gets a block: by an alloc, from an interrupt, in a batch. Each block is freed again.
    fn newcomer_gets(&mut self) -> (bool, bool, bool) {
        // SAFETY: a block that was just allocated is freed.
        let mut once = |alloc: fn(&mut FreeList<'_, ByteMap>) -> Result<core::ptr::NonNull<u8>, Error>| {
            let allocated = self.locked(|list, _| alloc(list));
            if let Ok(block) = allocated {
                self.free_all(&[block.as_ptr()]);
            }
            allocated.is_ok()
        };
        let normal = once(|list| list.alloc());
        let from_isr = once(|list| list.alloc_from_isr());
        let batch = once(|list| {
            let mut room = [MaybeUninit::uninit()];
            // SAFETY: written, since one was allocated.
            list.alloc_batch(&mut room).map(|()| unsafe { room[0].assume_init() })
        });
        (normal, from_isr, batch)
    }
}

#[test]
fn a_newcomer_gets_no_block_that_is_kept_for_waiting_tasks() {
    let mut parts = Parts::<BLOCKS>::new();
    let blocks = parts.alloc_all();
    let (mut first, mut second) = (Waiter::new(0), Waiter::new(0));
    parts.enter(&mut first, 1);
    parts.enter(&mut second, 2);
    for returned in 1..=2 {
        parts.free_all(&blocks[returned - 1..returned]);
        assert_eq!(parts.newcomer_gets(), (false, false, false), "{returned} of two are free");
        assert_eq!(parts.locked(|list, _| list.can_alloc()), Err(Error::Exhausted));
    }
    parts.free_all(&blocks[2..3]);
    assert_eq!(parts.newcomer_gets(), (true, true, true), "no waiter needs the third");
    assert_eq!(parts.locked(|list, _| list.can_alloc()), Ok(()));
    assert_eq!((parts.serve(), parts.serve(), parts.serve()), (Some(1), Some(2), None));
    assert_eq!(parts.newcomer_gets(), (true, true, true));
    assert!(
        matches!(first.reset(), WaiterState::Granted(_)) && matches!(second.reset(), WaiterState::Granted(_))
    );
    assert_eq!(parts.counters.fast_path_limit, parts.counters.first_unused, "the fast path is on again");
    assert_eq!(parts.locked(|list, _| list.validate()), Ok(()));
}

#[test]
fn a_reserve_is_kept_for_interrupts_and_not_for_tasks() {
    let mut parts = Parts::<BLOCKS>::new();
    let blocks = parts.alloc_all();
    assert_eq!(parts.locked(|list, _| list.set_reserve(1)), Ok(()));
    let mut waiter = Waiter::new(0);
    parts.enter(&mut waiter, 1);
    parts.free_all(&blocks[..1]);
    assert_eq!(parts.serve(), None, "the only free block is the reserve");
    assert_eq!(parts.newcomer_gets(), (false, true, false));
    parts.free_all(&blocks[1..2]);
    assert_eq!(parts.newcomer_gets(), (false, true, false), "one is kept for interrupts, one for the waiter");
    let urgent = parts.locked(|list, _| list.alloc_from_isr()).unwrap().as_ptr();
    assert_eq!(parts.newcomer_gets(), (false, true, false), "the reserve comes first");
    parts.free_all(&[urgent]);
    // With less to keep, both are above the reserve.
    assert_eq!(parts.locked(|list, _| list.set_reserve(0)), Ok(()));
    assert_eq!(parts.newcomer_gets(), (true, true, true), "one is kept for the waiter, one is not");
    assert_eq!(parts.serve(), Some(1));
}

#[test]
fn no_block_is_kept_for_a_task_that_left_the_queue() {
    let mut parts = Parts::<BLOCKS>::new();
    let blocks = parts.alloc_all();
    let (mut first, mut second) = (Waiter::new(0), Waiter::new(0));
    parts.enter(&mut first, 1);
    parts.enter(&mut second, 2);
    parts.free_all(&blocks[..1]);
    // SAFETY: the waiter is this queue's.
    let left = parts.locked(|list, queue| unsafe { queue.remove(list, &mut first) });
    assert!(matches!(left, WaiterState::Queued(1)));
    assert_eq!(parts.newcomer_gets(), (false, false, false), "the other still waits");
    // SAFETY: as above.
    assert_eq!(parts.locked(|list, queue| unsafe { queue.forget(list, |waker| *waker == 2) }), 1);
    assert_eq!(parts.newcomer_gets(), (true, true, true));
}

#[test]
fn forget_removes_exactly_the_waiters_that_are_gone() {
    let mut parts = Parts::<BLOCKS>::new();
    let blocks = parts.alloc_all();
    let mut waiters: [Waiter<u32>; 5] = core::array::from_fn(|_| Waiter::new(0));
    let first = waiters.as_mut_ptr();
    for number in 0..5 {
        // SAFETY: inside the array, which does not move.
        parts.enter(unsafe { &mut *first.add(number) }, number as u32);
    }
    // SAFETY: the waiters are this queue's.
    let forgotten = parts.locked(|list, queue| unsafe { queue.forget(list, |waker| waker % 2 == 0) });
    assert_eq!((forgotten, parts.queue.waiting()), (3, 2));
    parts.free_all(&blocks);
    assert_eq!([parts.serve(), parts.serve(), parts.serve()], [Some(1), Some(3), None]);
    assert!([0, 2, 4].into_iter().all(|number| matches!(waiters[number].reset(), WaiterState::Idle)));
}

#[test]
fn all_free_blocks_are_kept_for_more_tasks_than_are_counted() {
    const MANY: usize = 300;
    let mut parts = Parts::<MANY>::new();
    let blocks = parts.alloc_all();
    let mut waiters: [Waiter<u32>; MANY] = core::array::from_fn(|_| Waiter::new(0));
    let first = waiters.as_mut_ptr();
    for number in 0..MANY {
        // SAFETY: inside the array, which does not move.
        parts.enter(unsafe { &mut *first.add(number) }, number as u32);
    }
    parts.free_all(&blocks);
    assert_eq!(parts.newcomer_gets(), (false, false, false));
    for waiting in (0..MANY).rev() {
        // SAFETY: as above; the waiter is this queue's.
        parts.locked(|list, queue| unsafe { queue.remove(list, first.add(waiting)) });
        // Above 254 the number is not known, and all free blocks are kept for them.
        assert_eq!(parts.newcomer_gets().0, waiting < 255, "{waiting} wait, {MANY} are free");
    }
}

#[test]
fn damage_is_reported_also_to_a_caller_that_would_get_no_block_from_a_whole_list() {
    let mut parts = Parts::<BLOCKS>::new();
    let blocks = parts.alloc_all();
    let mut waiter = Waiter::new(0);
    parts.enter(&mut waiter, 1);
    parts.free_all(&blocks[..1]);
    parts.head = core::ptr::without_provenance_mut(4);
    assert_eq!(parts.locked(|list, _| list.alloc()), Err(Error::Corrupt));
    assert_eq!(parts.locked(|list, _| list.alloc_from_isr()), Err(Error::Corrupt));
    assert_eq!(parts.locked(|list, _| list.can_alloc()), Err(Error::Corrupt));
    assert_eq!(parts.serve(), None);
    assert_eq!(parts.locked(|list, _| list.repair()), 1);
    assert_eq!(
        parts.newcomer_gets(),
        (false, false, false),
        "a block found by the repair is kept for the waiter as well"
    );
    assert_eq!(parts.serve(), Some(1));
}

/// Checks the order of the queue after the tasks of the bits `gone` left it, wherever they stood; `served` of all tasks were
/// served before.
fn leave_and_serve(order: WaitOrder, served: usize, gone: u32) {
    let mut parts = Parts::<BLOCKS>::new();
    parts.queue.set_order(order);
    let blocks = parts.alloc_all();
    // With priority each waiter goes to the front; otherwise to the end.
    let mut waiters: [Waiter<u32>; BLOCKS] = core::array::from_fn(|number| Waiter::new(number as u8));
    let first = waiters.as_mut_ptr();
    for number in 0..BLOCKS {
        // SAFETY: inside the array, which does not move.
        parts.enter(unsafe { &mut *first.add(number) }, number as u32);
    }
    let turns = core::array::from_fn::<usize, BLOCKS, _>(|turn| match order {
        WaitOrder::Fifo => turn,
        WaitOrder::Priority => BLOCKS - 1 - turn,
    });
    let (now, later) = turns.split_at(served);
    parts.free_all(&blocks[..served]);
    for number in now {
        assert_eq!(parts.serve(), Some(*number as u32));
    }
    let leaves = |number: usize| gone & 1 << number != 0;
    for number in later.iter().copied().filter(|number| leaves(*number)) {
        // SAFETY: as above; the waiter is this queue's.
        let left = parts.locked(|list, queue| unsafe { queue.remove(list, first.add(number)) });
        assert!(matches!(left, WaiterState::Queued(waker) if waker == number as u32));
    }
    parts.free_all(&blocks[served..]);
    for number in later.iter().copied().filter(|number| !leaves(*number)) {
        assert_eq!(parts.serve(), Some(number as u32));
    }
    assert_eq!(parts.serve(), None);
}

#[test]
fn a_waiter_that_leaves_does_not_change_the_order_of_the_others() {
    for gone in 0..1 << BLOCKS {
        for served in 0..=BLOCKS {
            leave_and_serve(WaitOrder::Fifo, served, gone);
            leave_and_serve(WaitOrder::Priority, served, gone);
        }
    }
}

/// A retiring block, and every way to free or allocate it again, with no other slow path reason.
#[test]
fn a_retiring_block_is_refused_and_not_allocated() {
    let mut parts = Parts::<BLOCKS>::new();
    let blocks = parts.alloc_all();
    let block = blocks[0];
    // SAFETY: a retiring block, which these refuse.
    unsafe {
        assert_eq!(parts.locked(|list, _| list.begin_free(block)), Ok(()));
        assert_eq!(parts.locked(|list, _| list.free_fast(block)), None);
        assert_eq!(parts.locked(|list, _| list.free(block)), Err(Error::DoubleFree));
        assert_eq!(parts.locked(|list, _| list.free_batch(&[blocks[1], block])), Err((1, Error::DoubleFree)));
        assert_eq!(parts.locked(|list, _| list.begin_free(block)), Err(Error::DoubleFree));
        assert_eq!(
            parts.locked(|list, _| list.begin_free_batch(&[blocks[1], block])),
            Err((1, Error::DoubleFree))
        );
    }
    assert!(parts.locked(|list, _| !list.is_live(block) && list.is_live(blocks[1])));
    assert_eq!(parts.locked(|list, _| (list.used(), list.repair(), list.validate())), (BLOCKS, 0, Ok(())));
    // A forged link to it is damage.
    (parts.head, parts.free_list_len) = (block.cast(), 1);
    assert_eq!(parts.locked(|list, _| list.alloc()), Err(Error::Corrupt));
    (parts.head, parts.free_list_len) = (null_mut(), 0);
    assert_eq!(parts.locked(|list, _| list.alloc()), Err(Error::Exhausted));

    // SAFETY: its free began above, and begins again.
    unsafe {
        parts.locked(|list, _| list.cancel_free(block));
        assert!(parts.locked(|list, _| list.is_live(block)));
        assert_eq!(parts.locked(|list, _| list.begin_free(block)), Ok(()));
        assert!(parts.locked(|list, _| list.finish_free(block)));
    }
    parts.locked(|list, _| list.set_retiring(false));
    assert_eq!(parts.counters.fast_path_limit, parts.counters.first_unused);
    assert_eq!(parts.locked(|list, _| list.alloc()).map(|block| block.as_ptr()), Ok(block));
}
