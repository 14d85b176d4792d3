//! `cargo xtask freertos`: the programs in `firmware/freertos` on an unmodified FreeRTOS kernel, as a program of this
//! machine (the kernel's POSIX port) and on an emulated chip. One source, one expected output. `--samples FILE` runs the
//! samples of a document there as well.
//!
//! The kernel is the one that the package `freertos-next` carries; FREERTOS_KERNEL_PATH names another.

mod samples;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use lexopt::{Arg, Parser, ValueExt};
use xshell::{Shell, cmd};

use crate::archive;
use crate::header;
use crate::qemu::{self, FREERTOS, ON_FREERTOS, Program, Source, Target};
use crate::report::{Done, Report};
use crate::samples::Document;

/// What every application compiles of the kernel.
const KERNEL: [&str; 4] = ["tasks.c", "list.c", "queue.c", "portable/MemMang/heap_4.c"];

/// What knows the kernel for the archive.
const PORT_OF_THE_POOLS: &str = "crates/port/src/freertos/microusc_port_freertos.c";
/// Where the headers of programs are.
const INCLUDE: [&str; 3] = ["firmware/runtime", "firmware/programs", "crates/capi/include"];

/// What a target compiles besides, and where the kernel's headers for it are.
struct Port {
    target: &'static str,
    sources: &'static [&'static str],
    headers: &'static [&'static str],
    /// For the compiler, kernel and application alike.
    flags: &'static [&'static str],
    libraries: &'static [&'static str],
}

const PORTS: [Port; 2] = [
    Port {
        target: "freertos-posix",
        sources: &[
            "portable/ThirdParty/GCC/Posix/port.c",
            "portable/ThirdParty/GCC/Posix/utils/wait_for_event.c",
        ],
        headers: &["portable/ThirdParty/GCC/Posix", "portable/ThirdParty/GCC/Posix/utils"],
        flags: &["-O1"],
        libraries: &[],
    },
    Port {
        target: "freertos-riscv32imc",
        sources: &["portable/GCC/RISC-V/port.c", "portable/GCC/RISC-V/portASM.S"],
        headers: &[
            "portable/GCC/RISC-V",
            "portable/GCC/RISC-V/chip_specific_extensions/RV32I_CLINT_no_extensions",
        ],
        flags: &[
            "-Os",
            "-ffreestanding",
            "-nostdlib",
            "-static",
            "-I",
            "firmware/runtime/include",
            "-I",
            "firmware/freertos/riscv/include",
            "-Wl,--no-warn-rwx-segments",
        ],
        libraries: &["-lgcc"],
    },
];

/// What was asked for on the command line.
#[derive(Default)]
struct Options {
    /// Targets by name; empty: all.
    targets: Vec<String>,
    /// Programs by name; empty: all.
    programs: Vec<String>,
    /// Documents whose samples run as well.
    samples: Vec<PathBuf>,
    /// Write down what is printed, instead of comparing it.
    overwrite: bool,
}

impl Options {
    fn parse(arguments: Vec<OsString>) -> Result<Self> {
        let mut parser = Parser::from_args(arguments);
        let mut options = Self::default();
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Long("target") => options.targets.push(parser.value()?.parse()?),
                Arg::Long("samples") => options.samples.push(parser.value()?.into()),
                Arg::Long("overwrite") => options.overwrite = true,
                Arg::Value(name) => options.programs.push(name.parse()?),
                other => bail!(
                    "{}; `freertos` knows `--target NAME`, `--samples FILE.md`, `--overwrite` and names of programs",
                    other.unexpected()
                ),
            }
        }
        let known = FREERTOS.map(|target| target.name);
        if let Some(name) = options.targets.iter().find(|name| !known.contains(&name.as_str())) {
            bail!("no target `{name}`; there are {}", known.join(", "));
        }
        let known: Vec<_> = ON_FREERTOS.iter().map(|program| program.name).collect();
        if let Some(name) = options.programs.iter().find(|name| !known.contains(&name.as_str())) {
            bail!("no program `{name}`; there are {}", known.join(", "));
        }
        Ok(options)
    }
}

