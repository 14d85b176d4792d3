//! Automation for the workspace: `cargo xtask` lists the commands.

mod archive;
mod bench;
mod budgets;
mod compile;
mod component;
mod costs;
mod ctests;
mod esp_hal;
mod faults;
mod first_sample;
mod freertos;
mod fuzz;
mod header;
mod hotpath;
mod lint;
mod peers;
mod picture;
mod qemu;
mod report;
mod samples;
mod setup;
mod stress;
mod test;
mod tools;
mod variants;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::{Result, bail};
use xshell::Shell;

/// One command: what it is called, what it does, and what does it.
struct Command {
    name: &'static str,
    about: &'static str,
    run: fn(&Shell, Vec<OsString>) -> Result<()>,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "test",
        about: "everything below, and every Rust test  [--samples FILE.md]...",
        run: test::run,
    },
    Command { name: "lint", about: "formatting, clippy, file lengths, machine paths", run: lint::run },
    Command { name: "ctests", about: "the C and C++ tests in every mode  [NAME]...", run: ctests::run },
    Command {
        name: "header",
        about: "the C headers against the Rust code and the archive",
        run: header::run,
    },
    Command {
        name: "hotpath",
        about: "what the hot paths in the built archive may not contain",
        run: hotpath::run,
    },
    Command { name: "bench", about: "instruction counts against budgets  [--format json]", run: bench::run },
    Command {
        name: "budgets",
        about: "instructions, code and RAM on the chips  [--target NAME]... [--format json] [--overwrite]",
        run: budgets::run,
    },
    Command {
        name: "first-sample",
        about: "the README's first Rust program, compiled for chips",
        run: first_sample::run,
    },
    Command { name: "fuzz", about: "every fuzz target for a while  [--seconds N]", run: fuzz::run },
    Command {
        name: "stress",
        about: "two threads and interrupts on one pool, under each sanitizer  [--ops N]",
        run: stress::run,
    },
    Command {
        name: "peers",
        about: "our pools and others with two threads, timed  [--rounds N] [--format json]",
        run: peers::run,
    },
    Command {
        name: "qemu",
        about: "the firmware on every chip class, emulated  [--target NAME]... [--overwrite] [PROGRAM]...",
        run: qemu::run,
    },
    Command {
        name: "freertos",
        about: "programs on FreeRTOS, here and emulated  [--target NAME]... [--samples FILE.md]... [--overwrite] [PROGRAM]...",
        run: freertos::run,
    },
    Command {
        name: "faults",
        about: "faults planted one at a time, each of which a test must find  [--list] [--part K/N] [WORD]...",
        run: faults::run,
    },
    Command {
        name: "picture",
        about: "the README's picture, drawn from what the tool prints",
        run: picture::run,
    },
    Command {
        name: "component",
        about: "the ESP-IDF component, packed, and its examples built from the package and run  [archives]",
        run: component::run,
    },
    Command {
        name: "esp-hal",
        about: "the example for bare metal with esp-hal: tested here, built for each chip, its images run",
        run: esp_hal::run,
    },
    Command {
        name: "costs",
        about: "docs/costs.md and its picture, from what `budgets` counted  [--check]",
        run: costs::run,
    },
    Command { name: "samples", about: "the C and C++ samples of documents  FILE.md...", run: samples::run },
];

fn main() -> ExitCode {
    match dispatch() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let name = arguments.next().unwrap_or_else(|| "help".into());
    if name == "help" || name == "--help" || name == "-h" {
        println!("cargo xtask COMMAND\n");
        for Command { name, about, .. } in COMMANDS {
            println!("  {name:<8} {about}");
        }
        return Ok(());
    }
    let Some(command) = COMMANDS.iter().find(|command| name == command.name) else {
        bail!("no command `{}`: `cargo xtask help` lists them", name.display());
    };
    let shell = Shell::new()?;
    // Files are named as they look from where the user stands, then everything runs at the root.
    let arguments = arguments.map(as_seen_from_here).collect::<Result<_>>()?;
    shell.change_dir(root());
    (command.run)(&shell, arguments)
}

/// A relative path to an existing file, made absolute; any other argument as it is.
fn as_seen_from_here(argument: OsString) -> Result<OsString> {
    match std::path::Path::new(&argument).try_exists() {
        Ok(true) => Ok(std::path::absolute(&argument)?.into_os_string()),
        _ => Ok(argument),
    }
}

/// The root of the repository.
fn root() -> std::path::PathBuf {
    let xtask = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_path_buf()
}
