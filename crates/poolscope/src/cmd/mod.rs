//! The verbs, one file each.

mod completions;
mod files;
mod import;
mod info;
mod replay;

use std::process::ExitCode;

use clap::Subcommand;

use crate::ui::{Failure, Ui};

/// What to do.
#[derive(Subcommand)]
pub(crate) enum Command {
    Import(import::Import),
    Info(info::Info),
    Replay(replay::Replay),
    Completions(completions::Completions),
}

/// The answer of a verb that ran to its end.
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
    /// Does it.
    pub(crate) fn run(self, ui: &Ui) -> Result<Verdict, Failure> {
        match self {
            Command::Import(import) => import.run(ui),
            Command::Info(info) => info.run(ui),
            Command::Replay(replay) => replay.run(ui),
            Command::Completions(completions) => completions.run(),
        }
    }
}
