//! Where in the recording the replay is, and how much memory is free over time.

use microusc_chips::RegionInfo;
use serde::Serialize;

use crate::trace::{Context, Event};

/// How much of the recording has been replayed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Clock {
    /// Events so far, without context switches.
    pub(super) events: u64,
    /// Ticks since the start.
    pub(super) now: u64,
    context: Option<u32>,
}

impl Clock {
    #[inline]
    pub(super) fn advance(&mut self, event: &Event) {
        self.now += event.dt();
        match *event {
            Event::Switch { context } => self.context = Some(context),
            Event::Memory { .. } => {}
            _ => self.events += 1,
        }
    }
}

/// A moment of the recording.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Moment {
    /// The event, counted from 1 and without context switches.
    pub event: u64,
    /// Ticks since the start.
    pub ticks: u64,
    /// The same in milliseconds, if the recording has a clock.
    pub ms: Option<f64>,
    /// The task or interrupt, if the recording knows it.
    pub context: Option<Context>,
}

/// Events that are replayed at once, and what their moments are worked out from.
#[derive(Clone, Copy)]
pub(super) struct Chunk<'a> {
    pub(super) events: &'a [Event],
    /// The clock before the first of them.
    pub(super) start: Clock,
    pub(super) tick_hz: u64,
    pub(super) contexts: &'a [Context],
}

impl Chunk<'_> {
    /// The moment of event `at`; of an empty chunk, the moment at which it starts. O(events).
    #[cold]
    pub(super) fn moment(&self, at: usize) -> Moment {
        let mut clock = self.start;
        self.events.iter().take(at + 1).for_each(|event| clock.advance(event));
        let ms = (self.tick_hz > 0).then(|| clock.now as f64 * 1e3 / self.tick_hz as f64);
        let context = clock.context.and_then(|context| self.contexts.get(context as usize)).cloned();
        Moment { event: clock.events, ticks: clock.now, ms, context }
    }
}

/// The free memory of the pools or of the heap at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct FreeMemory {
    /// Bytes of the largest request that would be served. For pools: the largest block size with a free block.
    pub largest_free_block: u64,
    /// Bytes free in all regions together; one request is served from one region.
    pub free_bytes: u64,
    /// Bytes free outside of the largest free block of their region, over all regions; 0 for pools, whose blocks are all
    /// alike.
    pub fragmented_bytes: u64,
    /// Allocations that have failed so far.
    pub failed: u64,
}

/// The free memory at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Sample {
    /// Ticks since the start.
    pub ticks: u64,
    /// Of the pools; absent if they do not fit the chip.
    pub pools: Option<FreeMemory>,
    /// Of the rest of the heap beside the pools, if requests may go there.
    pub rest: Option<FreeMemory>,
    /// Of the heap.
    pub heap: FreeMemory,
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

/// A region when it was most fragmented. Regions are separate: a request is served from one of them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RegionFragmentation {
    /// The region.
    pub region: &'static str,
    /// Ticks since the start.
    pub ticks: u64,
    /// Bytes free in it.
    pub free_bytes: u64,
    /// Of these, the bytes of the largest free block.
    pub largest_block: u64,
    /// The share of the free bytes that is not in the largest free block, in percent; 0 for a region with one free
    /// block, as an empty one has.
    pub percent: f64,
}

/// The worst of each region so far.
#[derive(Debug, Default)]
pub(super) struct Fragmentation(Vec<RegionFragmentation>);

impl Fragmentation {
    /// Records the regions of a heap at a moment.
    pub(super) fn record(&mut self, ticks: u64, regions: impl Iterator<Item = RegionInfo>) {
        for (at, region) in regions.enumerate() {
            let now = RegionFragmentation {
                region: region.spec.name,
                ticks,
                free_bytes: region.info.total_free as u64,
                largest_block: region.largest_block as u64,
                percent: region.fragmentation() * 100.0,
            };
            // In a region that is almost full, the lack of bytes makes a request fail, not fragmentation.
            let counts = region.info.total_free > region.size / 16;
            match self.0.get_mut(at) {
                None if counts => self.0.push(now),
                None => self.0.push(RegionFragmentation { percent: 0.0, ..now }),
                Some(worst) if counts && now.percent > worst.percent => *worst = now,
                Some(_) => {}
            }
        }
    }

    /// The regions, in the order in which they are tried.
    pub(super) fn finish(self) -> Vec<RegionFragmentation> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(ticks: u64) -> Sample {
        let heap = FreeMemory { free_bytes: ticks, ..FreeMemory::default() };
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
    fn the_samples_kept_are_few_and_evenly_spread() {
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
    fn pauses_and_the_last_tick_are_sampled() {
        let samples = sampled([0, 5, 5, 1 << 40, u64::MAX - 1, u64::MAX].into_iter(), 4);
        assert_eq!(samples.last().unwrap().ticks, u64::MAX);
        assert!(samples.len() <= 4 && samples.is_sorted_by_key(|sample| sample.ticks));
    }
}
