//! The Rust side, by one of two compilers:
//!
//! ```text
//!   Debian's    compiles `core` from its source, with the flags of the profile     where its packages are
//!   rustup's    has a `core` that came compiled, for speed and with unwind tables   else, if the target was added
//! ```
//!
//! What is built must pass by both. But no two compilers make the same instructions, so figures are compared between builds
//! by the same one alone ([`Toolchain::made_by`]). Debian's comes first because Xtensa needs it in any case: where every test
//! can run, all of them are by one compiler, whatever rustup has. There the other is tried on the side (`installed.rs`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use super::link::Linker;
use super::programs::Program;
use super::targets::Target;
use crate::archive;
use crate::hotpath;
use crate::tools::{self, DEBIAN_CARGO, DEBIAN_CLIPPY, DEBIAN_RUST_SOURCE, DEBIAN_RUSTC, Tool};

/// How the archives of a target are made.
pub(crate) struct Toolchain {
    /// Why they cannot be made here, if so. In CI what is missing is installed.
    pub(crate) missing: fn(&Shell, &Target) -> Result<Option<String>>,
    pub(crate) build: fn(&Shell, &Target) -> Result<Archives>,
    /// Makes the first of them alone.
    pub(crate) memory: fn(&Shell, &Target) -> Result<PathBuf>,
    /// Which programs, in which versions, make instructions of ours. Figures of others are not compared.
    pub(crate) made_by: fn(&Target) -> Result<MadeBy>,
    /// Compiles the C of a program, and links it into the image at the path.
    pub(crate) link: fn(&Linker<'_>, &Program, &Path) -> Result<()>,
}

/// Programs and their versions.
pub(crate) type MadeBy = BTreeMap<String, String>;

/// What programs are linked with.
pub(crate) struct Archives {
    /// The C ABI.
    pub(crate) memory: PathBuf,
    /// Every program that is written in Rust.
    pub(crate) programs: PathBuf,
}

/// Targets that rustc knows by name, by the compiler that is there.
pub(crate) const RUST: Toolchain = Toolchain {
    missing,
    build: |sh, target| build(sh, target, Compiler::of(target)),
    memory: |sh, target| memory_alone(sh, target, Compiler::of(target)),
    made_by: |target| made_by(target, Compiler::of(target)),
    link,
};

/// The same, by the compiler that runs these tests, whatever else there is.
pub(super) const BY_RUSTUP: Toolchain = Toolchain {
    missing: |_, target| Ok(installed_missing(target)),
    build: |sh, target| build(sh, target, Compiler::Rustup),
    memory: |sh, target| memory_alone(sh, target, Compiler::Rustup),
    made_by: |target| made_by(target, Compiler::Rustup),
    link,
};

/// Whose compiler it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Compiler {
    Debian,
    Rustup,
}

impl Compiler {
    /// The one for a target.
    fn of(target: &Target) -> Self {
        Self::choose(DEBIANS.iter().all(|tool| tools::is_there(*tool)), is_installed(target))
    }

    /// With neither, [`missing`] says what to install.
    fn choose(debian: bool, installed: bool) -> Self {
        if debian || !installed { Self::Debian } else { Self::Rustup }
    }
}

/// Where Debian's packages put a compiler with the sources of its library.
const DEBIAN: [(&str, &str); 5] = [
    ("CARGO", "/usr/bin/cargo"),
    ("RUSTC", "/usr/bin/rustc"),
    ("RUSTDOC", "/usr/bin/rustdoc"),
    ("RUSTC_BOOTSTRAP", "1"),
    ("CARGO_UNSTABLE_BUILD_STD", "core,alloc"),
];

/// Whether rustup's compiler is the one for the target.
pub(super) fn is_by_rustup(target: &Target) -> bool {
    Compiler::of(target) == Compiler::Rustup
}

/// All that Debian's compiler consists of.
const DEBIANS: [Tool; 4] = [DEBIAN_RUSTC, DEBIAN_CARGO, DEBIAN_CLIPPY, DEBIAN_RUST_SOURCE];

/// Whether the compiler that runs these tests has the target's library.
fn is_installed(target: &Target) -> bool {
    let mut rustc = Command::new("rustc");
    forget_outer_cargo(&mut rustc, Compiler::Rustup);
    let asked = rustc.args(["--print", "target-libdir", "--target", target.rust]).output();
    asked.is_ok_and(|output| {
        output.status.success() && Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir()
    })
}