/// Builds and runs what the arguments ask for, or everything.
pub(crate) fn run(sh: &Shell, arguments: Vec<OsString>) -> Result<()> {
    let mut report = Report::default();
    let options = Options::parse(arguments)?;
    on_targets(sh, &options, &mut report);
    for document in &options.samples {
        samples_of(sh, document, &mut report);
    }
    report.finish()
}

/// Everything, for a report of several commands.
pub(crate) fn steps(sh: &Shell, report: &mut Report) {
    report.step("clippy and documentation of the port for FreeRTOS", || lint(sh));
    on_targets(sh, &Options::default(), report);
}

/// The samples of a document, which lies outside of the project.
pub(crate) fn samples_of(sh: &Shell, document: &Path, report: &mut Report) {
    let what = format!("samples of {} on FreeRTOS", document.file_name().unwrap_or_default().display());
    report.step(&what, || samples::check(sh, document));
}

fn on_targets(sh: &Shell, options: &Options, report: &mut Report) {
    for (target, port) in FREERTOS.iter().zip(&PORTS) {
        if qemu::wants(&options.targets, target.name) {
            report.step(&format!("{} ({})", target.name, target.chips), || {
                on_target(sh, target, port, options)
            });
        }
    }
}

/// The port as the POSIX target has it.
fn lint(sh: &Shell) -> Result<Done> {
    let package = ["--quiet", "--lib", "--package", "microusc-memory", "--no-default-features"];
    let port = ["--features", "freertos,diagnostics", "--profile", "firmware"];
    cmd!(sh, "cargo clippy {package...} {port...} -- -D warnings").run()?;
    cmd!(sh, "cargo doc {package...} {port...} --no-deps --document-private-items")
        .env("RUSTDOCFLAGS", "-D warnings")
        .run()?;
    Done::passed()
}

fn on_target(sh: &Shell, target: &Target, port: &Port, options: &Options) -> Result<Done> {
    ensure!(target.name == port.target, "targets and ports are listed in different orders");
    if port.target == "freertos-posix" && !cfg!(target_os = "linux") {
        return Ok(Done::Skipped("the target of this machine is known for Linux only".to_owned()));
    }
    if let Some(why) = qemu::missing(sh, target)? {
        return Ok(Done::Skipped(why));
    }
    let build = Build::new(sh, target, port)?;
    header::against_archive(sh, &build.archive, "microusc_freertos_")?;
    build.samples()?;
    let objects = build.kernel_objects()?;
    let programs: Vec<_> = ON_FREERTOS
        .iter()
        .filter(|program| program.is_for(target) && qemu::wants(&options.programs, program.name))
        .collect();
    for program in &programs {
        let image = build.link(program, &objects)?;
        let run = qemu::check(target, program, &image, options.overwrite)
            .with_context(|| format!("{} on {}", program.name, target.name))?;
        println!("  {:<24} ok in {:.2} s", program.name, run.time.as_secs_f64());
    }
    Ok(Done::Passed(format!("{} programs", programs.len())))
}

/// The folder of the kernel.
fn kernel(sh: &Shell) -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("FREERTOS_KERNEL_PATH") {
        return Ok(sh.current_dir().join(path));
    }
    let manifest = "firmware/freertos/kernel/Cargo.toml";
    let told =
        cmd!(sh, "cargo metadata --locked --format-version 1 --manifest-path {manifest}").quiet().read()?;
    let told: serde_json::Value = serde_json::from_str(&told)?;
    let packages = told["packages"].as_array().context("no packages")?;
    let package = packages.iter().find(|package| package["name"] == "freertos-next");
    let manifest =
        package.and_then(|package| package["manifest_path"].as_str()).context("no freertos-next")?;
    let kernel = Path::new(manifest).with_file_name("FreeRTOS-Kernel");
    ensure!(kernel.join("tasks.c").exists(), "{} has no kernel", kernel.display());
    Ok(kernel)
}

