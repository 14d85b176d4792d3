//! `cargo xtask component`: the ESP-IDF component, made, packed, and tried as a user has it.
//!
//! ```text
//!   components/MicroUSC ---.
//!   crates/capi/include ---+--> target/xtask/component/MicroUSC --> compote: the package --> unpacked in an empty folder
//!   crates/capi, an archive '                                                                   examples: CMake, QEMU
//!   for each instruction set
//! ```
//!
//! ESP-IDF is not needed: `components/tests/standin` stands for the little of it that is used.

mod archives;
mod assemble;
mod c_file;
mod console;
mod costs;
mod data;
mod images;
mod metrics;
mod placement;
mod python;
mod sizes;
mod xtensa;

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::archive;
use crate::process::root;
use crate::qemu;
use crate::report::{Done, Report, Skip};

pub(crate) use python::environment as python_environment;

/// The component's name, hence its folder's.
const NAME: &str = "MicroUSC";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only make the folder with headers and archives
    #[arg(value_parser = ["archives"])]
    part: Option<String>,
}

/// Makes, packs and tries everything, or only makes the folder.
pub(crate) fn run(options: &Options) -> Result<()> {
    let mut report = Report::default();
    if options.part.is_none() {
        steps(&mut report);
    } else if all_archives(&mut report) {
        report.step("component: folder", assemble::folder);
    }
    report.finish()
}

/// The archives; whether those of RISC-V were made.
fn all_archives(report: &mut Report) -> bool {
    let mut made = false;
    report.step("component: archives of RISC-V", || {
        let done = archives::riscv()?;
        made = matches!(done, Done::Passed(_));
        Ok(done)
    });
    report.step("component: archives of Xtensa", archives::xtensa);
    report.step("component: archives of Xtensa, by Espressif", archives::xtensa_by_espressif);
    made
}

/// Everything, for a report of several commands.
pub(crate) fn steps(report: &mut Report) {
    report.step("component: metrics by Prometheus's parser", metrics::check);
    let made = all_archives(report);
    report.step("component: archives of RISC-V, by rustup's targets", archives::riscv_by_rustup);
    report.step("component: Xtensa code under a linker that shortens", qemu::check_relaxed);
    if !made {
        report.step("component: everything that is made of its archives", || {
            Err(Skip::because("it has no archives of RISC-V"))
        });
        return;
    }
    type Step = (&'static str, fn() -> Result<Done>);
    let steps: [Step; 13] = [
        ("beside other Rust code", archives::beside_other_rust),
        ("folder", assemble::folder),
        ("from the repository, by Cargo", images::from_repository),
        ("C file", c_file::check),
        ("Kconfig", python::kconfig),
        ("package", python::pack),
        ("manifests", python::manifests),
        ("examples", images::on_riscv),
        ("examples on Xtensa", images::on_xtensa),
        ("costs in Kconfig", costs::check),
        ("console command", console::check),
        ("esp-idf-size", sizes::riscv),
        ("esp-idf-size on Xtensa", sizes::xtensa),
    ];
    for (what, step) in steps {
        report.step(&format!("component: {what}"), step);
    }
}

/// Where everything is made.
fn work_dir() -> Result<PathBuf> {
    archive::work_dir("component")
}

/// The component as it is packed.
fn component_dir() -> Result<PathBuf> {
    Ok(work_dir()?.join(NAME))
}

/// The stand-ins for ESP-IDF.
fn standin() -> PathBuf {
    root().join("components/tests/standin")
}

/// An archive of the component, built or to be built.
fn archive_path(root: &Path, set: &str, lock: &str) -> PathBuf {
    root.join("lib").join(set).join(lock).join("libmicrousc_memory.a")
}
