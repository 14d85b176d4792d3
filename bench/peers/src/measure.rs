//! The patterns, and how they are timed.

use std::hint::{black_box, spin_loop};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::resource::{UsageWho, getrusage};
use nix::unistd::Pid;
use rtrb::RingBuffer;

/// Blocks of a pool.
pub(crate) const BLOCKS: usize = 1000;

/// Content of a block.
pub(crate) type Content = [u64; 4];

/// The most blocks on their way from one thread to the other.
const RING: usize = 256;
/// Blocks that are passed on at once.
const LOT: usize = 16;
/// How long one measurement takes, about.
const TIME: Duration = Duration::from_millis(1);
/// How often a disturbed measurement is done again.
const ATTEMPTS: usize = 25;
/// Pairs of the measurement that finds how many pairs to measure.
const FEW: u64 = 3000;

/// How a pool is used.
pub(crate) trait Peer: 'static {
    /// The owner of a block.
    type Handle: 'static;

    /// Makes the pool, once.
    fn set_up() {}
    /// Allocates a block.
    fn alloc() -> Self::Handle;
    /// Where the block is.
    fn start(handle: &mut Self::Handle) -> NonNull<u64>;
    /// Frees the block.
    fn free(handle: Self::Handle);
    /// What a thread does when it has finished, untimed.
    fn leave() {}
}

/// A handle on its way to the other thread.
struct Sent<H>(H);
// SAFETY: the documentation of every peer allows its handles to be sent, even where their type does not say so.
unsafe impl<H> Send for Sent<H> {}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pattern {
    OneThread,
    TwoThreads,
    HandOver,
}

pub(crate) const PATTERNS: [(Pattern, &str); 3] = [
    (Pattern::OneThread, "one thread"),
    (Pattern::TwoThreads, "two threads, each its own"),
    (Pattern::HandOver, "one allocs, one frees"),
];

/// What a candidate is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A pool of this project.
    Ours,
    /// An experiment of this project, which is not shipped.
    Experiment,
    /// A pool of another project.
    Pool,
    /// A general allocator.
    Allocator,
    /// The harness without a pool.
    Harness,
}

/// A pool to measure, or what is used like one.
pub(crate) struct Candidate {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    set_up: fn(),
    measure: fn(Pattern, u64) -> Sample,
}

impl Candidate {
    pub(crate) fn new<P: Peer>(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, set_up: P::set_up, measure: measure::<P> }
    }
}

/// The result of one measurement.
#[derive(Clone, Copy)]
struct Sample {
    /// Nanoseconds per pair: the time of all pairs, divided by their number.
    nanoseconds: f64,
    /// The system took the processor from a thread, or the threads ran one after the other.
    disturbed: bool,
}

/// The measurements of one candidate in one pattern.
pub(crate) struct Series {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) pattern: Pattern,
    /// Nanoseconds per pair in each round.
    pub(crate) rounds: Vec<f64>,
    /// Rounds that were disturbed at every attempt.
    pub(crate) disturbed: usize,
}

/// Measures all candidates, round by round.
pub(crate) fn run(candidates: &[&Candidate], rounds: usize) -> Vec<Series> {
    candidates.iter().for_each(|candidate| (candidate.set_up)());
    let mut all = Vec::new();
    for (pattern, _) in PATTERNS {
        for &candidate in candidates {
            // The first measurement finds cold memory.
            let _cold = undisturbed(candidate, pattern, FEW);
            let guess = undisturbed(candidate, pattern, FEW).nanoseconds;
            let pairs = (TIME.as_nanos() as f64 / guess) as u64;
            let series = Series {
                name: candidate.name,
                kind: candidate.kind,
                pattern,
                rounds: Vec::new(),
                disturbed: 0,
            };
            all.push((candidate, pairs.max(1000), series));
        }
    }
    for _ in 0..rounds {
        for (candidate, pairs, series) in &mut all {
            let sample = undisturbed(candidate, series.pattern, *pairs);
            series.rounds.push(sample.nanoseconds);
            series.disturbed += usize::from(sample.disturbed);
        }
    }
    all.into_iter().map(|(_, _, series)| series).collect()
}

/// Measures until a measurement is not disturbed, or every attempt was.
fn undisturbed(candidate: &Candidate, pattern: Pattern, pairs: u64) -> Sample {
    let mut sample = (candidate.measure)(pattern, pairs);
    for _ in 1..ATTEMPTS {
        if !sample.disturbed {
            break;
        }
        sample = (candidate.measure)(pattern, pairs);
    }
    sample
}

