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

use crate::report::Kind;

/// Blocks of a pool.
pub(crate) const BLOCKS: usize = 1000;

/// Content of a block.
pub(crate) type Content = [u64; 4];

/// Blocks on their way from one thread to the other.
const RING: usize = 256;
/// How many of them go there at once.
const LOT: usize = 16;
/// How long one measurement takes, about.
const TIME: Duration = Duration::from_millis(1);
/// How often a disturbed measurement is done again.
const ATTEMPTS: usize = 25;
/// Pairs of a measurement that is to tell how many pairs to measure.
const FEW: u64 = 3000;

/// A pool, or what is used like one.
pub(crate) trait Peer: 'static {
    /// The owner of a block.
    type Handle: 'static;

    /// Makes what is measured, once.
    fn set_up() {}
    /// Takes a block.
    fn take() -> Self::Handle;
    /// Where it is.
    fn start(handle: &mut Self::Handle) -> NonNull<u64>;
    /// Returns it.
    fn put(handle: Self::Handle);
    /// What a thread does in the end, untimed.
    fn leave() {}
}

/// A handle that goes to the other thread.
struct Sent<H>(H);
// SAFETY: every peer says of its handles that they may be sent; some types only do not say so themselves.
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
    (Pattern::HandOver, "one takes, one returns"),
];

/// Something to measure.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    set_up: fn(),
    measure: fn(Pattern, u64) -> Sample,
}

impl Subject {
    pub(crate) fn new<P: Peer>(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, set_up: P::set_up, measure: measure::<P> }
    }
}

/// What one measurement gave.
#[derive(Clone, Copy)]
struct Sample {
    /// Nanoseconds a pair: the time of all over all pairs.
    nanoseconds: f64,
    /// The system took the processor from a thread, or the threads ran one after the other.
    disturbed: bool,
}

/// One subject in one pattern.
pub(crate) struct Series {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) pattern: Pattern,
    /// Nanoseconds a pair, of each round.
    pub(crate) rounds: Vec<f64>,
    /// Rounds that were disturbed at every attempt.
    pub(crate) disturbed: usize,
}

/// Measures all, round by round.
pub(crate) fn run(subjects: &[&Subject], rounds: usize) -> Vec<Series> {
    subjects.iter().for_each(|subject| (subject.set_up)());
    let mut all = Vec::new();
    for (pattern, _) in PATTERNS {
        for &subject in subjects {
            // The first try finds cold memory.
            let _cold = undisturbed(subject, pattern, FEW);
            let guess = undisturbed(subject, pattern, FEW).nanoseconds;
            let pairs = (TIME.as_nanos() as f64 / guess) as u64;
            let series =
                Series { name: subject.name, kind: subject.kind, pattern, rounds: Vec::new(), disturbed: 0 };
            all.push((subject, pairs.max(1000), series));
        }
    }
    for _ in 0..rounds {
        for (subject, pairs, series) in &mut all {
            let sample = undisturbed(subject, series.pattern, *pairs);
            series.rounds.push(sample.nanoseconds);
            series.disturbed += usize::from(sample.disturbed);
        }
    }
    all.into_iter().map(|(_, _, series)| series).collect()
}

/// Measures until nothing disturbs, or patience ends.
fn undisturbed(subject: &Subject, pattern: Pattern, pairs: u64) -> Sample {
    let mut sample = (subject.measure)(pattern, pairs);
    for _ in 1..ATTEMPTS {
        if !sample.disturbed {
            break;
        }
        sample = (subject.measure)(pattern, pairs);
    }
    sample
}

fn measure<P: Peer>(pattern: Pattern, pairs: u64) -> Sample {
    match pattern {
        Pattern::OneThread => timed(pairs, vec![Box::new(move || own::<P>(pairs))]),
        Pattern::TwoThreads => {
            let half = pairs / 2;
            timed(2 * half, vec![Box::new(move || own::<P>(half)), Box::new(move || own::<P>(half))])
        }
        Pattern::HandOver => {
            let (to, from) = RingBuffer::new(RING);
            timed(
                pairs,
                vec![Box::new(move || takes::<P>(to, pairs)), Box::new(move || returns::<P>(from, pairs))],
            )
        }
    }
}

/// What a thread does in one measurement.
type Work = Box<dyn FnOnce() + Send>;

/// Runs each on a processor of its own, all from one moment on.
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

/// Keeps the calling thread on one processor; without the permission, wherever the system likes.
fn pin(number: usize) {
    let mut processors = CpuSet::new();
    let count = thread::available_parallelism().map_or(1, usize::from);
    let _permitted =
        processors.set(number % count).and_then(|()| sched_setaffinity(Pid::from_raw(0), &processors));
}

/// Tries until there is an answer. One that waits long lets the system run something else, which it notices.
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

fn own<P: Peer>(pairs: u64) {
    for value in 0..pairs {
        let mut handle = P::take();
        fill::<P>(&mut handle, value);
        P::put(black_box(handle));
    }
    P::leave();
}

fn takes<P: Peer>(mut to: rtrb::Producer<Sent<P::Handle>>, pairs: u64) {
    let mut value = 0;
    while value < pairs {
        let many = LOT.min((pairs - value) as usize);
        until(|| (to.slots() >= many).then_some(()));
        let room = to.write_chunk_uninit(many).expect("there is room");
        room.fill_from_iter((0..many as u64).map(|more| {
            let mut handle = P::take();
            fill::<P>(&mut handle, value + more);
            Sent(handle)
        }));
        value += many as u64;
    }
    P::leave();
}

fn returns<P: Peer>(mut from: rtrb::Consumer<Sent<P::Handle>>, pairs: u64) {
    let mut left = pairs;
    while left > 0 {
        let many = LOT.min(left as usize);
        until(|| (from.slots() >= many).then_some(()));
        for Sent(mut handle) in from.read_chunk(many).expect("they are there") {
            // SAFETY: the handle owns a block whose first word was written.
            black_box(unsafe { P::start(&mut handle).read_volatile() });
            P::put(handle);
        }
        left -= many as u64;
    }
    P::leave();
}
