//! From the calls of a recording that names its blocks to events. A call that is no event is counted.

use std::hash::Hash;

use crate::text::{plural, was};
use crate::trace::{Event, Findings, SlotMap};

/// The live blocks, the clock, and the findings so far. A key of `None` is `NULL`.
#[derive(Debug)]
pub(super) struct Blocks<K> {
    slots: SlotMap<K>,
    clock: Clock,
    external: bool,
    replaced: u64,
    restarted: bool,
    restarts: u64,
    pub(super) findings: Findings,
}

/// A request of the program.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Request {
    /// Bytes.
    pub(super) size: u64,
    /// The block lies in external RAM.
    pub(super) external: bool,
    /// The largest free block when the request was made, bytes, if the recording says it.
    pub(super) largest_free: Option<u64>,
}

impl<K: Eq + Hash + Clone> Blocks<K> {
    pub(super) fn new() -> Self {
        let clock = Clock::default();
        let findings = Findings::default();
        Blocks {
            slots: SlotMap::new(),
            clock,
            external: false,
            replaced: 0,
            restarted: false,
            restarts: 0,
            findings,
        }
    }

    /// The clock begins at 0, and not with the first event.
    pub(super) fn begin_at_zero(&mut self) {
        self.clock.dt(0);
    }

    /// An allocation returned `key` at time `now`. `NULL` is a failed allocation, unless it is of no bytes.
    pub(super) fn alloc(&mut self, key: Option<K>, request: Request, now: u64, batch: &mut Vec<Event>) {
        let Request { size, external, largest_free } = request;
        self.settle_restart(batch);
        let Some(key) = key else {
            if size > 0 {
                self.findings.fail(size, largest_free);
            }
            return;
        };
        if std::mem::replace(&mut self.external, external) != external {
            batch.push(Event::Memory { external });
        }
        let admission = self.slots.alloc(key);
        let mut dt = self.clock.dt(now);
        if let Some(slot) = admission.replaced {
            self.replaced += 1;
            batch.push(Event::Free { slot, dt: std::mem::take(&mut dt) });
        }
        batch.push(Event::Alloc { slot: admission.slot, size, dt });
    }

    /// `key` was freed at time `now`; a free of `NULL` is no event.
    pub(super) fn free(&mut self, key: Option<K>, now: u64, batch: &mut Vec<Event>) {
        self.settle_restart(batch);
        if let Some(key) = key {
            batch.push(self.slots.free(key).event(self.clock.dt(now)));
        }
    }

    /// C's `realloc` resized `old`, which is `new` now: with `NULL` it is an allocation, with 0 bytes a free, and if it
    /// fails the old block stays.
    pub(super) fn realloc(
        &mut self,
        old: Option<K>,
        new: Option<K>,
        request: Request,
        now: u64,
        batch: &mut Vec<Event>,
    ) {
        if new.is_some() || request.size == 0 {
            self.free(old, now, batch);
        }
        self.alloc(new, request, now, batch);
    }

    /// The device restarted: all blocks are gone. Their frees are events before the next event.
    pub(super) fn restart(&mut self) {
        self.restarted = true;
    }

    fn settle_restart(&mut self, batch: &mut Vec<Event>) {
        if !std::mem::take(&mut self.restarted) {
            return;
        }
        let live = self.slots.restart();
        self.restarts += u64::from(!live.is_empty());
        batch.extend(live.into_iter().map(|slot| Event::Free { slot, dt: 0 }));
    }

    pub(super) fn remarks(&self) -> Vec<String> {
        let replaced = (self.replaced > 0).then(|| {
            let (blocks, were) = (plural(self.replaced, "block"), was(self.replaced));
            format!("{blocks} {were} allocated again without a free seen in between: the older one is taken as freed then")
        });
        let restarts = (self.restarts > 0).then(|| {
            let times = plural(self.restarts, "time");
            format!(
                "the device started anew {times}: the blocks that were live before are taken as freed then"
            )
        });
        [replaced, self.clock.remark(), restarts].into_iter().flatten().collect()
    }
}

/// Remembers the time of the last event.
#[derive(Debug, Default)]
pub(super) struct Clock {
    last: Option<u64>,
    backwards: u64,
}

impl Clock {
    /// Ticks from the last event to `now`. The first event is at 0. A step back, as of a counter that wraps or a device
    /// that starts anew, is counted and takes no time; from there on time runs as before.
    pub(super) fn dt(&mut self, now: u64) -> u64 {
        let last = self.last.replace(now).unwrap_or(now);
        now.checked_sub(last).unwrap_or_else(|| {
            self.backwards += 1;
            0
        })
    }

    /// A remark if time went backwards.
    pub(super) fn remark(&self) -> Option<String> {
        (self.backwards > 0).then(|| {
            let times = plural(self.backwards, "time");
            format!(
                "the clock steps back {times}, as a counter that wraps or a device that starts anew; such a step is \
                 taken as 0 and time runs on from there"
            )
        })
    }
}

/// The key of an address as recorders write it, `None` for `NULL` in any spelling.
pub(super) fn address(text: &str) -> Result<Option<u64>, ()> {
    let text = text.trim();
    if is_null(text) {
        return Ok(None);
    }
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let number = match digits {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => u64::from_str_radix(text, 16),
    };
    number.map(|number| (number != 0).then_some(number)).map_err(|_| ())
}

/// `NULL` as C libraries print it, by name.
pub(super) fn is_null(text: &str) -> bool {
    let name = text.trim_matches(['(', ')', '<', '>']);
    ["nil", "null", "nullptr", "none"].iter().any(|null| name.eq_ignore_ascii_case(null))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_known_in_every_spelling() {
        for null in ["0x0", "0x00000000", "0", "(nil)", "nil", "NULL", "null", "(null)", "nullptr", " 0X0 "] {
            assert_eq!(address(null), Ok(None), "{null}");
        }
        assert_eq!(
            (address("0x3ffb1000"), address("3FFB1000")),
            (Ok(Some(0x3ffb_1000)), Ok(Some(0x3ffb_1000)))
        );
        assert_eq!((address("nowhere"), address("")), (Err(()), Err(())));
    }

    #[test]
    fn realloc_makes_the_events_of_c() {
        let mut blocks = Blocks::new();
        let mut batch = Vec::new();
        let bytes = |size| Request { size, ..Request::default() };
        blocks.realloc(None, Some(1), bytes(8), 0, &mut batch); // an allocation
        blocks.realloc(Some(1), None, bytes(9000), 1, &mut batch); // fails: the block stays
        blocks.realloc(Some(1), Some(2), bytes(16), 2, &mut batch); // moves
        blocks.realloc(Some(2), Some(2), bytes(24), 3, &mut batch); // grows in place
        blocks.realloc(Some(2), None, bytes(0), 4, &mut batch); // a free
        blocks.free(None, 5, &mut batch);
        blocks.alloc(None, bytes(0), 6, &mut batch);
        let events = [
            Event::Alloc { slot: 0, size: 8, dt: 0 },
            Event::Free { slot: 0, dt: 2 },
            Event::Alloc { slot: 0, size: 16, dt: 0 },
            Event::Free { slot: 0, dt: 1 },
            Event::Alloc { slot: 0, size: 24, dt: 0 },
            Event::Free { slot: 0, dt: 1 },
        ];
        assert_eq!(batch, events);
        assert_eq!((blocks.findings.failed.count, blocks.findings.failed.largest), (1, 9000));
    }
}