fn measure<P: Peer>(pattern: Pattern, pairs: u64) -> Sample {
    match pattern {
        Pattern::OneThread => timed(pairs, vec![Box::new(move || alloc_and_free::<P>(pairs))]),
        Pattern::TwoThreads => {
            let half = pairs / 2;
            timed(
                2 * half,
                vec![
                    Box::new(move || alloc_and_free::<P>(half)),
                    Box::new(move || alloc_and_free::<P>(half)),
                ],
            )
        }
        Pattern::HandOver => {
            let (to, from) = RingBuffer::new(RING);
            timed(
                pairs,
                vec![
                    Box::new(move || alloc_and_send::<P>(to, pairs)),
                    Box::new(move || receive_and_free::<P>(from, pairs)),
                ],
            )
        }
    }
}

/// What a thread does in one measurement.
type Work = Box<dyn FnOnce() + Send>;

/// Runs each on a processor of its own; all start at the same moment.
fn timed(pairs: u64, work: Vec<Work>) -> Sample {
    let waiting = AtomicUsize::new(work.len());
    let ran: Vec<_> = thread::scope(|scope| {
        let start = |(number, work): (usize, Work)| {
            let waiting = &waiting;
            scope.spawn(move || {
                pin(number);
                waiting.fetch_sub(1, Ordering::AcqRel);
                until(|| (waiting.load(Ordering::Acquire) == 0).then_some(()));
                let (before, start) = (preemptions(), Instant::now());
                work();
                (start, Instant::now(), preemptions() != before)
            })
        };
        let threads: Vec<_> = work.into_iter().enumerate().map(start).collect();
        threads.into_iter().map(|thread| thread.join().expect("no peer panics")).collect()
    });
    let start = || ran.iter().map(|(start, ..)| *start);
    let end = || ran.iter().map(|(_, end, _)| *end);
    let all = end().max().zip(start().min()).map_or(Duration::ZERO, |(end, start)| end - start);
    let together = end()
        .min()
        .zip(start().max())
        .map_or(Duration::ZERO, |(end, start)| end.saturating_duration_since(start));
    Sample {
        nanoseconds: all.as_nanos() as f64 / pairs as f64,
        disturbed: ran.iter().any(|(.., disturbed)| *disturbed) || together < all * 3 / 4,
    }
}

/// Keeps the calling thread on one processor. Without the permission for that, the system chooses.
fn pin(number: usize) {
    let mut processors = CpuSet::new();
    let count = thread::available_parallelism().map_or(1, usize::from);
    let _permitted =
        processors.set(number % count).and_then(|()| sched_setaffinity(Pid::from_raw(0), &processors));
}

/// Tries until there is a result. A thread that waits for long yields, which counts as a disturbance.
#[inline(always)]
fn until<V>(mut attempt: impl FnMut() -> Option<V>) -> V {
    loop {
        for _ in 0..2000 {
            if let Some(value) = attempt() {
                return value;
            }
            spin_loop();
        }
        thread::yield_now();
    }
}

/// How often the system took the processor from this thread.
fn preemptions() -> i64 {
    let usage = getrusage(UsageWho::RUSAGE_THREAD).expect("a thread may ask about itself");
    usage.involuntary_context_switches()
}

#[inline(always)]
fn fill<P: Peer>(handle: &mut P::Handle, value: u64) {
    // SAFETY: the handle owns a block of four words.
    unsafe { P::start(handle).write_volatile(value) };
}

fn alloc_and_free<P: Peer>(pairs: u64) {
    for value in 0..pairs {
        let mut handle = P::alloc();
        fill::<P>(&mut handle, value);
        P::free(black_box(handle));
    }
    P::leave();
}

fn alloc_and_send<P: Peer>(mut to: rtrb::Producer<Sent<P::Handle>>, pairs: u64) {
    let mut value = 0;
    while value < pairs {
        let many = LOT.min((pairs - value) as usize);
        until(|| (to.slots() >= many).then_some(()));
        let room = to.write_chunk_uninit(many).expect("there is room");
        room.fill_from_iter((0..many as u64).map(|more| {
            let mut handle = P::alloc();
            fill::<P>(&mut handle, value + more);
            Sent(handle)
        }));
        value += many as u64;
    }
    P::leave();
}

fn receive_and_free<P: Peer>(mut from: rtrb::Consumer<Sent<P::Handle>>, pairs: u64) {
    let mut left = pairs;
    while left > 0 {
        let many = LOT.min(left as usize);
        until(|| (from.slots() >= many).then_some(()));
        for Sent(mut handle) in from.read_chunk(many).expect("they are there") {
            // SAFETY: the handle owns a block whose first word was written.
            black_box(unsafe { P::start(&mut handle).read_volatile() });
            P::free(handle);
        }
        left -= many as u64;
    }
    P::leave();
}
