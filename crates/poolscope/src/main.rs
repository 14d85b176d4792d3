//! The `poolscope` command line.

mod cmd;
mod ui;

use std::process::ExitCode;

use clap::Parser;

/// What the exit codes mean; part of `--help`, and a promise.
const EXIT_CODES: &str = "\
Exit codes:
  0  The command succeeded.
  1  The command succeeded, and its answer is bad: a leak or a double free with
     `info --check`, pools that do not fit or do not suffice with `replay`.
  2  An argument is wrong.
  3  The input is unreadable, damaged or of an unsupported version, or the output
     cannot be written.

Results are written to stdout, everything else to stderr. FILE may be `-` for
stdin, and may be compressed with gzip or zstd.";

/// Size memory pools from a recording of the real application.
#[derive(Parser)]
#[command(version, after_help = EXIT_CODES, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    ui: ui::Options,
    #[command(subcommand)]
    command: cmd::Command,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let ui = cli.ui.apply();
    match cli.command.run(&ui) {
        Ok(verdict) => verdict.into(),
        Err(failure) => ui.report(&failure),
    }
}
