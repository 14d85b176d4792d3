//! A block that is freed in two steps, with the lock released in between: only the context that frees it may write to it then.

use std::mem::MaybeUninit;
use std::ptr::null_mut;

use microusc_pool::{ByteMap, Counters, FreeList, Geometry, Link};

use super::*;

/// The parts of a pool of one block, under one lock.
struct Parts {
    lock: SpinLock,
    words: UnsafeCell<(usize, usize)>,
    counters: UnsafeCell<Counters>,
    geometry: Geometry,
    block: *mut usize,
    mark: *mut u8,
    content: UnsafeCell<u32>,
}

// SAFETY: all but the content is touched with the lock held; loom watches the content.
unsafe impl Sync for Parts {}
// SAFETY: as above.
unsafe impl Send for Parts {}

impl Parts {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            lock: SpinLock::INIT,
            words: UnsafeCell::new((0, 0)),
            counters: UnsafeCell::new(Counters::NEW),
            geometry: Geometry::new(LINK_BYTES, LINK_BYTES, 1).unwrap(),
            block: Box::into_raw(Box::<MaybeUninit<usize>>::new_uninit()).cast(),
            mark: Box::into_raw(Box::new(0)),
            content: UnsafeCell::new(0),
        })
    }

    fn locked<R>(&self, work: impl FnOnce(&mut FreeList<'_, ByteMap>) -> R) -> R {
        self.lock.with(|| {
            // SAFETY: the lock is held; the parts come together, always. A head is an address of the one block, or null.
            self.words.with_mut(|words| unsafe {
                self.counters.with_mut(|counters| {
                    let mut head: *mut Link = match (*words).0 {
                        0 => null_mut(),
                        at => std::ptr::with_exposed_provenance_mut(at),
                    };
                    let marks = ByteMap::new(self.mark);
                    let list = (&mut head, &mut (*words).1);
                    let done = work(&mut FreeList::new(
                        list,
                        &mut *counters,
                        self.block.cast(),
                        &self.geometry,
                        marks,
                    ));
                    (*words).0 = head.addr();
                    done
                })
            })
        })
    }

    /// Writes to the block, as its owner does, and the context that fills it.
    fn touch(&self) {
        // SAFETY: loom reports a second one at the same time.
        self.content.with_mut(|word| unsafe { *word += 1 });
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        // SAFETY: made from boxes in `new`; the pool is not used again.
        unsafe { drop((Box::from_raw(self.block), Box::from_raw(self.mark))) };
    }
}

/// One returns the block and fills it; another frees it a second time, and takes it if it is there. `early`: filled when it
/// is free already.
fn filled_while_it_leaves(early: bool) {
    loom::model(move || {
        let parts = Parts::new();
        let block = parts.locked(|raw| raw.alloc()).unwrap().as_ptr();
        parts.touch();
        let (other, again) = (parts.clone(), block.expose_provenance());
        let thread = thread::spawn(move || {
            let again: *mut u8 = std::ptr::with_exposed_provenance_mut(again);
            // SAFETY: a live block that its owner gives up, or an address that is refused.
            let refused = other.locked(|raw| unsafe { raw.begin_free(again) });
            if refused.is_ok() {
                // The second free came first: then this is the one that returns.
                other.touch();
                // SAFETY: begun above.
                assert!(other.locked(|raw| unsafe { raw.finish_free(again) }));
                return;
            }
            assert_eq!(refused, Err(Error::DoubleFree));
            if other.locked(|raw| raw.alloc()).is_ok() {
                other.touch();
            }
        });
        if early {
            // SAFETY: a block in use, or refused.
            let _put = parts.locked(|raw| unsafe { raw.free(block) });
            parts.touch();
        // SAFETY: a block in use, or refused.
        } else if parts.locked(|raw| unsafe { raw.begin_free(block) }).is_ok() {
            parts.touch();
            // SAFETY: begun above.
            assert!(parts.locked(|raw| unsafe { raw.finish_free(block) }));
        }
        thread.join().unwrap();
        let in_use = parts.locked(|raw| raw.used());
        assert!(in_use <= 1);
        assert_eq!(parts.locked(|raw| raw.validate()), Ok(()));
    });
}

#[test]
fn retiring_block_is_not_allocated_by_another_thread() {
    filled_while_it_leaves(false);
}

/// A block that is filled after it is on the list may have another owner already.
#[test]
#[should_panic]
fn filling_a_block_after_its_free_is_found() {
    filled_while_it_leaves(true);
}
