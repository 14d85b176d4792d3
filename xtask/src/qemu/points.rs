//! Whether interrupts came before every single instruction of the operations of `everypoint.c`.
//!
//! The program prints where they came, in the order of its delays. A trace of the same operations, in an image that differs
//! in one number only, has the instructions. For each operation and each handler the two must agree: every instruction in
//! its turn, none left out, and none of those that are executed with interrupts masked.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::data::Program;
use super::link::Linker;
use super::run::{self, POINTS};
use super::trace::{self, Trace};

/// What is interrupted, in the program.
const OPERATION: &str = "everypoint_operation";
/// Interrupts of one operation by one handler.
#[derive(Debug, PartialEq)]
struct Sweep<'p> {
    operation: &'p str,
    handler: &'p str,
    rounds: u32,
    /// Rounds that broke a rule.
    broken: u32,
    /// Where they came, each once in a row.
    came: Vec<u32>,
}

impl<'p> Sweep<'p> {
    /// From `points OPERATION;HANDLER;ROUNDS;BROKEN; ADDRESS ADDRESS ...`.
    fn parse(line: &'p str) -> Result<Self> {
        let mut parts = line.strip_prefix(POINTS).context("no points")?.split(';');
        let mut part = || parts.next().context("a part is missing");
        let (operation, handler, rounds, broken) = (part()?, part()?, part()?.parse()?, part()?.parse()?);
        let address = |text| u32::from_str_radix(text, 16);
        let came = part()?.split_whitespace().map(address).collect::<Result<_, _>>()?;
        Ok(Self { operation, handler, rounds, broken, came })
    }
}

/// Judges what the program printed; a line about it.
pub(super) fn check(linker: &Linker<'_>, program: &Program, image: &Path, printed: &str) -> Result<String> {
    let target = linker.target;
    let quiet = linker.link_as(&program.quiet(), "quiet.elf")?;
    ensure!(trace::functions(image)? == trace::functions(&quiet)?, "the image that is traced is another one");
    let file = quiet.with_extension("trace");
    run::traced(target, &quiet, &file)?;
    let trace = Trace::read(&file, &quiet, target)?;
    std::fs::remove_file(&file)?;
    let calls = trace.calls(OPERATION)?;
    let sweeps = printed.lines().filter(|line| line.starts_with(POINTS)).map(Sweep::parse);
    let sweeps = sweeps.collect::<Result<Vec<_>>>()?;
    let operations: Vec<_> = sweeps.chunk_by(|one, next| one.operation == next.operation).collect();
    ensure!(
        !calls.is_empty() && operations.len() == calls.len(),
        "{} operations, {} of them traced",
        operations.len(),
        calls.len()
    );
    let (own, bytes) = trace.function(OPERATION)?;
    let own = own..own + bytes as u32;
    let mut all = BTreeSet::<u32>::new();
    let (mut points, mut masked) = (0, 0);
    for (sweeps, call) in operations.iter().zip(calls) {
        let executed = &trace.run[call];
        let (open, closed) = unmasked(executed, target.windows, |at| trace.masks(at), |at| trace.unmasks(at));
        for sweep in *sweeps {
            contains(&sweep.came, &open)
                .with_context(|| format!("{}, interrupted by one that {}", sweep.operation, sweep.handler))?;
        }
        let ours = open.iter().filter(|at| !own.contains(at));
        points += ours.clone().count() * sweeps.len();
        masked += closed;
        all.extend(ours.copied());
    }
    let sum = |of: fn(&Sweep<'_>) -> u32| sweeps.iter().map(of).sum::<u32>();
    Ok(format!(
        "{points} points of {points}, at {} addresses, {masked} instructions masked; {} rounds, {} broke a rule",
        all.len(),
        sum(|sweep| sweep.rounds),
        sum(|sweep| sweep.broken),
    ))
}

/// The addresses in front of which an interrupt can come, in a run of instructions, each once in a row; and how many
/// instructions are masked.
fn unmasked(
    executed: &[u32],
    windows: (u32, u32),
    masks: impl Fn(u32) -> bool,
    unmasks: impl Fn(u32) -> bool,
) -> (Vec<u32>, usize) {
    let mut open = Vec::new();
    let (mut masked, mut closed) = (false, 0);
    for &at in executed.iter().filter(|&&at| at < windows.0 || at >= windows.1) {
        if masked {
            closed += 1;
        } else {
            open.push(at);
        }
        masked = (masked || masks(at)) && !unmasks(at);
    }
    open.dedup();
    (open, closed)
}

/// Whether interrupts came in front of exactly these, one after the other.
fn contains(came: &[u32], open: &[u32]) -> Result<()> {
    if came.windows(open.len()).any(|part| part == open) {
        return Ok(());
    }
    let start = open.first().and_then(|first| came.iter().position(|at| at == first));
    let start = start.context("no interrupt came before its first instruction")?;
    let alike = came[start..].iter().zip(open).take_while(|(one, other)| one == other).count();
    let hex = |at: Option<&u32>| at.map_or("the end".to_owned(), |at| format!("{at:x}"));
    anyhow::bail!(
        "after {alike} of {} points the next should have been {}, and was {}",
        open.len(),
        hex(open.get(alike)),
        hex(came.get(start + alike)),
    )
}

#[cfg(test)]
mod tests {
    use super::{Sweep, contains, unmasked};

    #[test]
    fn instructions_that_are_masked_are_no_points_and_the_masking_one_is() {
        let open = |run: &[u32]| unmasked(run, (90, 99), |at| at == 3, |at| at == 5);
        assert_eq!(open(&[1, 2, 3, 4, 5, 6]), (vec![1, 2, 3, 6], 2));
        assert_eq!(open(&[3, 4, 5, 3, 4, 5, 7]), (vec![3, 7], 4));
        assert_eq!(open(&[1, 90, 91, 1, 2]), (vec![1, 2], 0));
        assert_eq!(open(&[5, 6]), (vec![5, 6], 0));
    }

    #[test]
    fn a_point_that_is_missing_or_extra_is_found() {
        assert!(contains(&[9, 1, 2, 3, 8], &[1, 2, 3]).is_ok());
        assert!(contains(&[9, 1, 3, 8], &[1, 2, 3]).is_err());
        assert!(contains(&[9, 1, 2, 7, 3, 8], &[1, 2, 3]).is_err());
        assert!(contains(&[9, 1, 2], &[1, 2, 3]).is_err());
        assert!(contains(&[2, 3, 8], &[1, 2, 3]).is_err());
    }

    #[test]
    fn a_line_is_read() {
        let sweep = Sweep::parse("points set free;gives;12;3; 80 8c").unwrap();
        let expected =
            Sweep { operation: "set free", handler: "gives", rounds: 12, broken: 3, came: vec![0x80, 0x8c] };
        assert_eq!(sweep, expected);
        assert!(Sweep::parse("points set free;gives;12").is_err());
    }
}
