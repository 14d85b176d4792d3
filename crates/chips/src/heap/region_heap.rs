//! The heap in one region: its blocks, the contents of them, and what it is searched for.

use crate::caps::Caps;
use crate::engine::{Blocks, HEADER, Tlsf};
use crate::host_memory::Contents;
use crate::info::RegionInfo;
use crate::region::{Kind, RegionSpec};
use crate::request::HeapRequest;

/// A heap in one region, or in a part of one.
pub(crate) struct RegionHeap {
    pub(crate) spec: &'static RegionSpec,
    pub(super) base: u32,
    pub(super) size: u32,
    pub(super) caps: [Caps; 3],
    pub(super) all: Caps,
    aliased: bool,
    pub(super) tlsf: Tlsf,
    pub(super) contents: Contents,
}

impl RegionHeap {
    pub(crate) fn new(
        spec: &'static RegionSpec,
        base: u32,
        size: u32,
        caps: [Caps; 3],
        tlsf: Tlsf,
        contents: Contents,
    ) -> Self {
        let all = caps[0].union(caps[1]).union(caps[2]);
        // Executable memory that is also data memory is used through its data address, which a word before the
        // instruction address remembers.
        let aliased = matches!(spec.kind, Kind::Diram | Kind::Rtc);
        Self { spec, base, size, caps, all, aliased, tlsf, contents }
    }

    #[inline]
    pub(super) fn allocate(&mut self, request: &HeapRequest) -> Option<u32> {
        self.tlsf.allocate(request.align, self.bytes(request))
    }

    pub(super) fn fits(&self, request: &HeapRequest) -> bool {
        self.tlsf.fits(request.align, self.bytes(request))
    }

    #[inline]
    pub(super) fn bytes(&self, request: &HeapRequest) -> u32 {
        request.size + if self.is_aliased_for(request) { HEADER } else { 0 }
    }

    #[inline]
    pub(super) fn is_aliased_for(&self, request: &HeapRequest) -> bool {
        self.aliased && request.caps.contains(Caps::EXEC)
    }

    pub(super) fn info(&self) -> RegionInfo {
        let (spec, base, size, caps) = (self.spec, self.base, self.size as usize, self.caps);
        let largest_block = self.tlsf.largest_block() as usize;
        RegionInfo { spec, base, size, caps, info: self.tlsf.info(), largest_block }
    }
}
