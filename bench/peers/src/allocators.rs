//! General allocators, used for blocks of one size.

use std::alloc::{GlobalAlloc, Layout};
use std::marker::PhantomData;
use std::ptr::NonNull;

use crate::measure::{Content, Peer};

/// An allocator with one value.
pub(crate) trait Global: GlobalAlloc + 'static {
    const IT: Self;
}

/// An allocator as a pool.
pub(crate) struct Blocks<A>(PhantomData<A>);

pub(crate) type Mimalloc = Blocks<mimalloc::MiMalloc>;
pub(crate) type Jemalloc = Blocks<tikv_jemallocator::Jemalloc>;
pub(crate) type System = Blocks<std::alloc::System>;

impl Global for mimalloc::MiMalloc {
    const IT: Self = Self;
}
impl Global for tikv_jemallocator::Jemalloc {
    const IT: Self = Self;
}
impl Global for std::alloc::System {
    const IT: Self = Self;
}

const LAYOUT: Layout = Layout::new::<Content>();

impl<A: Global> Peer for Blocks<A> {
    type Handle = NonNull<u8>;

    #[inline(always)]
    fn take() -> NonNull<u8> {
        // SAFETY: the layout has a size.
        NonNull::new(unsafe { A::IT.alloc(LAYOUT) }).expect("there is memory")
    }

    #[inline(always)]
    fn start(handle: &mut NonNull<u8>) -> NonNull<u64> {
        handle.cast()
    }

    #[inline(always)]
    fn put(handle: NonNull<u8>) {
        // SAFETY: allocated above with this layout.
        unsafe { A::IT.dealloc(handle.as_ptr(), LAYOUT) };
    }
}
