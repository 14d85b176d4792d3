//! What every owner of a block does, and what is known about owners outside of the blocks.

use std::hint::black_box;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use nix::libc;

use crate::subjects::{BLOCKS, Block, Subject};

/// Who owns each block; 0 is nobody. Nothing here orders anything, so that it hides no race from a sanitizer.
static OWNERS: [AtomicU64; BLOCKS] = [const { AtomicU64::new(0) }; BLOCKS];
/// Address of the first block.
static FIRST: AtomicUsize = AtomicUsize::new(0);

/// What one context did.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Count {
    pub(crate) taken: u64,
    pub(crate) returned: u64,
    /// Takes that found no block.
    pub(crate) exhausted: u64,
}

impl Count {
    pub(crate) fn operations(self) -> u64 {
        self.taken + self.returned + self.exhausted
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            taken: self.taken + other.taken,
            returned: self.returned + other.returned,
            exhausted: self.exhausted + other.exhausted,
        }
    }
}

/// Ends the program from any context, a signal handler included.
pub(crate) fn fault(what: &str) -> ! {
    for text in ["stress: ", what, "\n"] {
        // SAFETY: the text is readable; both calls are allowed in a signal handler.
        unsafe { libc::write(2, text.as_ptr().cast(), text.len()) };
    }
    // SAFETY: as above.
    unsafe { libc::_exit(1) }
}

/// Takes every block once and returns it: all are there, where the arithmetic of [`number`] expects them.
pub(crate) fn learn<S: Subject>() {
    let mut blocks = Vec::new();
    while let Some(block) = S::take() {
        blocks.push(block);
    }
    let addresses = || blocks.iter().map(|block| block.addr().get());
    FIRST.store(addresses().min().unwrap_or(0), Relaxed);
    let mut numbers: Vec<_> = blocks.iter().map(|&block| number(block)).collect();
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..BLOCKS), "a pool gives out each of its blocks, once");
    for block in blocks {
        // SAFETY: taken above.
        assert!(unsafe { S::put(block) });
    }
}

fn number(block: NonNull<Block>) -> usize {
    let offset = block.addr().get().wrapping_sub(FIRST.load(Relaxed));
    if !offset.is_multiple_of(size_of::<Block>()) || offset / size_of::<Block>() >= BLOCKS {
        fault("an address that is not a block was given out");
    }
    offset / size_of::<Block>()
}

/// Takes a block as `owner`, who is not 0 and never the same twice, and fills it.
pub(crate) fn take<S: Subject>(owner: u64, count: &mut Count) -> Option<NonNull<Block>> {
    let Some(block) = S::take() else {
        count.exhausted += 1;
        return None;
    };
    count.taken += 1;
    if OWNERS[number(block)].swap(owner, Relaxed) != 0 {
        fault("a block that has an owner was given out");
    }
    // SAFETY: just taken, so this context's own.
    unsafe { black_box(block).write(content(owner)) };
    Some(block)
}

/// Returns a block, which is as its owner filled it.
pub(crate) fn put<S: Subject>(block: NonNull<Block>, count: &mut Count) {
    // SAFETY: the caller owns the block, and filled it or had it handed over.
    let found = unsafe { black_box(block).read() };
    let owner = OWNERS[number(block)].swap(0, Relaxed);
    if owner == 0 || found != content(owner) {
        fault("a block changed under its owner");
    }
    // SAFETY: the caller owns the block and does not use it again.
    if !unsafe { S::put(block) } {
        fault("a block in use was refused");
    }
    count.returned += 1;
}

fn content(owner: u64) -> Block {
    std::array::from_fn(|word| owner ^ ((word as u64) << 56))
}
