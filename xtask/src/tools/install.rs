//! Debian's package manager, as a test run needs it: it waits while another program holds the locks, and tries again after
//! a failure of the network.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Attempts at what a failure of the network may stop.
const ATTEMPTS: u32 = 4;
/// Between two attempts, and between two looks whether a lock is free.
const PAUSE: Duration = Duration::from_secs(5);
/// How long another program may hold a lock.
const PATIENCE: Duration = Duration::from_secs(600);

/// Does something that a failure of the network may stop, up to four times.
pub(crate) fn persistently<T>(what: &str, attempt: impl FnMut() -> Result<T>) -> Result<T> {
    several_times(what, PAUSE, attempt)
}

fn several_times<T>(what: &str, pause: Duration, mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
    for number in 1..ATTEMPTS {
        match attempt() {
            Ok(done) => return Ok(done),
            Err(error) => println!("{what}, attempt {number} of {ATTEMPTS}: {error:#}"),
        }
        std::thread::sleep(pause * number);
    }
    attempt()
}

/// How packages are installed.
pub(super) struct Installer {
    /// The package manager, with what it is called through.
    command: Vec<String>,
    patience: Duration,
    pause: Duration,
}

impl Installer {
    /// By `apt-get`, through `sudo` where that is not allowed otherwise.
    pub(super) fn of_this_machine() -> Self {
        let id = Command::new("id").arg("-u").output();
        let is_root = id.is_ok_and(|id| id.stdout.trim_ascii() == b"0");
        let sudo: &[&str] = if is_root { &[] } else { &["sudo", "--non-interactive", "--preserve-env"] };
        let command = sudo.iter().chain(&["apt-get"]).map(|&word| word.to_owned()).collect();
        Self { command, patience: PATIENCE, pause: PAUSE }
    }

    /// Installs packages by one call, after the lists of packages were brought up to date.
    pub(super) fn install(&self, packages: &[&str]) -> Result<()> {
        let deadline = Instant::now() + self.patience;
        several_times("installing packages", self.pause, || {
            // Old lists of packages may do.
            if let Err(error) = self.run(&["update"], deadline) {
                println!("the lists of packages are not up to date: {error:#}");
            }
            self.run(&[&["install", "--yes", "--no-install-recommends"], packages].concat(), deadline)
        })
    }

    /// Runs the package manager once it has the locks that it needs.
    ///
    /// It has an option to wait for one of them. The lock of the lists, which `update` takes, and the one of downloaded
    /// packages have none, so all of them are waited for here.
    fn run(&self, arguments: &[&str], deadline: Instant) -> Result<()> {
        let (program, through) = self.command.split_first().context("no package manager")?;
        loop {
            let mut command = Command::new(program);
            command.args(through).args(["--quiet", "-o", "Acquire::Retries=3"]);
            let left = deadline.saturating_duration_since(Instant::now());
            command.arg("-o").arg(format!("DPkg::Lock::Timeout={}", left.as_secs()));
            command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").env("LC_ALL", "C");
            let output = command.output().with_context(|| format!("{program} did not start"))?;
            if output.status.success() {
                return Ok(());
            }
            let stderr = String::from_utf8_lossy(&output.stderr);
            if !is_locked(&stderr) {
                bail!(
                    "{} ended with {}: {}",
                    command_line(&self.command, arguments),
                    output.status,
                    errors(&stderr)
                );
            }
            if Instant::now() >= deadline {
                bail!(
                    "another program has used the package manager for {} s: {}",
                    self.patience.as_secs(),
                    errors(&stderr)
                );
            }
            println!("waiting for another program that uses the package manager");
            std::thread::sleep(self.pause);
        }
    }
}

/// Whether another program holds a lock.
fn is_locked(stderr: &str) -> bool {
    ["Could not get lock", "Unable to acquire the dpkg frontend lock", "Unable to lock"]
        .iter()
        .any(|words| stderr.contains(words))
}

fn command_line(command: &[String], arguments: &[&str]) -> String {
    format!("{} {}", command.join(" "), arguments.join(" "))
}

