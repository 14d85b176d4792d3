//! How much room there is, over time.

use serde::Serialize;

/// The room one side has at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Room {
    /// Largest request that would be granted, bytes. For pools: the largest block size of which a block is free.
    pub largest: u64,
    /// Bytes free in all regions together; one request is served from one region.
    pub free: u64,
    /// Bytes free outside of the largest free block of their region, over all regions; 0 for pools, whose blocks are all
    /// alike.
    pub fragmented: u64,
    /// Allocations that have failed so far.
    pub failed: u64,
}

/// A moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Sample {
    /// Ticks since the start.
    pub ticks: u64,
    /// Of the pools; absent if they do not fit the chip.
    pub pools: Option<Room>,
    /// Of the rest of the heap beside the pools, if requests may go there.
    pub rest: Option<Room>,
    /// Of the heap.
    pub heap: Room,
}

/// Keeps one sample an interval, the last. When there are too many, the interval doubles: whatever the length of a
/// recording, the samples are between half of the limit and the limit, evenly spread.
#[derive(Debug)]
pub(super) struct Sampler {
    interval: u64,
    most: usize,
    samples: Vec<Sample>,
}

impl Sampler {
    /// Begins with `interval` ticks, and keeps at most `most` samples; neither is zero.
    pub(super) fn new(interval: u64, most: usize) -> Self {
        Sampler { interval, most, samples: Vec::new() }
    }

    /// The first tick after the interval that `now` is in.
    #[inline]
    pub(super) fn end_of(&self, now: u64) -> u64 {
        (now / self.interval).saturating_add(1).saturating_mul(self.interval)
    }

    /// Takes a sample, the last of its interval.
    pub(super) fn push(&mut self, sample: Sample) {
        let bucket = sample.ticks / self.interval;
        // An interval that has doubled may not be over yet.
        self.samples.pop_if(|last| last.ticks / self.interval == bucket);
        self.samples.push(sample);
        while self.samples.len() > self.most {
            self.interval = self.interval.saturating_mul(2);
            let interval = self.interval;
            // Of the samples that now share an interval, the last one is kept.
            let mut after = u64::MAX;
            let last: Vec<bool> = self
                .samples
                .iter()
                .rev()
                .map(|sample| {
                    let bucket = sample.ticks / interval;
                    std::mem::replace(&mut after, bucket) != bucket
                })
                .collect();
            let mut last = last.into_iter().rev();
            self.samples.retain(|_| last.next() == Some(true));
        }
    }

    /// The samples, in order of time.
    pub(super) fn finish(self) -> Vec<Sample> {
        self.samples
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(ticks: u64) -> Sample {
        let heap = Room { largest: ticks, free: ticks, ..Room::default() };
        Sample { ticks, pools: None, rest: None, heap }
    }

    /// Feeds ticks the way a replay does: the state before an event in a later interval is sampled.
    fn sampled(ticks: impl Iterator<Item = u64>, most: usize) -> Vec<Sample> {
        let mut sampler = Sampler::new(1, most);
        let (mut now, mut end) = (0, sampler.end_of(0));
        for tick in ticks {
            if tick >= end {
                sampler.push(sample(now));
                end = sampler.end_of(tick);
            }
            now = tick;
        }
        sampler.push(sample(now));
        sampler.finish()
    }

    #[test]
    fn few_are_kept_and_evenly_spread() {
        for length in [1, 50, 100, 101, 1_000, 12_345, 1_000_000] {
            let samples = sampled(0..length, 100);
            assert!(
                samples.len() <= 100 && samples.len() >= 50.min(length as usize),
                "{length}: {}",
                samples.len()
            );
            assert_eq!(samples.last().unwrap().ticks, length - 1);
            let steps: Vec<u64> = samples.windows(2).map(|pair| pair[1].ticks - pair[0].ticks).collect();
            let (least, most) = (steps[..steps.len().saturating_sub(1)].iter().min(), steps.iter().max());
            assert!(least.is_none() || least == most, "{length}: {steps:?}");
        }
    }

    #[test]
    fn pauses_and_the_end_of_time() {
        let samples = sampled([0, 5, 5, 1 << 40, u64::MAX - 1, u64::MAX].into_iter(), 4);
        assert_eq!(samples.last().unwrap().ticks, u64::MAX);
        assert!(samples.len() <= 4 && samples.is_sorted_by_key(|sample| sample.ticks));
    }
}
