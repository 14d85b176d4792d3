//! `cargo xtask qemu`: the programs in `firmware/` on every chip class, under an emulator.
//!
//! ```text
//!   data        firmware/targets.toml and programs.toml
//!   toolchain   the two archives: libmicrousc_memory.a and the Rust programs             once a target
//!   link        runtime/<architecture> + a C program, or a function of the Rust ones     once a program
//!   run         QEMU; what it printed and how it ended, against the file beside the program
//! ```

mod cargo;
mod data;
mod link;
mod points;
mod relaxed;
mod run;
mod toolchain;
mod trace;
mod xtensa;

use anyhow::{Context, Result, ensure};

use crate::archive::target_dir;
use crate::header;
use crate::process::Run;
use crate::report::{Done, Report, in_parallel};

pub(crate) use cargo::{MadeBy, cargo, clippy, need as need_compiler, need_debian};
pub(crate) use data::{
    BUDGETS, FREERTOS, ON_FREERTOS, PROGRAMS, Port, Program, TARGETS, Target, check_names, wants,
};
pub(crate) use link::Linker;
pub(crate) use relaxed::check as check_relaxed;
pub(crate) use run::{check, passed, traced};
pub(crate) use toolchain::{UNWIND_TABLES, build, by_rustup, made_by, memory, need};
pub(crate) use trace::Trace;
pub(crate) use xtensa::image as windowed_image;

#[derive(clap::Args, Default)]
pub(crate) struct Options {
    /// Chip classes (firmware/targets.toml); all of them by default
    #[arg(long = "target", value_name = "NAME")]
    targets: Vec<String>,
    /// Accept what the programs print as the expected text
    #[arg(long)]
    overwrite: bool,
    /// Programs (firmware/programs.toml); all of them by default
    #[arg(value_name = "PROGRAM")]
    programs: Vec<String>,
}

/// Builds and runs what the options name, or everything.
pub(crate) fn run(options: &Options) -> Result<()> {
    check_names("target", &options.targets, TARGETS.iter().map(|target| target.name.as_str()))?;
    check_names("program", &options.programs, PROGRAMS.iter().map(|program| program.name.as_str()))?;
    let mut report = Report::default();
    if options.targets.is_empty() && options.programs.is_empty() {
        steps(&mut report);
    } else {
        on_targets(options, &mut report);
    }
    report.finish()
}

/// Everything, for a report of several commands.
pub(crate) fn steps(report: &mut Report) {
    report.step("clippy and documentation of what chips run", lint);
    on_targets(&Options::default(), report);
    // What users of rustup build, by one instruction set of each architecture. Their `core` is compiled for speed and has
    // unwind tables. Neither may break a program.
    for target in ["riscv32imc", "thumbv6m"].map(Target::named) {
        if let Some(target) = by_rustup(target, "rustup") {
            let what = format!("emulated {}, by rustup's target", target.name);
            report.step(&what, || on_target(&target, &Options::default()));
        }
    }
}

fn on_targets(options: &Options, report: &mut Report) {
    for target in TARGETS.iter().filter(|target| wants(&options.targets, &target.name)) {
        let what = format!("emulated {} ({})", target.name, target.chips);
        report.step(&what, || on_target(target, options));
    }
}

fn on_target(target: &Target, options: &Options) -> Result<Done> {
    need(target)?;
    let archives = build(target)?;
    header::against_archive(&archives.memory, "microusc_bare_")?;
    let programs: Vec<&Program> = PROGRAMS
        .iter()
        .filter(|program| program.runs_on(target) && wants(&options.programs, &program.name))
        .collect();
    let linker = Linker::new(target, &archives)?;
    let results = in_parallel(&programs, |program| {
        let image = linker.link(program)?;
        let run = run::check(target, program, &image, options.overwrite)?;
        let note = if program.everywhere {
            points::check(&linker, program, &image, &run.printed)?
        } else {
            run.measured().map(|line| format!("\n    {line}")).collect()
        };
        anyhow::Ok((run.time, note))
    });
    let mut failures = Vec::new();
    for (program, result) in programs.iter().zip(results) {
        match result {
            Ok((time, note)) => println!("  {:<24} ok in {:.2} s  {note}", program.name, time.as_secs_f64()),
            Err(error) => failures.push(format!("{} on {}: {error:#}", program.name, target.name)),
        }
    }
    ensure!(failures.is_empty(), "{}", failures.join("\n"));
    Ok(Done::Passed(format!("{} programs", programs.len())))
}

/// Clippy and rustdoc on what is built for chips only, for the target with the most of it: two cores, with a port for both.
fn lint() -> Result<Done> {
    let target = Target::named("riscv32imac-smp2");
    need_compiler(&target.rust)?;
    let packages = [
        ("Cargo.toml", "microusc-memory", target.features.as_str()),
        ("Cargo.toml", "microusc-memory", "bare,mask-functions"),
        ("Cargo.toml", "microusc-memory", "esp_idf,multicore"),
        ("Cargo.toml", "microusc-memory", "esp_idf,portmux"),
        ("firmware/rust/Cargo.toml", "firmware", ""),
    ];
    for (manifest, package, features) in packages {
        let common = |cargo: &mut std::process::Command| {
            cargo.args(["--quiet", "--lib", "--manifest-path", manifest, "--package", package]);
            cargo.args(["--no-default-features", "--features", features, "--target", &target.rust]);
            cargo.arg("--target-dir").arg(target_dir().join("firmware"));
        };
        let mut clippy = clippy(&target.rust);
        common(&mut clippy);
        clippy.args(["--", "-D", "warnings"]).shown().with_context(|| format!("clippy on {package}"))?;
        let mut doc = cargo(&target.rust);
        doc.args(["doc", "--no-deps", "--document-private-items"]).env("RUSTDOCFLAGS", "-D warnings");
        common(&mut doc);
        doc.shown().with_context(|| format!("documentation of {package}"))?;
    }
    Done::passed()
}