/// The errors in the output, or its last line.
fn errors(stderr: &str) -> String {
    let errors: Vec<_> = stderr.lines().filter(|line| line.starts_with("E: ")).collect();
    if errors.is_empty() { stderr.lines().last().unwrap_or("").to_owned() } else { errors.join("; ") }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use super::{ATTEMPTS, Installer, several_times};

    /// A package manager that runs `script` at each call; how often it was called before is in `$calls`.
    struct Planted {
        folder: PathBuf,
        installer: Installer,
    }

    impl Planted {
        fn new(name: &str, patience: Duration, script: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("microusc-install-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&folder).unwrap();
            let (program, log) = (folder.join("manager"), folder.join("calls"));
            std::fs::write(&log, "").unwrap();
            let log = log.display();
            let text = format!("calls=$(wc -l < {log})\necho \"$@\" >> {log}\n{script}\n");
            std::fs::write(&program, text).unwrap();
            let command = vec!["sh".to_owned(), program.display().to_string()];
            Self { folder, installer: Installer { command, patience, pause: Duration::ZERO } }
        }

        /// What it was called with, a line each.
        fn calls(&self) -> Vec<String> {
            let text = std::fs::read_to_string(self.folder.join("calls")).unwrap();
            text.lines().map(str::to_owned).collect()
        }
    }

    impl Drop for Planted {
        fn drop(&mut self) {
            let _left = std::fs::remove_dir_all(&self.folder);
        }
    }

    const LISTS: &str = "echo 'E: Could not get lock /var/lib/apt/lists/lock. It is held by process 7 (apt-get)' >&2; exit 100";
    const FRONTEND: &str = "echo 'E: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), is another process using it?' >&2; exit 100";

    #[test]
    fn packages_are_installed_by_one_call_after_one_update() {
        let planted = Planted::new("plain", Duration::from_secs(600), "exit 0");
        planted.installer.install(&["one", "two"]).unwrap();
        let calls = planted.calls();
        assert_eq!(calls.len(), 2, "{calls:?}");
        assert!(calls[0].ends_with(" update"), "{calls:?}");
        assert!(calls[1].ends_with(" install --yes --no-install-recommends one two"), "{calls:?}");
        assert!(calls[1].contains("DPkg::Lock::Timeout=59"), "{calls:?}");
    }

    #[test]
    fn a_held_lock_of_the_lists_or_of_the_packages_is_waited_for() {
        // More often than a network may fail.
        let script = format!(
            "test $calls -ge 9 || {{ {LISTS}; }}; test $calls -ge 20 || test $calls -eq 9 || {{ {FRONTEND}; }}"
        );
        let planted = Planted::new("locked", Duration::from_secs(600), &script);
        planted.installer.install(&["one"]).unwrap();
        let calls = planted.calls();
        assert_eq!(calls.iter().filter(|call| call.ends_with(" update")).count(), 10);
        assert_eq!(calls.iter().filter(|call| call.ends_with(" one")).count(), 11);
    }

    #[test]
    fn a_lock_that_is_never_released_is_named() {
        let planted = Planted::new("forever", Duration::ZERO, FRONTEND);
        let error = format!("{:#}", planted.installer.install(&["one"]).unwrap_err());
        assert!(error.contains("another program") && error.contains("lock-frontend"), "{error}");
    }

    #[test]
    fn after_a_failure_of_the_network_it_is_tried_again() {
        let script =
            "test $calls -ge 5 || { echo 'E: Failed to fetch http://a/b  Connection failed' >&2; exit 100; }";
        let planted = Planted::new("network", Duration::ZERO, script);
        planted.installer.install(&["one"]).unwrap();
        assert_eq!(planted.calls().len(), 6);
    }

    #[test]
    fn a_package_that_does_not_exist_is_named() {
        let script =
            "test \"${*#*install}\" = \"$*\" || { echo 'E: Unable to locate package one' >&2; exit 100; }";
        let planted = Planted::new("unknown", Duration::ZERO, script);
        let error = format!("{:#}", planted.installer.install(&["one"]).unwrap_err());
        assert!(error.contains("Unable to locate package one"), "{error}");
    }

    #[test]
    fn attempts_end_with_the_last_error() {
        let mut attempts = 0;
        let end = several_times("a", Duration::ZERO, || {
            attempts += 1;
            anyhow::Result::<()>::Err(anyhow::anyhow!("attempt {attempts}"))
        });
        assert_eq!((end.unwrap_err().to_string(), attempts), (format!("attempt {ATTEMPTS}"), ATTEMPTS));
    }
}
