//! Compiling and running one C or C++ program.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::process::Run;

/// What the Rust standard library needs beside the archive.
const SYSTEM_LIBRARIES: &[&str] = &["-lpthread", "-ldl", "-lm"];

/// A compiler with its flags.
#[derive(Clone)]
pub(crate) struct Compiler {
    program: &'static str,
    flags: Vec<String>,
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

    fn command(&self) -> Command {
        let mut command = Command::new(self.program);
        command.args(&self.flags);
        command
    }

    /// Checks `source`; the compiler's warnings are returned.
    pub(crate) fn check(&self, source: &Path) -> Result<String> {
        Ok(self.command().arg("-fsyntax-only").arg(source).captured()?.stderr)
    }

    /// Compiles `source` and links it with `archive`; the compiler's warnings are returned.
    pub(crate) fn link(&self, source: &Path, archive: &Path, program: &Path) -> Result<String> {
        let mut command = self.command();
        command.arg("-o").arg(program).arg(source).arg(archive).args(SYSTEM_LIBRARIES);
        Ok(command.captured()?.stderr)
    }
}

/// Runs a program under `wrapper`, if that names one; what it printed on stdout, or an error with all it printed.
pub(crate) fn execute(wrapper: &[&str], program: &Path, arguments: &[&str]) -> Result<String> {
    let line: Vec<&Path> = wrapper.iter().map(Path::new).chain([program]).collect();
    let (program, before) = line.split_first().context("no program")?;
    Ok(Command::new(program).args(before).args(arguments).captured()?.stdout)
}
