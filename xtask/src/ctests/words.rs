//! Instruction RAM takes aligned words only: every access that reaches it is checked, one by one.
//!
//! The program `iram_words` prints where the blocks of its pools in instruction RAM lie; Valgrind's lackey prints
//! every access that the program makes. An access inside that is not an aligned word is a failure. Three runs with one
//! planted access each show that the check finds them.
//!
//! A word is four bytes on the chips; pointers are eight on the host, so aligned eights are words here, too.

use std::io::{BufRead, BufReader};
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::archive::{self, C_TESTS, Profile};
use crate::compile::{Compiler, execute};
use crate::report::{Done, in_parallel};
use crate::tools;

/// The program that is observed.
pub(super) const PROGRAM: &str = "iram_words";
/// The chips with instruction RAM for data. One a run, so that no address has two meanings.
const CHIPS: [&str; 2] = ["esp32", "esp8266"];
/// The wrong accesses that the program can be asked for.
const PLANTED: [&str; 3] = ["byte-write", "byte-read", "misaligned"];

/// What was seen of one run.
struct Seen {
    accesses: usize,
    wrong: Vec<String>,
}

/// Runs the program and looks at every access.
pub(crate) fn run() -> Result<Done> {
    tools::need(&["gcc", "valgrind"])?;
    let archive = archive::build(Profile::Release)?;
    let dir = archive::work_dir("words")?;
    let program = dir.join(PROGRAM);
    Compiler::new("gcc", &["-std=c11", "-O1"]).include(&archive::include_dir()).link(
        Path::new(&format!("{C_TESTS}/{PROGRAM}.c")),
        &archive,
        &program,
    )?;

    let runs: Vec<(&str, Option<&str>)> = CHIPS
        .iter()
        .flat_map(|chip| [None].into_iter().chain(PLANTED.map(Some)).map(move |p| (*chip, p)))
        .collect();
    let mut total = 0;
    let seen = in_parallel(&runs, |&(chip, planted)| observe(&dir, &program, chip, planted));
    for ((chip, planted), seen) in runs.iter().zip(seen) {
        let seen = seen.with_context(|| format!("{chip}, planted {planted:?}"))?;
        total += seen.accesses;
        ensure!(seen.accesses > 1000, "only {} accesses on {chip}: the ranges are wrong", seen.accesses);
        match planted {
            None => ensure!(seen.wrong.is_empty(), "{chip}: no aligned words:\n{}", seen.wrong.join("\n")),
            Some(planted) => {
                ensure!(
                    seen.wrong.len() == 1,
                    "{chip}: {} caught of one planted {planted}",
                    seen.wrong.len()
                );
            }
        }
    }
    let planted = CHIPS.len() * PLANTED.len();
    Ok(Done::Passed(format!("{total} accesses on {}; {planted} planted ones caught", CHIPS.join(" and "))))
}

/// Runs the program and looks at its accesses.
fn observe(dir: &Path, program: &Path, chip: &str, planted: Option<&str>) -> Result<Seen> {
    let log = dir.join(format!("{chip}-{}.log", planted.unwrap_or("clean")));
    let log_file = format!("--log-file={}", log.display());
    let wrapper = ["valgrind", "--quiet", "--tool=lackey", "--trace-mem=yes", &log_file];
    let arguments: Vec<&str> = [chip].into_iter().chain(planted).collect();
    let printed = execute(&wrapper, program, &arguments)?;
    let ranges = ranges(&printed)?;
    let mut seen = Seen { accesses: 0, wrong: Vec::new() };
    for line in BufReader::new(std::fs::File::open(&log)?).lines() {
        let line = line?;
        let Some((address, size)) = access(&line) else { continue };
        if !ranges.iter().any(|range| address < range.end && address + size > range.start) {
            continue;
        }
        seen.accesses += 1;
        if !matches!(size, 4 | 8) || address % size != 0 {
            seen.wrong.push(line);
        }
    }
    std::fs::remove_file(&log)?;
    Ok(seen)
}

/// The lines `storage BEGIN END` of the program, in hexadecimal.
fn ranges(printed: &str) -> Result<Vec<Range<u64>>> {
    let number =
        |text: &str| u64::from_str_radix(text, 16).with_context(|| format!("`{text}` is no address"));
    let mut ranges = Vec::new();
    for line in printed.lines() {
        if let Some((begin, end)) = line.strip_prefix("storage ").and_then(|rest| rest.split_once(' ')) {
            ranges.push(number(begin)?..number(end)?);
        }
    }
    ensure!(!ranges.is_empty(), "the program printed no ranges");
    Ok(ranges)
}

/// Address and size of a data access in lackey's output: ` L 1ffeffe7e0,8`, ` S …`, ` M …`.
fn access(line: &str) -> Option<(u64, u64)> {
    let rest =
        line.strip_prefix(" L ").or_else(|| line.strip_prefix(" S ")).or_else(|| line.strip_prefix(" M "))?;
    let (address, size) = rest.split_once(',')?;
    Some((u64::from_str_radix(address.trim(), 16).ok()?, size.parse().ok()?))
}
