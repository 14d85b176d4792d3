//! The commands, one file each.

mod files;
mod import;
mod info;
mod replay;

use std::process::ExitCode;

use clap::{CommandFactory, Subcommand};
use clap_complete::Shell;

use crate::ui::{Failure, Ui, to_stdout};

/// The command.
#[derive(Subcommand)]
pub(crate) enum Command {
    Import(import::Import),
    Info(info::Info),
    Replay(replay::Replay),
    /// Print a completion script for a shell
    ///
    /// For example: `poolscope completions bash > ~/.local/share/bash-completion/completions/poolscope`
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// The answer of a command that succeeded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Good,
    Bad,
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Good => ExitCode::SUCCESS,
            Verdict::Bad => ExitCode::from(1),
        }
    }
}

impl Command {
    /// Runs the command.
    pub(crate) fn run(self, ui: &Ui) -> Result<Verdict, Failure> {
        match self {
            Command::Import(import) => import.run(ui),
            Command::Info(info) => info.run(ui),
            Command::Replay(replay) => replay.run(ui),
            Command::Completions { shell } => {
                let mut script = Vec::new();
                clap_complete::generate(shell, &mut crate::Cli::command(), "poolscope", &mut script);
                to_stdout(&script)?;
                Ok(Verdict::Good)
            }
        }
    }
}
