//! Runs an image under its emulator, and compares how it ended and what it printed with what is expected.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::data::{Ending, Program, Target};
use crate::expected;
use crate::process::{Ended, Run};

/// What a program returns that found a rule broken (`board.h`).
const BROKEN: i32 = 1;
/// What a trap returns.
const CRASHED: i32 = 3;
/// Runs in which a program without protection must be found out.
const ATTEMPTS: usize = 5;
/// See `even` of programs.
const EVENLY: &[&str] = &["-singlestep", "-d", "exec,nochain", "-D", "/dev/null"];
/// An instruction takes 1024 ns of emulated time, and delays differ by 900 ns. The timer is set between two ticks of 100 ns,
/// so times of interrupts differ by 800 to 1000 ns: no instruction is skipped.
const EVERYWHERE: &[&str] = &["-icount", "shift=10", "-singlestep"];
/// How a line with a measured time begins: it is shown, and not compared.
const MEASURED: &str = "measured ";
/// How a line for `points.rs` begins.
pub(super) const POINTS: &str = "points ";
/// A run that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(300);

/// A run that was as it must be.
pub(crate) struct Outcome {
    pub(crate) time: Duration,
    /// All that it printed.
    pub(crate) printed: String,
}

impl Outcome {
    /// The lines with measured times.
    pub(super) fn measured(&self) -> impl Iterator<Item = &str> {
        self.printed.lines().filter(|line| line.starts_with(MEASURED))
    }
}

/// Runs a program and judges it.
pub(crate) fn check(target: &Target, program: &Program, image: &Path, overwrite: bool) -> Result<Outcome> {
    let start = Instant::now();
    let run = || emulate(&target.emulator, &steps(target, program), image);
    let mut ended = run()?;
    // Whether two cores meet is chance.
    for _ in 1..ATTEMPTS {
        if program.ending == Ending::Broken && ended.is_success() {
            ended = run()?;
        }
    }
    let (code, story) = (ended.code, ended.story());
    match program.ending {
        // Two cores without a lock may also read an invalid address, before either looks at its blocks.
        Ending::Broken => ensure!(
            code == Some(BROKEN) || (program.cores > 1 && code == Some(CRASHED)),
            "a part of it was removed, and it did not notice: it {story}"
        ),
        Ending::Crashed => ensure!(code == Some(CRASHED), "no trap: it {story}"),
        Ending::AsExpected => {
            ensure!(ended.is_success(), "it {story}");
            expected::compare_exactly(&expected_file(target, program), &compared(&ended.stdout), overwrite)?;
        }
    }
    Ok(Outcome { time: start.elapsed(), printed: ended.stdout })
}

/// How the emulator advances from one instruction to the next.
fn steps<'t>(target: &'t Target, program: &Program) -> Vec<&'t str> {
    match program {
        Program { everywhere: true, .. } => EVERYWHERE.to_vec(),
        Program { even: true, .. } => EVENLY.to_vec(),
        Program { stepped: true, .. } => target.stepped.iter().map(String::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The lines that are compared.
fn compared(printed: &str) -> String {
    let other = [MEASURED, POINTS];
    let lines = printed.split_inclusive('\n');
    lines.filter(|line| !other.iter().any(|start| line.starts_with(start))).collect()
}

fn expected_file(target: &Target, program: &Program) -> PathBuf {
    let own = PathBuf::from(format!("{}/{}.{}.expected", program.folder, program.name, target.name));
    let shared = PathBuf::from(format!("{}/{}.expected", program.folder, program.name));
    if own.exists() { own } else { shared }
}

/// Runs a program that must pass, and has the emulator log every instruction; what it printed.
pub(crate) fn traced(target: &Target, image: &Path, file: &Path) -> Result<String> {
    let file = file.to_str().context("a path that is no text")?;
    passed(&target.emulator, &["-singlestep", "-d", "exec,nochain", "-D", file], image)
}

/// Runs an image that must pass; what it printed.
pub(crate) fn passed(emulator: &[String], options: &[&str], image: &Path) -> Result<String> {
    let ended = emulate(emulator, options, image)?;
    ensure!(ended.is_success(), "{} {}", image.display(), ended.story());
    Ok(ended.stdout)
}

fn emulate(emulator: &[String], options: &[&str], image: &Path) -> Result<Ended> {
    let (emulator, flags) = emulator.split_first().context("no emulator")?;
    Command::new(emulator).args(options).args(flags).arg(image).ended_within(LIMIT)
}

#[cfg(test)]
mod tests {
    use super::compared;

    #[test]
    fn lines_that_are_not_compared_are_left_out() {
        assert_eq!(compared("points a;b;1;0; 1\na: held\nmeasured 3 us\n"), "a: held\n");
    }
}
