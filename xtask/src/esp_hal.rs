//! `cargo xtask esp-hal`: the example for bare metal with esp-hal, tested on this machine and built for each chip. The program
//! is checked, and its image runs on a model of the chip.
//!
//! ```text
//!   examples/esp-hal --cargo test-->  the station, a thread in place of the interrupt
//!                    --cargo build--> program (ELF) --elf.rs-->   pools in .bss, no panic where blocks are allocated and freed
//!                                            '-------esptool----> image --esptool--> chip, segments, checksum, descriptor
//!                                                                    '-----model---> what README.md says it prints
//! ```
//!
//! Emulators of these chips exist, but not as packages. So `tests/machine.py` of the example models what the station uses of them.

mod elf;
mod image;
mod model;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{Run, cmd, root, sh};
use anyhow::{Context, Result};

use crate::archive;
use crate::qemu;
use crate::report::{Done, Report};
use crate::tools;

const EXAMPLE: &str = "examples/esp-hal";
/// As its package and its program are called.
const NAME: &str = "station";

/// A chip that the example is for.
struct Chip {
    /// Also the feature, and the name for esptool.
    name: &'static str,
    /// As esptool writes it.
    written: &'static str,
    rust: &'static str,
}

const CHIPS: [Chip; 2] = [
    Chip { name: "esp32c3", written: "ESP32-C3", rust: "riscv32imc-unknown-none-elf" },
    Chip { name: "esp32c6", written: "ESP32-C6", rust: "riscv32imac-unknown-none-elf" },
];

/// All of it, for a report of several commands.
pub(crate) fn steps(report: &mut Report) {
    report.step("esp-hal: the station on this machine", on_this_machine);
    report.step("esp-hal: clippy", || clippy(&CHIPS[0]));
    for chip in &CHIPS {
        let program = std::cell::Cell::new(None);
        report.step(&format!("esp-hal: {}", chip.name), || build(chip, &program));
        let Some(program) = program.take() else { continue };
        report.step(&format!("esp-hal: what {} runs", chip.name), || elf::check(&program));
        report.step(&format!("esp-hal: image for {}", chip.name), || image::check(chip, &program));
        report.step(&format!("esp-hal: {}, a model of it", chip.name), || model::check(chip, &program));
    }
}

/// One folder for tests and chips, so that what runs while building is built once.
fn target_dir() -> PathBuf {
    archive::target_dir().join("esp-hal")
}

fn on_this_machine() -> Result<Done> {
    let dir = target_dir();
    let _in_example = sh().push_dir(EXAMPLE);
    cmd!("cargo test --quiet --locked --target-dir {dir}").run()?;
    cmd!("cargo clippy --quiet --locked --all-targets --target-dir {dir} -- -D warnings").run()?;
    Done::passed()
}

/// Builds for the chip as a user does; the program's path is left in `program`.
fn build(chip: &Chip, program: &std::cell::Cell<Option<PathBuf>>) -> Result<Done> {
    qemu::need_compiler(chip.rust)?;
    tools::need(&["llc-22"])?;
    let mut build = qemu::cargo(chip.rust);
    build.arg("build");
    let mut build = cargo(chip, build);
    use_linker(&mut build, chip)?;
    build.shown().context("it does not build")?;
    let built = target_dir().join(chip.rust).join("release").join(NAME);
    let bytes = std::fs::metadata(&built)?.len();
    program.set(Some(built));
    Ok(Done::Passed(format!("{} KiB with what debuggers need", bytes / 1024)))
}

/// Clippy on what only chips see. All of esp-hal is checked for it once more, so that one chip must do.
fn clippy(chip: &Chip) -> Result<Done> {
    qemu::need_compiler(chip.rust)?;
    cargo(chip, qemu::clippy(chip.rust)).args(["--", "-D", "warnings"]).shown()?;
    Done::passed()
}

/// Cargo or clippy with what both need to know about the chip.
fn cargo(chip: &Chip, mut cargo: Command) -> Command {
    cargo.args(["--quiet", "--locked", "--release", "--features", chip.name, "--target", chip.rust]);
    cargo.arg("--target-dir").arg(target_dir()).current_dir(root().join(EXAMPLE));
    cargo
}

/// Debian's rustc has no linker of its own, so it gets one: that of rustup's rustc, if that is installed, or Debian's.
fn use_linker(cargo: &mut Command, chip: &Chip) -> Result<()> {
    let libraries = cmd!("rustc --print target-libdir").quiet().read()?;
    let programs = Path::new(&libraries).with_file_name("bin");
    if programs.join("rust-lld").exists() {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(programs).chain(std::env::split_paths(&path));
        cargo.env("PATH", std::env::join_paths(folders)?);
    } else {
        tools::need(&["ld.lld"])?;
        let target = chip.rust.replace('-', "_").to_uppercase();
        cargo.env(format!("CARGO_TARGET_{target}_LINKER"), "ld.lld");
    }
    Ok(())
}
