//! Two threads on one pool: ours and others, in one run.
//!
//! Method: blocks of 32 bytes, of which the owner writes and reads the first word; 1000 blocks to a pool. Three patterns:
//! one thread takes and returns; two threads do so at once; one takes and hands the blocks, sixteen
//! at a time, through a ring of 256 (`rtrb`) to another that returns them. (One at a time, the ring alone takes as long as
//! a pool: that would measure the ring.) A measurement is about a millisecond, as many pairs for every peer in every round
//! as take that long. Each thread has a processor of its own. A measurement in which the system took it away (it
//! counts that), or in which the threads ran one after the other, is thrown away and done again. In a round every peer is measured once in every pattern; so all meet the same disturbances. Reported:
//! the best round of each, and the median over the rounds of the ratio to ours *of the same round*.
//!
//! Usage: `microusc-peers [--rounds N] [--only NAME]... [--format text|json]`; `--only` measures those whose names contain
//! it, and ours. A timing: numbers differ between machines and runs; compare
//! ratios, and none finer than a tenth.

mod allocators;
mod magazine;
mod measure;
mod others;
mod ours;
mod report;

use lexopt::{Arg, Parser, ValueExt};

use measure::Subject;
use report::Kind::{Allocator, Experiment, Harness, Ours, Pool};

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
    let subjects = [
        Subject::new::<ours::Locked>("ours: Pool", Ours),
        Subject::new::<ours::LockFree>("ours: AtomicPool", Ours),
        Subject::new::<ours::CAbi>("ours: C functions", Ours),
        Subject::new::<magazine::Magazines>("ours: Pool, magazines of 8", Experiment),
        Subject::new::<others::Heapless>("heapless", Pool),
        Subject::new::<others::AtomicPoolCrate>("atomic-pool", Pool),
        Subject::new::<others::Crossbeam>("crossbeam ArrayQueue", Pool),
        Subject::new::<others::OpoolBoxes>("opool", Pool),
        Subject::new::<others::OpoolValues>("opool of moving values", Pool),
        Subject::new::<others::Lockfree>("lockfree-object-pool", Pool),
        Subject::new::<others::ObjectPool>("object-pool", Pool),
        Subject::new::<allocators::Mimalloc>("mimalloc", Allocator),
        Subject::new::<allocators::Jemalloc>("jemalloc", Allocator),
        Subject::new::<allocators::System>("system malloc", Allocator),
        Subject::new::<others::Nothing>("harness without a pool", Harness),
    ];
    let (ours, others) = subjects.split_first().expect("there are subjects");
    let wanted = |subject: &&Subject| only.is_empty() || only.iter().any(|part| subject.name.contains(part));
    let subjects: Vec<_> = std::iter::once(ours).chain(others.iter().filter(wanted)).collect();
    report::print(&measure::run(&subjects, rounds), as_json);
    Ok(())
}
