//! Pools of other projects, each used as its documentation shows.

use std::hint::black_box;
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::LazyLock;

use crossbeam_queue::ArrayQueue;
use heapless::pool::boxed::{Box as HeaplessBox, BoxBlock};
use lockfree_object_pool::{LinearObjectPool, LinearReusable};
use object_pool::Reusable;
use opool::{PoolAllocator, RefGuard};

use crate::measure::{BLOCKS, Content, Peer};

/// No pool: the time of the harness alone.
pub(crate) struct Nothing;

thread_local! {
    static WORD: NonNull<u64> = NonNull::from(Box::leak(Box::new(0)));
}

impl Peer for Nothing {
    type Handle = NonNull<u64>;
    #[inline(always)]
    fn alloc() -> NonNull<u64> {
        black_box(WORD.with(|word| *word))
    }
    #[inline(always)]
    fn start(handle: &mut NonNull<u64>) -> NonNull<u64> {
        *handle
    }
    #[inline(always)]
    fn free(handle: NonNull<u64>) {
        black_box(handle);
    }
}

mod declared {
    #![expect(clippy::manual_div_ceil, reason = "in a macro of the crate")]
    heapless::box_pool!(HeaplessPool: std::mem::MaybeUninit<super::Content>);
    atomic_pool::pool!(pub CratePool: [std::mem::MaybeUninit<super::Content>; super::BLOCKS]);
}
use declared::{CratePool, HeaplessPool};

/// heapless: a stack of blocks with a tagged head.
pub(crate) struct Heapless;

impl Peer for Heapless {
    type Handle = HeaplessBox<HeaplessPool>;
    fn set_up() {
        let blocks: Vec<_> = (0..BLOCKS).map(|_| BoxBlock::new()).collect();
        blocks.leak().iter_mut().for_each(|block| HeaplessPool.manage(block));
    }
    #[inline(always)]
    fn alloc() -> Self::Handle {
        HeaplessPool.alloc(MaybeUninit::uninit()).expect("there are enough blocks")
    }
    #[inline(always)]
    fn start(handle: &mut Self::Handle) -> NonNull<u64> {
        NonNull::from(&mut **handle).cast()
    }
    #[inline(always)]
    fn free(handle: Self::Handle) {
        drop(handle);
    }
}

/// atomic-pool: one bit for each block.
pub(crate) struct AtomicPoolCrate;

impl Peer for AtomicPoolCrate {
    type Handle = atomic_pool::Box<CratePool>;
    #[inline(always)]
    fn alloc() -> Self::Handle {
        atomic_pool::Box::new(MaybeUninit::uninit()).expect("there are enough blocks")
    }
    #[inline(always)]
    fn start(handle: &mut Self::Handle) -> NonNull<u64> {
        NonNull::from(&mut **handle).cast()
    }
    #[inline(always)]
    fn free(handle: Self::Handle) {
        drop(handle);
    }
}

/// The queue of crossbeam, used as a list of free blocks.
pub(crate) struct Crossbeam;

static QUEUE: LazyLock<ArrayQueue<usize>> = LazyLock::new(|| {
    let blocks = vec![[0u64; 4]; BLOCKS].leak().as_mut_ptr();
    let queue = ArrayQueue::new(BLOCKS);
    (0..BLOCKS)
        .for_each(|number| queue.push(blocks.wrapping_add(number).expose_provenance()).expect("it has room"));
    queue
});

impl Peer for Crossbeam {
    type Handle = NonNull<Content>;
    #[inline(always)]
    fn alloc() -> Self::Handle {
        let address = QUEUE.pop().expect("there are enough blocks");
        NonNull::new(std::ptr::with_exposed_provenance_mut(address)).expect("blocks do not lie at null")
    }
    #[inline(always)]
    fn start(handle: &mut Self::Handle) -> NonNull<u64> {
        handle.cast()
    }
    #[inline(always)]
    fn free(handle: Self::Handle) {
        QUEUE.push(handle.as_ptr().expose_provenance()).expect("it has room");
    }
}

/// How opool makes a value.
pub(crate) struct Zeros;

impl PoolAllocator<Content> for Zeros {
    fn allocate(&self) -> Content {
        [0; 4]
    }
}

impl PoolAllocator<Box<Content>> for Zeros {
    fn allocate(&self) -> Box<Content> {
        Box::new([0; 4])
    }
}

/// opool with boxes in the queue of crossbeam: the blocks stay where they are, as those of the other pools do.
pub(crate) struct OpoolBoxes;

static BOXES: LazyLock<opool::Pool<Zeros, Box<Content>>> =
    LazyLock::new(|| opool::Pool::new_prefilled(BLOCKS, Zeros));

impl Peer for OpoolBoxes {
    type Handle = RefGuard<'static, Zeros, Box<Content>>;
    #[inline(always)]
    fn alloc() -> Self::Handle {
        BOXES.get()
    }
    #[inline(always)]
    fn start(handle: &mut Self::Handle) -> NonNull<u64> {
        NonNull::from(&mut ***handle).cast()
    }
    #[inline(always)]
    fn free(handle: Self::Handle) {
        drop(handle);
    }
}

/// opool with the values themselves in the queue: without blocks, so that a value moves to its owner and back.
pub(crate) struct OpoolValues;

static VALUES: LazyLock<opool::Pool<Zeros, Content>> =
    LazyLock::new(|| opool::Pool::new_prefilled(BLOCKS, Zeros));

impl Peer for OpoolValues {
    type Handle = RefGuard<'static, Zeros, Content>;
    #[inline(always)]
    fn alloc() -> Self::Handle {
        VALUES.get()
    }
    #[inline(always)]
    fn start(handle: &mut Self::Handle) -> NonNull<u64> {
        NonNull::from(&mut **handle).cast()
    }
    #[inline(always)]
    fn free(handle: Self::Handle) {
        drop(handle);
    }
}

/// lockfree-object-pool: pages of 64 values, with one bit for each.
pub(crate) struct Lockfree;

static LINEAR: LazyLock<LinearObjectPool<Content>> =
    LazyLock::new(|| LinearObjectPool::new(|| [0; 4], |_| {}));

impl Peer for Lockfree {
    type Handle = LinearReusable<'static, Content>;
    #[inline(always)]
    fn alloc() -> Self::Handle {
        LINEAR.pull()
    }
    #[inline(always)]
    fn start(handle: &mut Self::Handle) -> NonNull<u64> {
        NonNull::from(&mut **handle).cast()
    }
    #[inline(always)]
    fn free(handle: Self::Handle) {
        drop(handle);
    }
}

/// object-pool: a vector behind a mutex.
pub(crate) struct ObjectPool;

static OBJECTS: LazyLock<object_pool::Pool<Content>> =
    LazyLock::new(|| object_pool::Pool::new(BLOCKS, || [0; 4]));

impl Peer for ObjectPool {
    type Handle = Reusable<'static, Content>;
    #[inline(always)]
    fn alloc() -> Self::Handle {
        OBJECTS.try_pull().expect("there are enough blocks")
    }
    #[inline(always)]
    fn start(handle: &mut Self::Handle) -> NonNull<u64> {
        NonNull::from(&mut **handle).cast()
    }
    #[inline(always)]
    fn free(handle: Self::Handle) {
        drop(handle);
    }
}
