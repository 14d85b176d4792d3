//! Automation for the workspace: `cargo xtask` lists the commands.

mod archive;
mod bench;
mod budgets;
mod code;
mod compile;
mod component;
mod costs;
mod ctests;
mod esp_hal;
mod expected;
mod faults;
mod first_sample;
mod freertos;
mod fuzz;
mod header;
mod hotpath;
mod lint;
mod path;
mod picture;
mod process;
mod qemu;
mod report;
mod samples;
mod setup;
mod stress;
mod test;
mod tools;
mod variants;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, CommandFactory, Parser, Subcommand};

use report::Report;

/// Builds, checks and measures the project.
///
/// Tools that are missing are named, and what needs them is skipped. Where the environment variable CI is set, they are
/// installed instead. Times in these help texts are those of two cores with everything built before.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run every check of this list and every Rust test (35 minutes)
    ///
    /// A table at the end says what passed, how long it took, and what was skipped and why.
    Test(test::Options),
    /// Check formatting, clippy, file lengths, machine paths, and that no module or crate depends in a circle (1 minute)
    Lint,
    /// Compile and run the C and C++ tests in every mode (3 minutes)
    ///
    /// The modes are C99, C11 with the release archive, AddressSanitizer with UBSan, Valgrind and Clang. Needs gcc, g++,
    /// clang and valgrind.
    Ctests(ctests::Options),
    /// Compare the C headers with the Rust code and with the archive (20 seconds)
    ///
    /// Needs gcc, g++ and readelf.
    Header,
    /// Check that alloc and free contain no division, panic, memcpy or formatting (10 seconds)
    ///
    /// Disassembles the release archive of this machine and lists what alloc and free consist of. Needs llvm-objdump-22.
    Hotpath,
    /// Count x86-64 instructions and compare them with the budgets (1 minute)
    ///
    /// Needs x86-64 Linux and valgrind. The options are those of the program that counts: `--format json`.
    Bench(Passed),
    /// Count instructions, code and RAM on each emulated chip class and compare them with firmware/budgets.json (8 minutes)
    ///
    /// Needs the compilers and emulators of the chips; one chip class takes about a minute.
    Budgets(budgets::Options),
    /// Compile the first Rust program of the README for chips (20 seconds)
    ///
    /// Where a chip needs a choice of lock, the compiler's message must name the choices.
    FirstSample,
    /// Run every fuzz target for a while (2 minutes)
    ///
    /// Needs a nightly toolchain and cargo-fuzz.
    Fuzz(fuzz::Options),
    /// Run two threads and a signal handler on one pool under each sanitizer (1 minute)
    ///
    /// Two planted flaws must be found. Needs a nightly toolchain on x86-64 Linux.
    Stress(stress::Options),
    /// Time our pools and other ones with two threads (10 minutes)
    ///
    /// A clock gives no verdict, so this is no part of `test`. The options are those of the program that measures:
    /// `--rounds N` and `--format json`.
    Peers(Passed),
    /// Run the programs of firmware/ on every emulated chip class (6 minutes)
    ///
    /// What a program prints is compared with the file beside it. Needs the compilers and emulators of the chips.
    Qemu(qemu::Options),
    /// Run the programs of firmware/freertos on this machine and on an emulated chip (1 minute)
    ///
    /// The kernel is the one in the package freertos-next; the environment variable FREERTOS_KERNEL_PATH names another one.
    Freertos(freertos::Options),
    /// Plant the faults of xtask/faults one at a time; the named test must find each (1 hour for all of them)
    Faults(faults::Options),
    /// List the source files that an alloc, a free and a replay cross, and compare their number with targets (2 minutes)
    ///
    /// Counted is each file of this repository of which a line inside of a function is executed, seen by Valgrind in a build
    /// without optimisation. Derived code is outside of functions and not counted, nor are the standard library,
    /// dependencies and the calling program. The free is two calls, counted together: one that serves a waiting task while
    /// call sites are recorded, and one that is refused and reported. For the replay, the files of crates/poolscope count;
    /// those of other crates are listed with their own sum. Needs gcc and valgrind.
    Path,
    /// Draw docs/replay.svg from what the tool prints (20 seconds)
    Picture,
    /// Build the ESP-IDF component, pack it, and build and run its examples from the package (5 minutes)
    ///
    /// Needs the compilers and emulators of the chips, CMake, picolibc and Python.
    Component(component::Options),
    /// Test the esp-hal example, build it for each chip, and run its images on a model of the chip (3 minutes)
    EspHal,
    /// Write docs/costs.md and docs/costs.svg from firmware/budgets.json (1 second)
    Costs(costs::Options),
    /// Compile and run the C and C++ samples of documents (10 seconds)
    ///
    /// Needs gcc and g++.
    Samples(samples::Options),
}

/// Arguments for another program.
#[derive(Args)]
struct Passed {
    /// Options of that program
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    options: Vec<OsString>,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Some(command) => {
            // Options have made their files absolute by now.
            std::env::set_current_dir(process::root()).map_err(Into::into).and_then(|()| run(command))
        }
        None => Cli::command().print_help().map_err(Into::into),
    };
    if let Err(error) = result {
        eprintln!("xtask: {error:#}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn run(command: Command) -> Result<()> {
    let reported = |steps: fn(&mut Report)| {
        let mut report = Report::default();
        steps(&mut report);
        report.finish()
    };
    match command {
        Command::Test(options) => test::run(&options),
        Command::Lint => reported(lint::steps),
        Command::Ctests(options) => ctests::run(&options),
        Command::Header => reported(header::steps),
        Command::Hotpath => reported(hotpath::steps),
        Command::Bench(passed) => bench::run(&passed.options),
        Command::Budgets(options) => budgets::run(&options),
        Command::FirstSample => reported(first_sample::step),
        Command::Fuzz(options) => fuzz::run(&options),
        Command::Stress(options) => stress::run(&options),
        Command::Peers(passed) => bench::peers(&passed.options),
        Command::Qemu(options) => qemu::run(&options),
        Command::Freertos(options) => freertos::run(&options),
        Command::Faults(options) => faults::run(&options),
        Command::Path => path::run(),
        Command::Picture => picture::run(),
        Command::Component(options) => component::run(&options),
        Command::EspHal => reported(esp_hal::steps),
        Command::Costs(options) => costs::run(&options),
        Command::Samples(options) => samples::run(&options),
    }
}

/// A file that a user names, as seen from where the user is.
fn file(name: &str) -> std::io::Result<PathBuf> {
    std::path::absolute(name)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn every_command_says_in_its_help_how_long_it_takes() {
        super::Cli::command().debug_assert();
        for command in super::Cli::command().get_subcommands() {
            let about = command.get_about().expect("a help text").to_string();
            assert!(
                about.contains("minute") || about.contains("second") || about.contains("hour"),
                "{about}"
            );
        }
    }
}
