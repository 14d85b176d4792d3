//! Compiling and running one C or C++ program.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, bail};

/// What the Rust standard library needs beside the archive.
const SYSTEM_LIBRARIES: &[&str] = &["-lpthread", "-ldl", "-lm"];

/// A compiler with its flags.
#[derive(Clone)]
pub(crate) struct Compiler {
    pub(crate) program: &'static str,
    pub(crate) flags: Vec<String>,
}

impl Compiler {
    pub(crate) fn new(program: &'static str, flags: &[&str]) -> Self {
        Self { program, flags: flags.iter().map(|flag| (*flag).to_owned()).collect() }
    }

    /// The same with more flags.
    pub(crate) fn with<S: Into<String>>(&self, flags: impl IntoIterator<Item = S>) -> Self {
        let mut compiler = self.clone();
        compiler.flags.extend(flags.into_iter().map(Into::into));
        compiler
    }

    pub(crate) fn include(&self, dir: &Path) -> Self {
        self.with(["-I".to_owned(), dir.display().to_string()])
    }

    /// Checks `source`; what the compiler says is returned, or is the error.
    pub(crate) fn check(&self, source: &Path) -> Result<String> {
        self.invoke(Command::new(self.program).args(&self.flags).arg("-fsyntax-only").arg(source))
    }

    /// Compiles `source` and links it with `archive`; the compiler's warnings are returned.
    pub(crate) fn link(&self, source: &Path, archive: &Path, program: &Path) -> Result<String> {
        let mut command = Command::new(self.program);
        command.args(&self.flags).arg("-o").arg(program).arg(source).arg(archive).args(SYSTEM_LIBRARIES);
        self.invoke(&mut command)
    }

    fn invoke(&self, command: &mut Command) -> Result<String> {
        let output = command.output().with_context(|| format!("{} did not start", self.program))?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if !output.status.success() {
            bail!("{} {} refused:\n{said}", self.program, self.flags.join(" "));
        }
        Ok(said)
    }
}

/// Runs a program under `wrapper` (nothing for plainly); what it printed on stdout, or an error with all it printed.
pub(crate) fn execute(wrapper: &[&str], program: &Path, arguments: &[&str]) -> Result<String> {
    let line: Vec<PathBuf> = wrapper
        .iter()
        .map(PathBuf::from)
        .chain([program.to_path_buf()])
        .chain(arguments.iter().map(PathBuf::from))
        .collect();
    let output = Command::new(&line[0])
        .args(&line[1..])
        .output()
        .with_context(|| format!("{} did not start", line[0].display()))?;
    if !output.status.success() {
        bail!("{} ended with {}\n{}", program.display(), output.status, everything(&output));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The end of both outputs.
fn everything(output: &Output) -> String {
    let mut text = String::new();
    for stream in [&output.stdout, &output.stderr] {
        let printed = String::from_utf8_lossy(stream);
        let lines: Vec<&str> = printed.lines().collect();
        for line in &lines[lines.len().saturating_sub(12)..] {
            let _infallible = writeln!(text, "    {line}");
        }
    }
    text
}
