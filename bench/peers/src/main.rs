//! Two threads on one pool: pools of this project and of others, in one run.
//!
//! Method: blocks of 32 bytes, of which the owner writes and reads the first word; 1000 blocks in a pool. Three patterns:
//! one thread allocs and frees; two threads do so at once; one thread allocs and passes the blocks, sixteen at a time,
//! through a ring of 256 (`rtrb`) to another thread, which frees them. (One at a time, the ring alone takes as long as a
//! pool, so that the ring would be measured.)
//!
//! A measurement takes about a millisecond: as many pairs, for every candidate in every round, as take that long. Each
//! thread has a processor of its own. A measurement is repeated if the system took the processor away, which is counted, or
//! if the threads ran one after the other. In a round every candidate is measured once in every pattern, so that all of
//! them meet the same disturbances. Reported are the best round of each, and the median over the rounds of the time
//! divided by ours *of the same round*.
//!
//! Usage: `microusc-peers [--rounds N] [--only NAME]... [--format text|json]`; `--only` measures the candidates whose names
//! contain NAME, and ours. These are timings: numbers differ between machines and runs. Compare ratios, and no
//! difference below a tenth.

mod allocators;
mod magazine;
mod measure;
mod others;
mod ours;
mod report;

use lexopt::{Arg, Parser, ValueExt};

use measure::Candidate;
use measure::Kind::{Allocator, Experiment, Harness, Ours, Pool};

fn main() -> Result<(), lexopt::Error> {
    let (mut rounds, mut as_json) = (41, false);
    let mut only: Vec<String> = Vec::new();
    let mut parser = Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("rounds") => rounds = parser.value()?.parse::<usize>()?.max(1),
            Arg::Long("format") => as_json = parser.value()?.parse_with(report::is_json)?,
            Arg::Long("only") => only.push(parser.value()?.string()?),
            other => return Err(other.unexpected()),
        }
    }
    let candidates = [
        Candidate::new::<ours::Locked>("ours: Pool", Ours),
        Candidate::new::<ours::LockFree>("ours: AtomicPool", Ours),
        Candidate::new::<ours::CAbi>("ours: C functions", Ours),
        Candidate::new::<magazine::Magazines>("ours: Pool, magazines of 8", Experiment),
        Candidate::new::<others::Heapless>("heapless", Pool),
        Candidate::new::<others::AtomicPoolCrate>("atomic-pool", Pool),
        Candidate::new::<others::Crossbeam>("crossbeam ArrayQueue", Pool),
        Candidate::new::<others::OpoolBoxes>("opool", Pool),
        Candidate::new::<others::OpoolValues>("opool of moving values", Pool),
        Candidate::new::<others::Lockfree>("lockfree-object-pool", Pool),
        Candidate::new::<others::ObjectPool>("object-pool", Pool),
        Candidate::new::<allocators::Mimalloc>("mimalloc", Allocator),
        Candidate::new::<allocators::Jemalloc>("jemalloc", Allocator),
        Candidate::new::<allocators::System>("system malloc", Allocator),
        Candidate::new::<others::Nothing>("harness without a pool", Harness),
    ];
    let (ours, others) = candidates.split_first().expect("there are candidates");
    let wanted =
        |candidate: &&Candidate| only.is_empty() || only.iter().any(|part| candidate.name.contains(part));
    let candidates: Vec<_> = std::iter::once(ours).chain(others.iter().filter(wanted)).collect();
    report::print(&measure::run(&candidates, rounds), as_json);
    Ok(())
}
