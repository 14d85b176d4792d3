//! The `poolscope` command line.

mod cmd;
mod ui;

use std::process::ExitCode;

use clap::Parser;

/// What the exit codes mean; part of `--help`, and a promise.
const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  done, but the answer is bad (`info --check`, `replay`)
  2  wrong usage
  3  input unreadable, damaged or of an unsupported version; output not writable
  4  connection to the device lost

Results go to stdout, everything else to stderr. FILE may be `-` for stdin, and may be packed with gzip or zstd.";

/// From a recording of the real application to the memory pools it needs.
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
