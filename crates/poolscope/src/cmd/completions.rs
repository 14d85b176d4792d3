//! `poolscope completions`.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Verdict;
use crate::ui::{Failure, to_stdout};

/// Print a completion script for a shell
///
/// For example: `poolscope completions bash > ~/.local/share/bash-completion/completions/poolscope`
#[derive(Args)]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self) -> Result<Verdict, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut crate::Cli::command(), "poolscope", &mut script);
        to_stdout(&script)?;
        Ok(Verdict::Good)
    }
}
