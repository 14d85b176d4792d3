//! Feeding both sides the same events, in turns, with samples in between.

use super::Moment;
use super::contender::Side;
use super::fragmentation::Fragmentation;
use super::heap::Heap;
use super::outcome::Firsts;
use super::pools::Pools;
use super::timeline::{Sample, Sampler};
use crate::error::Result;
use crate::input::Source;
use crate::trace::Event;

/// Most events replayed on one side before it is the other's turn.
const BATCH: usize = 1 << 16;

/// Where in the recording the replay is.
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
    fn advance(&mut self, event: &Event) {
        self.now += event.dt();
        match *event {
            Event::Switch { context } => self.context = Some(context),
            Event::Memory { .. } => {}
            _ => self.events += 1,
        }
    }

    /// The moment of event `at` of `events`, before the first of which this clock stands.
    fn locate(mut self, events: &[Event], at: usize, source: &dyn Source) -> Moment {
        events.iter().take(at + 1).for_each(|event| self.advance(event));
        let hz = source.meta().tick_hz;
        let ms = (hz > 0).then(|| self.now as f64 * 1e3 / hz as f64);
        let context = self.context.and_then(|context| source.contexts().get(context as usize)).cloned();
        Moment { event: self.events, ticks: self.now, ms, context }
    }
}

/// Both sides under way.
pub(super) struct Replay<'m> {
    pub(super) pools: Option<Side<Pools<'m>>>,
    pub(super) heap: Side<Heap>,
    pub(super) sampler: Sampler,
    pub(super) clock: Clock,
    pub(super) pool_firsts: Firsts,
    pub(super) heap_firsts: Firsts,
    pub(super) fragmentation: Fragmentation,
}

impl<'m> Replay<'m> {
    pub(super) fn new(pools: Option<Side<Pools<'m>>>, heap: Side<Heap>, sampler: Sampler) -> Self {
        let (pool_firsts, heap_firsts) = Default::default();
        let fragmentation = Fragmentation::default();
        Replay { pools, heap, sampler, clock: Clock::default(), pool_firsts, heap_firsts, fragmentation }
    }

    /// Replays `source` to its end, and has both sides checked.
    pub(super) fn drive(&mut self, source: &mut dyn Source) -> Result<()> {
        let mut batch = Vec::new();
        let mut sample_at = self.sampler.end_of(0);
        loop {
            batch.clear();
            let more = source.next_batch(&mut batch)?;
            let (mut start, mut clock) = (0, self.clock);
            for (at, event) in batch.iter().enumerate() {
                let full = at - start == BATCH;
                let due = clock.now + event.dt() >= sample_at;
                if full || due {
                    self.run(&batch[start..at], source);
                    (start, self.clock) = (at, clock);
                }
                if due {
                    self.sample();
                    sample_at = self.sampler.end_of(clock.now + event.dt());
                }
                clock.advance(event);
            }
            self.run(&batch[start..], source);
            self.clock = clock;
            if !more {
                break;
            }
        }
        self.sample();
        self.heap.finish(0);
        self.heap_firsts.learn(&mut self.heap, |at| self.clock.locate(&[], at, source));
        if let Some(pools) = &mut self.pools {
            pools.finish(0);
            self.pool_firsts.learn(pools, |at| self.clock.locate(&[], at, source));
        }
        Ok(())
    }

    /// Replays `events` on one side, then on the other; the clock stands before the first of them.
    fn run(&mut self, events: &[Event], source: &dyn Source) {
        let clock = self.clock;
        if let Some(pools) = &mut self.pools {
            pools.run(events);
            self.pool_firsts.learn(pools, |at| clock.locate(events, at, source));
        }
        self.heap.run(events);
        self.heap_firsts.learn(&mut self.heap, |at| clock.locate(events, at, source));
    }

    fn sample(&mut self) {
        let pools = self.pools.as_ref().map(Side::room);
        self.fragmentation.learn(self.clock.now, self.heap.allocator.regions());
        let rest = self.pools.as_ref().and_then(|side| side.allocator.rest());
        self.sampler.push(Sample { ticks: self.clock.now, pools, rest, heap: self.heap.room() });
    }
}
