//! A replay takes memory for the blocks that are live, not for the length of the recording.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::Path;

use microusc_chips::Chip;
use poolscope::input::{self, Source};
use poolscope::layout::derive::{Peaks, Survey};
use poolscope::replay::{Outcome, Plan, run};

#[path = "../examples/generate/workload.rs"]
mod workload;

/// Most resident memory of this process so far, in KiB; its arenas are in it.
fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn replay(trace: &Path) -> Outcome {
    let open = || -> Box<dyn Source> { input::open(File::open(trace).unwrap(), None).unwrap() };
    let survey = Survey::take(&mut *open()).unwrap();
    let layout = Peaks::count(&survey, &mut *open()).unwrap().layout(&survey);
    run(&Plan::new(Chip::Esp32S3, layout), &mut *open()).unwrap()
}

fn bounded(events: u64) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("run.pooltrace");
    workload::generate(BufWriter::new(File::create(&trace).unwrap()), events, 7).unwrap();
    let outcome = replay(&trace);
    assert!(outcome.is_good() && outcome.events == events && outcome.heap.failed == 0);
    assert!(peak_kib() < 64 << 10, "{} KiB", peak_kib());
    outcome
}

#[test]
fn long_recordings_take_little_memory() {
    bounded(300_000);
}

/// `cargo test --release -p poolscope --test replay_memory -- --ignored`
#[test]
#[ignore = "takes an optimised build"]
fn twenty_million_events_take_little_memory_and_seconds() {
    let timing = bounded(20_000_000).timing.unwrap();
    for speed in [timing.pools.unwrap(), timing.heap] {
        assert!(speed.events_per_second >= 10e6, "{speed:?}");
    }
}
