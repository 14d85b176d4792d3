//! How programs are run: literal command lines by [`cmd!`], other ones by [`Run`]. Errors name the command.
//!
//! Everything runs at the root of the repository: `main` goes there first.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use xshell::Shell;

/// A command line in which `{name}` is a variable and `{names...}` are several arguments: see `xshell::cmd`.
macro_rules! cmd {
    ($line:literal) => {
        xshell::cmd!($crate::process::sh(), $line)
    };
}
pub(crate) use cmd;

/// Files and folders with errors that name them, and the folder that `cmd!` runs in.
pub(crate) fn sh() -> &'static Shell {
    thread_local! {
        static SHELL: &'static Shell =
            Box::leak(Box::new(Shell::new().expect("the current directory exists")));
    }
    SHELL.with(|shell| *shell)
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_path_buf()
}

/// A run that ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit status; `None` if a signal ended the program, or it was stopped because its time was over.
    pub(crate) code: Option<i32>,
    /// The same in words.
    pub(crate) how: String,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn is_success(&self) -> bool {
        self.code == Some(0)
    }

    /// How it ended, and the end of what it printed.
    pub(crate) fn story(&self) -> String {
        let end = |text: &str| {
            let lines: Vec<_> = text.lines().collect();
            lines[lines.len().saturating_sub(30)..]
                .iter()
                .map(|line| format!("\n    {line}"))
                .collect::<String>()
        };
        format!("ended with {}{}{}", self.how, end(&self.stdout), end(&self.stderr))
    }
}

/// Ways to run a `Command`.
pub(crate) trait Run {
    /// Runs it for at most this time, with its output captured.
    fn ended_within(&mut self, limit: Duration) -> Result<Ended>;

    /// Runs a program that must succeed, with its output captured.
    fn captured(&mut self) -> Result<Ended>;

    /// Runs a program that must succeed, with its output shown.
    fn shown(&mut self) -> Result<()>;
}

impl Run for Command {
    fn ended_within(&mut self, limit: Duration) -> Result<Ended> {
        self.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.spawn().with_context(|| format!("{} did not start", line(self)))?;
        let stdout = reader(child.stdout.take());
        let stderr = reader(child.stderr.take());
        let start = Instant::now();
        let mut status = child.try_wait()?;
        while status.is_none() && start.elapsed() < limit {
            std::thread::sleep(Duration::from_millis(2));
            status = child.try_wait()?;
        }
        if status.is_none() {
            child.kill()?;
            child.wait()?;
        }
        let text = |reader: std::thread::JoinHandle<Vec<u8>>| {
            let bytes = reader.join().expect("the reader does not panic");
            String::from_utf8_lossy(&bytes).replace("\r\n", "\n")
        };
        Ok(Ended {
            code: status.and_then(|status| status.code()),
            how: status.map_or(format!("no end within {} s", limit.as_secs()), |status| status.to_string()),
            stdout: text(stdout),
            stderr: text(stderr),
        })
    }

    fn captured(&mut self) -> Result<Ended> {
        let ended = self.ended_within(Duration::from_secs(3600))?;
        ensure!(ended.is_success(), "{} {}", line(self), ended.story());
        Ok(ended)
    }

    fn shown(&mut self) -> Result<()> {
        let status = self.status().with_context(|| format!("{} did not start", line(self)))?;
        ensure!(status.success(), "{} ended with {status}", line(self));
        Ok(())
    }
}

/// Reads a stream to its end on another thread, so that a full pipe stops nothing.
fn reader(stream: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _what_was_read_counts = stream.map(|mut stream| stream.read_to_end(&mut bytes));
        bytes
    })
}

/// The command line as people write it.
fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use super::Run;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_failure_names_the_command_and_shows_its_output() {
        let error = shell("echo out; echo err >&2; exit 3").captured().unwrap_err().to_string();
        assert!(error.contains("exit 3") && error.contains("out") && error.contains("err"), "{error}");
        assert!(
            Command::new("no-such-program").captured().unwrap_err().to_string().contains("did not start")
        );
    }

    #[test]
    fn a_program_that_does_not_end_is_stopped() {
        let ended = shell("echo begun; exec sleep 60").ended_within(Duration::from_millis(300)).unwrap();
        assert_eq!((ended.code, ended.stdout.as_str()), (None, "begun\n"));
        assert_eq!(shell("exit 7").ended_within(Duration::from_secs(60)).unwrap().code, Some(7));
    }
}
