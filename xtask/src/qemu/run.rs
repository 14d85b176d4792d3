//! Runs an image, and compares what came of it with what is written beside the program.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::points;
use super::programs::{Ending, Program};
use super::targets::Target;

/// What a program returns that found a rule broken (`board.h`).
const BROKEN: i32 = 1;
/// What a trap returns.
const CRASHED: i32 = 3;
/// Runs in which a program without protection must be found out.
const ATTEMPTS: usize = 5;
/// See `Program::even`.
const EVENLY: &[&str] = &["-singlestep", "-d", "exec,nochain", "-D", "/dev/null"];
/// How a line begins that tells a timing: it is shown, and not compared.
pub(super) const MEASURED: &str = "measured ";
/// A run that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(300);

/// What came of a run that was as it must be.
pub(crate) struct Outcome {
    pub(crate) time: Duration,
    /// All of it.
    pub(crate) printed: String,
}

/// Runs a program and judges it.
pub(crate) fn check(target: &Target, program: &Program, image: &Path, overwrite: bool) -> Result<Outcome> {
    let start = Instant::now();
    let run = || emulate(target, image, steps(target, program));
    let (mut status, mut printed) = run()?;
    // When two cores meet is chance.
    for _ in 1..ATTEMPTS {
        if program.ending == Ending::Broken && status == 0 {
            (status, printed) = run()?;
        }
    }
    let all = printed;
    let printed: String =
        points::without(&all).split_inclusive('\n').filter(|line| !line.starts_with(MEASURED)).collect();
    let printed = without_addresses(&printed);
    match program.ending {
        // Two cores without a lock may also read an address that is none, before either looks at its blocks.
        Ending::Broken => ensure!(
            status == BROKEN || (program.cores > 1 && status == CRASHED),
            "a part of it was removed, and nobody noticed: it ended with {status} and printed\n{printed}"
        ),
        Ending::Crashed => {
            ensure!(status == CRASHED, "no trap: it ended with {status} and printed\n{printed}")
        }
        Ending::AsExpected => {
            ensure!(status == 0, "it ended with {status} and printed\n{printed}");
            compare(target, program, &printed, overwrite)?;
        }
    }
    Ok(Outcome { time: start.elapsed(), printed: all })
}

/// How the emulator is told to go on from one instruction to the next.
fn steps<'t>(target: &'t Target, program: &Program) -> &'t [&'t str] {
    match program {
        Program { everywhere: true, .. } => points::STEPS,
        Program { even: true, .. } => EVENLY,
        Program { stepped: true, .. } => target.stepped,
        _ => &[],
    }
}

fn compare(target: &Target, program: &Program, printed: &str, overwrite: bool) -> Result<()> {
    let own = PathBuf::from(format!("{}/{}.{}.expected", program.folder, program.name, target.name));
    let shared = PathBuf::from(format!("{}/{}.expected", program.folder, program.name));
    let path = if own.exists() { own } else { shared };
    if overwrite {
        return std::fs::write(&path, printed).context("the expected text cannot be written");
    }
    let expected =
        std::fs::read_to_string(&path).with_context(|| format!("{} is missing", path.display()))?;
    if expected == printed {
        return Ok(());
    }
    let (number, says, but) = difference(&expected, printed);
    bail!(
        "{}:{number} says\n  {says}\nbut it printed\n  {but}\n(`--overwrite` writes that down)",
        path.display()
    )
}

/// The number of the first line that differs, and what it is in each.
fn difference<'t>(expected: &'t str, printed: &'t str) -> (usize, &'t str, &'t str) {
    const END: &str = "(nothing more)";
    let alike = expected.lines().zip(printed.lines()).take_while(|(one, other)| one == other).count();
    let line = |text: &'t str| text.lines().nth(alike).unwrap_or(END);
    (alike + 1, line(expected), line(printed))
}

/// Runs a program that must pass, and has the emulator write down every instruction; what it printed.
pub(crate) fn traced(target: &Target, program: &Program, image: &Path, file: &Path) -> Result<String> {
    let file = file.to_str().context("a path that is no text")?;
    let (status, printed) = emulate(target, image, &["-singlestep", "-d", "exec,nochain", "-D", file])?;
    ensure!(status == 0, "{} ended with {status} and printed\n{printed}", program.name);
    Ok(printed)
}

/// Runs an image that must pass; what it printed.
pub(crate) fn passed(target: &Target, image: &Path) -> Result<String> {
    let (status, printed) = emulate(target, image, &[])?;
    ensure!(status == 0, "it ended with {status} and printed\n{printed}");
    Ok(printed)
}

/// Runs it to its end: its exit status and what it printed.
fn emulate(target: &Target, image: &Path, more: &[&str]) -> Result<(i32, String)> {
    let (emulator, flags) = target.emulator.split_first().context("no emulator")?;
    let mut child = Command::new(emulator)
        .args(more)
        .args(flags)
        .arg(image)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("{emulator} did not start"))?;
    let mut output = child.stdout.take().context("no output")?;
    let reader = std::thread::spawn(move || {
        let mut printed = Vec::new();
        output.read_to_end(&mut printed).map(|_| printed)
    });
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if start.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            break None;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let printed = reader.join().expect("the reader does not panic")?;
    let printed = String::from_utf8_lossy(&printed).replace("\r\n", "\n");
    let Some(status) = status else {
        bail!("it did not end within {} s; it printed\n{printed}", PATIENCE.as_secs());
    };
    Ok((status.code().context("the emulator was killed")?, printed))
}

/// The same text with `0x...` for every address, which differs from target to target.
fn without_addresses(printed: &str) -> String {
    let mut text = String::new();
    let mut rest = printed;
    while let Some(at) = rest.find("0x") {
        let (before, address) = rest.split_at(at + 2);
        text.push_str(before);
        rest = address.trim_start_matches(|c: char| c.is_ascii_hexdigit());
        if rest.len() < address.len() {
            text.push_str("...");
        }
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::{difference, without_addresses};

    #[test]
    fn the_first_line_that_differs_is_shown() {
        assert_eq!(difference("a\nb\nc\n", "a\nx\nc\n"), (2, "b", "x"));
        assert_eq!(difference("a\n", "a\nb\n"), (2, "(nothing more)", "b"));
        assert_eq!(difference("a\nb\n", ""), (1, "a", "(nothing more)"));
    }

    #[test]
    fn addresses_are_left_out_and_nothing_else() {
        let cases = [
            ("free(0x8000123a): 20 free", "free(0x...): 20 free"),
            ("0x1 0x2", "0x... 0x..."),
            ("0x and 0xyz", "0x and 0xyz"),
            ("", ""),
        ];
        for (printed, expected) in cases {
            assert_eq!(without_addresses(printed), expected);
        }
    }
}