/// Why the compiler that runs these tests cannot be used, if so.
fn installed_missing(target: &Target) -> Option<String> {
    (!is_installed(target)).then(|| format!("not installed: rustup target add {}", target.rust))
}

fn missing(sh: &Shell, target: &Target) -> Result<Option<String>> {
    // In CI Debian's is installed, so that everything is by one compiler.
    if !tools::in_ci() && is_installed(target) {
        return Ok(None);
    }
    Ok(debian_missing(sh)?.map(|why| format!("rustup target add {}; or: {why}", target.rust)))
}

/// Why Debian's compiler cannot be used, if so.
pub(crate) fn debian_missing(sh: &Shell) -> Result<Option<String>> {
    for tool in DEBIANS {
        if let Some(why) = tools::missing(sh, tool)? {
            return Ok(Some(why));
        }
    }
    Ok(None)
}

fn build(sh: &Shell, target: &Target, compiler: Compiler) -> Result<Archives> {
    let description = Path::new(target.rust);
    let memory = memory_alone(sh, target, compiler)?;
    if target.rust.starts_with("riscv") {
        hotpath::check_instruction_ram(&hotpath::members(&std::fs::read(&memory)?)?)?;
    }
    let programs = programs(sh, target, cargo_of(compiler), description)?;
    drop_unwind_tables(sh, target, &programs)?;
    Ok(Archives { memory, programs })
}

/// The archive of the C ABI, for a target that rustc knows by name.
fn memory_alone(sh: &Shell, target: &Target, compiler: Compiler) -> Result<PathBuf> {
    let archive = memory(sh, target, cargo_of(compiler), Path::new(target.rust))?;
    drop_unwind_tables(sh, target, &archive)?;
    Ok(archive)
}

/// Takes out what only unwinding reads, which no chip does: a compiled `core` brings it along, for its own functions, into
/// programs that are built without. Linker scripts for chips discard it; the scripts here keep everything that comes. GNU
/// `ld` crashes on two archives with it, and on Arm it asks for an unwinder.
fn drop_unwind_tables(sh: &Shell, target: &Target, archive: &Path) -> Result<()> {
    let Some(objcopy) = target.compiler[0].strip_suffix("gcc").filter(|prefix| !prefix.is_empty()) else {
        return Ok(()); // of this machine, whose linker knows them
    };
    let objcopy = format!("{objcopy}objcopy");
    let arguments = UNWIND_TABLES
        .iter()
        .flat_map(|name| [format!("--remove-section={name}*"), format!("--remove-section=.rel*{name}*")]);
    cmd!(sh, "{objcopy} {arguments...} {archive}").quiet().run()?;
    Ok(())
}

/// How the names of sections begin that only unwinding reads, on RISC-V and on Arm.
pub(crate) const UNWIND_TABLES: [&str; 3] = [".eh_frame", ".ARM.exidx", ".ARM.extab"];

/// Of `core`.
pub(super) const FROM_SOURCE: &str = "from source, for size";

fn made_by(target: &Target, compiler: Compiler) -> Result<MadeBy> {
    let (rustc, core) = match compiler {
        Compiler::Debian => (DEBIAN_RUSTC.name, FROM_SOURCE),
        Compiler::Rustup => ("rustc", "came compiled"),
    };
    let mut command = Command::new(rustc);
    forget_outer_cargo(&mut command, compiler);
    let gcc = target.compiler[0];
    Ok(MadeBy::from([
        ("rustc".to_owned(), version_of(command)?),
        ("core".to_owned(), core.to_owned()),
        (gcc.to_owned(), version_of(Command::new(gcc))?),
    ]))
}

/// What a compiler or a linker calls itself, as `1.96.0`: the first word that looks like that.
pub(super) fn version_of(mut program: Command) -> Result<String> {
    let said = program.arg("--version").output()?;
    let said = String::from_utf8_lossy(&said.stdout);
    version_in(&said).map(str::to_owned).with_context(|| format!("{program:?} does not say its version"))
}

fn version_in(said: &str) -> Option<&str> {
    let words = said.split([' ', '\n', '(', ')', ',']);
    let mut numbers = words.map(|word| {
        let end = word.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(word.len());
        &word[..end]
    });
    numbers.find(|number| number.contains('.') && number.starts_with(|c: char| c.is_ascii_digit()))
}

/// Cargo with the target's compiler.
pub(crate) fn cargo(target: &Target) -> Command {
    cargo_of(Compiler::of(target))
}

