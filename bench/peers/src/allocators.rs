//! General allocators, used for blocks of one size.

use std::alloc::{GlobalAlloc, Layout};
use std::marker::PhantomData;
use std::ptr::NonNull;

use crate::measure::{Content, Peer};

/// An allocator that is a single value.
pub(crate) trait Global: GlobalAlloc + 'static {
    const ALLOCATOR: Self;
}

/// An allocator, used as a pool.
pub(crate) struct Blocks<A>(PhantomData<A>);

pub(crate) type Mimalloc = Blocks<mimalloc::MiMalloc>;
pub(crate) type Jemalloc = Blocks<tikv_jemallocator::Jemalloc>;
pub(crate) type System = Blocks<std::alloc::System>;

impl Global for mimalloc::MiMalloc {
    const ALLOCATOR: Self = Self;
}
impl Global for tikv_jemallocator::Jemalloc {
    const ALLOCATOR: Self = Self;
}
impl Global for std::alloc::System {
    const ALLOCATOR: Self = Self;
}

const LAYOUT: Layout = Layout::new::<Content>();

impl<A: Global> Peer for Blocks<A> {
    type Handle = NonNull<u8>;

    #[inline(always)]
    fn alloc() -> NonNull<u8> {
        // SAFETY: the size is not zero.
        NonNull::new(unsafe { A::ALLOCATOR.alloc(LAYOUT) }).expect("there is memory")
    }

    #[inline(always)]
    fn start(handle: &mut NonNull<u8>) -> NonNull<u64> {
        handle.cast()
    }

    #[inline(always)]
    fn free(handle: NonNull<u8>) {
        // SAFETY: allocated above with this layout.
        unsafe { A::ALLOCATOR.dealloc(handle.as_ptr(), LAYOUT) };
    }
}