/// From kernel, archive and application to an image.
struct Build<'a> {
    target: &'a Target,
    port: &'a Port,
    kernel: PathBuf,
    archive: PathBuf,
    folder: PathBuf,
    root: PathBuf,
}

impl<'a> Build<'a> {
    fn new(sh: &Shell, target: &'a Target, port: &'a Port) -> Result<Self> {
        let build = Self {
            target,
            port,
            kernel: kernel(sh)?,
            archive: qemu::memory_alone(sh, target)?,
            folder: archive::work_dir(sh, "freertos")?.join(target.name),
            root: sh.current_dir(),
        };
        sh.create_dir(&build.folder)?;
        Ok(build)
    }

    fn compiler(&self) -> Result<Command> {
        let mut command = self.compiler_alone()?;
        command.args(self.port.flags);
        Ok(command)
    }

    /// Without what stands for a C library.
    fn compiler_alone(&self) -> Result<Command> {
        let (compiler, flags) = self.target.compiler.split_first().context("no compiler")?;
        let mut command = Command::new(compiler);
        command.args(flags).args(["-g", "-ffunction-sections", "-fdata-sections"]);
        command.current_dir(&self.root).arg("-I").arg("firmware/freertos");
        for folder in ["include"].iter().chain(self.port.headers) {
            command.arg("-isystem").arg(self.kernel.join(folder));
        }
        Ok(command)
    }

    /// The kernel, as it comes: what the compiler thinks of it is not our matter.
    fn kernel_objects(&self) -> Result<Vec<PathBuf>> {
        let mut objects = Vec::new();
        for source in KERNEL.iter().chain(self.port.sources) {
            let object = self.folder.join(source.replace('/', "-")).with_extension("o");
            let mut compiler = self.compiler()?;
            compiler.args(["-w", "-c"]).arg(self.kernel.join(source)).arg("-o").arg(&object);
            succeed(&mut compiler)?;
            objects.push(object);
        }
        Ok(objects)
    }

    /// The samples of the documentation, which only compile.
    fn samples(&self) -> Result<()> {
        let document = Document::parse(&std::fs::read_to_string(self.root.join("docs/freertos.md"))?);
        ensure!(!document.samples.is_empty(), "docs/freertos.md has no sample");
        for sample in &document.samples {
            let source = self.folder.join("sample.c");
            std::fs::write(&source, &sample.text)?;
            let mut compiler = self.compiler()?;
            compiler.args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]);
            succeed(compiler.arg("-I").arg("crates/capi/include").arg(&source))?;
        }
        Ok(())
    }

    /// The linker script, where the target has one.
    fn script_flags(&self) -> Option<String> {
        let script = self.target.script;
        (!script.is_empty()).then(|| format!("-Tfirmware/runtime/{script}"))
    }

    /// What is ours and not the program's: the port of the pools, and the runtime.
    fn own_sources(&self) -> impl Iterator<Item = PathBuf> {
        let runtime = self.target.runtime.iter().map(|source| Path::new("firmware/runtime").join(source));
        [PathBuf::from(PORT_OF_THE_POOLS)].into_iter().chain(runtime)
    }

    fn link(&self, program: &Program, objects: &[PathBuf]) -> Result<PathBuf> {
        let Source::C(file) = program.source else { bail!("{} is not in C", program.name) };
        let image = self.folder.join(program.name).with_extension("elf");
        let mut compiler = self.compiler()?;
        compiler
            .args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Wl,--gc-sections"])
            .args(program.defines);
        for folder in INCLUDE {
            compiler.arg("-I").arg(folder);
        }
        compiler.args(self.script_flags()).arg(Path::new(program.folder).join(file)).args(self.own_sources());
        compiler.args(objects).arg(&self.archive).args(self.port.libraries).arg("-o").arg(&image);
        succeed(&mut compiler)?;
        Ok(image)
    }
}

fn succeed(compiler: &mut Command) -> Result<()> {
    let output = compiler.output().with_context(|| format!("{compiler:?} did not start"))?;
    ensure!(output.status.success(), "the compiler refused:\n{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