fn cargo_of(compiler: Compiler) -> Command {
    with_compiler(compiler, "/usr/bin/cargo")
}

/// Clippy with the target's compiler.
pub(crate) fn clippy(target: &Target) -> Command {
    let mut clippy = with_compiler(Compiler::of(target), "/usr/bin/cargo-clippy");
    clippy.arg("clippy");
    clippy
}

/// Cargo by that compiler. `debians` is the program that is Debian's Cargo, or its command for Clippy.
fn with_compiler(compiler: Compiler, debians: &str) -> Command {
    let mut command = Command::new(if compiler == Compiler::Debian { debians } else { "cargo" });
    forget_outer_cargo(&mut command, compiler);
    if compiler == Compiler::Debian {
        command.envs(DEBIAN);
    }
    command
}

fn link(linker: &Linker<'_>, program: &Program, image: &Path) -> Result<()> {
    linker.drive(program, image)
}

/// What the Cargo that runs this set for its own compiler. Which toolchain of rustup that is holds for rustup's further on, and
/// for nothing else.
pub(super) fn forget_outer_cargo(command: &mut Command, compiler: Compiler) {
    for inherited in ["RUSTFLAGS", "LD_LIBRARY_PATH", "CARGO", "RUSTC", "RUSTDOC"] {
        command.env_remove(inherited);
    }
    if compiler == Compiler::Debian {
        command.env_remove("RUSTUP_TOOLCHAIN");
    }
}

/// The archive of the C ABI, by a Cargo that is set up for the target.
pub(super) fn memory(sh: &Shell, target: &Target, cargo: Command, rust: &Path) -> Result<PathBuf> {
    staticlib(sh, target, cargo, rust, ("Cargo.toml", "microusc-memory", target.features))
}

/// The archive of the Rust programs, likewise.
pub(super) fn programs(sh: &Shell, target: &Target, cargo: Command, rust: &Path) -> Result<PathBuf> {
    staticlib(sh, target, cargo, rust, ("firmware/rust/Cargo.toml", "firmware", target.pool_features))
}

/// Builds one archive. One target directory for all of them, so that `core` is built once a target.
fn staticlib(
    sh: &Shell,
    target: &Target,
    mut cargo: Command,
    rust: &Path,
    (manifest, package, features): (&str, &str, &str),
) -> Result<PathBuf> {
    let dir = archive::target_dir(sh).join("firmware");
    cargo.args(["rustc", "--quiet", "--lib", "--crate-type", "staticlib", "--profile", "firmware"]);
    cargo.args(["--manifest-path", manifest, "--package", package, "--target"]).arg(rust);
    cargo.args(["--no-default-features", "--features", features]);
    cargo.arg("--target-dir").arg(&dir).current_dir(sh.current_dir());
    let status = cargo.status()?;
    ensure!(status.success(), "{package} does not build for {}", target.rust);
    let triple = rust.file_stem().unwrap_or_default();
    let built = dir.join(triple).join("firmware").join(format!("lib{}.a", package.replace('-', "_")));
    // The next target may be of the same triple with other features.
    let kept = archive::work_dir(sh, target.work)?.join(format!("{}-{package}.a", target.name));
    std::fs::copy(built, &kept)?;
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::{Compiler, version_in};

    #[test]
    fn one_compiler_makes_everything_where_it_is_there() {
        assert_eq!(Compiler::choose(true, false), Compiler::Debian);
        assert_eq!(Compiler::choose(true, true), Compiler::Debian);
        assert_eq!(Compiler::choose(false, true), Compiler::Rustup);
        assert_eq!(Compiler::choose(false, false), Compiler::Debian);
    }

    #[test]
    fn versions_are_read_as_programs_say_them() {
        for (said, version) in [
            ("rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)", "1.96.0"),
            (
                "riscv64-unknown-elf-gcc () 12.2.0\nCopyright (C) 2022 Free Software Foundation, Inc.",
                "12.2.0",
            ),
            ("arm-none-eabi-gcc (15:12.2.rel1-1) 12.2.1 20221205", "12.2.1"),
            ("Debian LLVM version 22.1.8\n  Optimized build.", "22.1.8"),
            ("GNU ld (GNU Binutils for Debian) 2.40", "2.40"),
        ] {
            assert_eq!(version_in(said), Some(version), "{said}");
        }
        assert_eq!(version_in("no version"), None);
    }
}
