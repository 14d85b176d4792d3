//! From absolute times to times between events.

use crate::text::plural;

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
