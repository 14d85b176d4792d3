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
mod console;
mod costs;
mod emulated;
mod examples;
mod metrics;
mod placement;
mod python;
mod shim;
mod sizes;
mod xtensa;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use xshell::Shell;

pub(crate) use examples::matches;

use crate::archive;
use crate::qemu;
use crate::report::{Done, Report};

pub(crate) use python::environment as python_environment;

/// The component's name, hence its folder's.
const NAME: &str = "MicroUSC";

/// Makes, packs and tries everything; with `archives` makes the folder with those and the headers only.
pub(crate) fn run(sh: &Shell, arguments: Vec<OsString>) -> Result<()> {
    let mut report = Report::default();
    match &arguments[..] {
        [] => steps(sh, &mut report),
        [only] if only == "archives" => {
            if all_archives(sh, &mut report) {
                report.step("component: folder", || assemble::folder(sh));
            }
        }
        _ => bail!("`component` knows `archives` only"),
    }
    report.finish()
}

/// The archives; whether the most of them were made.
fn all_archives(sh: &Shell, report: &mut Report) -> bool {
    let mut made = false;
    report.step("component: archives of RISC-V", || {
        let done = archives::riscv(sh)?;
        made = matches!(done, Done::Passed(_));
        Ok(done)
    });
    report.step("component: archives of Xtensa", || archives::xtensa(sh));
    report.step("component: archives of Xtensa, by Espressif", || archives::xtensa_by_espressif(sh));
    made
}

/// The same, for a report of several commands.
pub(crate) fn steps(sh: &Shell, report: &mut Report) {
    report.step("component: metrics by Prometheus's parser", || metrics::check(sh));
    let made = all_archives(sh, report);
    report.step("component: archives of RISC-V, by rustup's targets", || archives::riscv_by_rustup(sh));
    report.step("component: Xtensa code under a linker that shortens", || qemu::check_relaxed(sh));
    if !made {
        report.step("component: everything that is made of its archives", || {
            Ok(Done::Skipped("it has no archives of RISC-V".to_owned()))
        });
        return;
    }
    report.step("component: beside other Rust code", || archives::beside_other_rust(sh));
    report.step("component: folder", || assemble::folder(sh));
    report.step("component: from the repository, by Cargo", || examples::from_repository(sh));
    report.step("component: C file", || shim::check(sh));
    report.step("component: Kconfig", || python::kconfig(sh));
    report.step("component: package", || python::pack(sh));
    report.step("component: manifests", || python::manifests(sh));
    report.step("component: examples", || examples::from_package(sh));
    report.step("component: examples on Xtensa", || emulated::from_package(sh));
    report.step("component: costs in Kconfig", || costs::check(sh));
    report.step("component: console command", || console::check(sh));
    report.step("component: esp-idf-size", || sizes::riscv(sh));
    report.step("component: esp-idf-size on Xtensa", || sizes::xtensa(sh));
}

/// Where everything is made.
fn work_dir(sh: &Shell) -> Result<PathBuf> {
    archive::work_dir(sh, "component")
}

/// The component as it is packed.
fn component_dir(sh: &Shell) -> Result<PathBuf> {
    Ok(work_dir(sh)?.join(NAME))
}

/// The stand-ins for ESP-IDF.
fn standin(sh: &Shell) -> PathBuf {
    sh.current_dir().join("components/tests/standin")
}

/// An archive of the component, built or to be built.
fn archive_path(root: &Path, set: &str, lock: &str) -> PathBuf {
    root.join("lib").join(set).join(lock).join("libmicrousc_memory.a")
}
