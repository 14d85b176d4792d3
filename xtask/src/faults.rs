//! `cargo xtask faults`: plants each fault of `xtask/faults/` in a copy of the tree, and demands that its test fails.
//!
//! A check is worth what it finds. The faults are ones that programmers make: a lock released too early, an ordering that is
//! too weak, a bound that is one off, a check left out. The test named with it must pass on the tree as it is, and fail,
//! not refuse to compile, with the fault. A fault whose text is not in its file any more is an error.

mod list;
mod suite;
mod tree;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::process::cmd;
use anyhow::{Context, Result, ensure};

use crate::report::{Done, Report, Skip};
use list::Fault;
use suite::{Ran, Suite};
use tree::Tree;

/// Of so many parts, the test command plants one.
const PARTS: usize = 16;
/// The test command begins with no other fault after so long.
const SAMPLE_TIME: Duration = Duration::from_secs(150);

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only list the faults
    #[arg(long)]
    list: bool,
    /// One part of the faults, from 0/N to N-1/N
    #[arg(long, value_name = "K/N")]
    part: Option<String>,
    /// Parts of names of faults or suites; all faults by default
    #[arg(value_name = "WORD")]
    words: Vec<String>,
}

/// Plants faults one at a time.
pub(crate) fn run(options: &Options) -> Result<()> {
    let mut faults = list::read()?;
    if let Some(stated) = &options.part {
        faults = part(faults, stated)?;
    }
    let words = &options.words;
    let is_meant = |fault: &Fault, word: &str| fault.name.contains(word) || fault.suite.contains(word);
    faults.retain(|fault| words.is_empty() || words.iter().any(|word| is_meant(fault, word)));
    ensure!(!faults.is_empty(), "no fault and no suite has a name with {}", words.join(" or "));
    if options.list {
        faults.iter().for_each(|fault| println!("{}: {} {}", fault.name, fault.suite, fault.test));
        return Ok(());
    }
    let mut report = Report::default();
    report.step("faults", || plant(&faults, None));
    report.finish()
}

/// One part of the faults, another one after each commit, for a report of several commands.
pub(crate) fn steps(report: &mut Report) {
    report.step("planted faults are found (a sample)", || {
        let faults = list::read()?;
        let commits: usize = cmd!("git rev-list --count HEAD").quiet().read()?.trim().parse()?;
        let sample = part(faults, &format!("{}/{PARTS}", commits % PARTS))?;
        plant(&sample, Some(SAMPLE_TIME))
    });
}

/// The K-th of N parts. Faults of one suite are side by side, so that a part needs few programs built.
fn part(mut faults: Vec<Fault>, stated: &str) -> Result<Vec<Fault>> {
    let (number, parts) = stated.split_once('/').context("a part is K/N")?;
    let (number, parts): (usize, usize) = (number.parse()?, parts.parse()?);
    ensure!(number < parts, "a part K/N has K below N");
    faults.sort_by(|one, other| one.suite.cmp(&other.suite));
    let ends = [number, number + 1].map(|number| number * faults.len() / parts);
    Ok(faults.drain(ends[0]..ends[1]).collect())
}

/// Plants the faults, suite by suite, until `longest` has passed.
fn plant(faults: &[Fault], longest: Option<Duration>) -> Result<Done> {
    let start = Instant::now();
    let is_late = || longest.is_some_and(|longest| start.elapsed() > longest);
    let tree = Tree::copy()?;
    let mut by_suite: BTreeMap<&str, Vec<&Fault>> = BTreeMap::new();
    faults.iter().for_each(|fault| by_suite.entry(&fault.suite).or_default().push(fault));
    let (mut found, mut wrong) = (0, Vec::new());
    'all: for (name, faults) in by_suite {
        let suite = Suite::named(name)?;
        match suite.need() {
            Err(why) if why.is::<Skip>() => {
                println!("  {name}: {why}");
                continue;
            }
            ready => ready?,
        }
        let mut passes = BTreeMap::new();
        for fault in faults {
            if is_late() {
                break 'all;
            }
            let begun = Instant::now();
            let tried = passes
                .entry(&fault.test)
                .or_insert_with(|| suite.run(&tree, &fault.test).is_ok_and(|ran| matches!(ran, Ran::Passed)))
                .then(|| tree.plant(fault).and_then(|_planted| suite.run(&tree, &fault.test)));
            let what = match tried {
                Some(Ok(Ran::Failed(how))) => {
                    let seconds = begun.elapsed().as_secs_f64();
                    println!("  found {:<60} {seconds:>5.1} s, {how}", fault.name);
                    found += 1;
                    continue;
                }
                Some(Ok(Ran::Passed)) => "survives".to_owned(),
                Some(Err(error)) => format!("{error:#}"),
                None => "its test is not there, or fails without it".to_owned(),
            };
            println!("  WRONG {}: {name} {}: {what}", fault.name, fault.test);
            wrong.push(format!("{}: {what}", fault.name));
        }
    }
    ensure!(wrong.is_empty(), "{} faults: {}", wrong.len(), wrong.join("; "));
    Ok(Done::Passed(format!("{found} of {} planted, all found", faults.len())))
}
