//! From absolute times to times between events.

/// Remembers the time of the last event.
#[derive(Debug, Default)]
pub(super) struct Clock {
    last: Option<u64>,
    backwards: u64,
}

impl Clock {
    /// Ticks from the last event to `now`; 0 if time goes backwards, which is counted. The first event is at 0.
    pub(super) fn dt(&mut self, now: u64) -> u64 {
        let last = *self.last.get_or_insert(now);
        match now.checked_sub(last) {
            Some(dt) => {
                self.last = Some(now);
                dt
            }
            None => {
                self.backwards += 1;
                0
            }
        }
    }

    /// A remark if time went backwards.
    pub(super) fn remark(&self) -> Option<String> {
        (self.backwards > 0)
            .then(|| format!("time goes backwards {} times; these steps are taken as 0", self.backwards))
    }
}
