//! `cargo xtask esp-hal`: the example for bare metal with esp-hal, tested on this machine, built for each chip, looked at as
//! a program, made an image, and that run on a model of the chip.
//!
//! ```text
//!   examples/esp-hal --cargo test-->  the station, a thread in place of the interrupt
//!                    --cargo build--> program (ELF) --elf.rs-->   pools in .bss, no panic where blocks are taken and returned
//!                                            '-------esptool----> image --esptool--> chip, segments, checksum, descriptor
//!                                                                    '-----model---> what README.md says it prints
//! ```
//!
//! Emulators of these chips exist, but not as packages. So `tests/machine.py` of the example models what the station uses of them.

mod calls;
mod elf;
mod image;
mod model;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use xshell::{Shell, cmd};

use crate::archive;
use crate::qemu::{self, TARGETS, Target};
use crate::report::{Done, Report};
use crate::tools::{self, LLD};

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

impl Chip {
    /// For the toolchain, which wants to know no more than the name.
    fn target(&self) -> Target {
        Target { rust: self.rust, ..TARGETS[0] }
    }
}

/// Does all of it.
pub(crate) fn run(sh: &Shell, arguments: Vec<OsString>) -> Result<()> {
    ensure!(arguments.is_empty(), "`esp-hal` takes no arguments");
    let mut report = Report::default();
    steps(sh, &mut report);
    report.finish()
}

/// The same, for a report of several commands.
pub(crate) fn steps(sh: &Shell, report: &mut Report) {
    report.step("esp-hal: the station on this machine", || on_this_machine(sh));
    report.step("esp-hal: clippy", || clippy(sh, &CHIPS[0]));
    for chip in &CHIPS {
        let program = std::cell::Cell::new(None);
        report.step(&format!("esp-hal: {}", chip.name), || build(sh, chip, &program));
        let Some(program) = program.take() else { continue };
        report.step(&format!("esp-hal: what {} runs", chip.name), || elf::check(sh, &program));
        report.step(&format!("esp-hal: image for {}", chip.name), || image::check(sh, chip, &program));
        report.step(&format!("esp-hal: {}, a model of it", chip.name), || model::check(sh, chip, &program));
    }
}

/// One folder for tests and chips, so that what runs while building is built once.
fn target_dir(sh: &Shell) -> PathBuf {
    archive::target_dir(sh).join("esp-hal")
}

fn on_this_machine(sh: &Shell) -> Result<Done> {
    let dir = target_dir(sh);
    let _in_example = sh.push_dir(EXAMPLE);
    cmd!(sh, "cargo test --quiet --locked --target-dir {dir}").run()?;
    cmd!(sh, "cargo clippy --quiet --locked --all-targets --target-dir {dir} -- -D warnings").run()?;
    Done::passed()
}

/// Builds for the chip as a user does; the program's path is left in `program`.
fn build(sh: &Shell, chip: &Chip, program: &std::cell::Cell<Option<PathBuf>>) -> Result<Done> {
    let target = &chip.target();
    if let Some(why) = (target.toolchain.missing)(sh, target)? {
        return Ok(Done::Skipped(why));
    }
    let linker = match linker(sh)? {
        Ok(linker) => linker,
        Err(why) => return Ok(Done::Skipped(why)),
    };
    let mut build = qemu::cargo(target);
    build.arg("build");
    let mut build = cargo(sh, chip, build);
    linker.tell(&mut build, chip)?;
    ensure!(build.status()?.success(), "it does not build");
    let built = target_dir(sh).join(chip.rust).join("release").join(NAME);
    let bytes = std::fs::metadata(&built)?.len();
    program.set(Some(built));
    Ok(Done::Passed(format!("{} KiB with what debuggers need", bytes / 1024)))
}

/// Clippy on what only chips see. All of esp-hal is checked for it once more, so that one chip must do.
fn clippy(sh: &Shell, chip: &Chip) -> Result<Done> {
    let target = &chip.target();
    if let Some(why) = (target.toolchain.missing)(sh, target)? {
        return Ok(Done::Skipped(why));
    }
    let mut clippy = cargo(sh, chip, qemu::clippy(target));
    ensure!(clippy.args(["--", "-D", "warnings"]).status()?.success(), "clippy has something to say");
    Done::passed()
}

/// Cargo or clippy with what both need to know about the chip.
fn cargo(sh: &Shell, chip: &Chip, mut cargo: Command) -> Command {
    cargo.args(["--quiet", "--locked", "--release", "--features", chip.name, "--target", chip.rust]);
    cargo.arg("--target-dir").arg(target_dir(sh)).current_dir(sh.current_dir().join(EXAMPLE));
    cargo
}

/// What links for these chips.
enum Linker {
    /// rustc's own, in this folder: rustup brings it along.
    Rust(PathBuf),
    /// The same program by itself.
    Lld,
}

/// Debian's rustc has no linker of its own, so that it is shown one: rustup's, if that is there, or Debian's.
fn linker(sh: &Shell) -> Result<std::result::Result<Linker, String>> {
    let libraries = cmd!(sh, "rustc --print target-libdir").quiet().read()?;
    let programs = Path::new(&libraries).with_file_name("bin");
    if programs.join("rust-lld").exists() {
        return Ok(Ok(Linker::Rust(programs)));
    }
    Ok(tools::missing(sh, LLD)?.map_or(Ok(Linker::Lld), Err))
}

impl Linker {
    fn tell(&self, cargo: &mut Command, chip: &Chip) -> Result<()> {
        match self {
            Self::Rust(programs) => {
                let path = std::env::var_os("PATH").unwrap_or_default();
                let folders = std::iter::once(programs.clone()).chain(std::env::split_paths(&path));
                cargo.env("PATH", std::env::join_paths(folders)?);
            }
            Self::Lld => {
                let target = chip.rust.replace('-', "_").to_uppercase();
                cargo.env(format!("CARGO_TARGET_{target}_LINKER"), LLD.name);
            }
        }
        Ok(())
    }
}
