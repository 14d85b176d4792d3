//! `cargo xtask freertos`: the programs in `firmware/freertos` on an unmodified FreeRTOS kernel, as a program of this
//! machine (the kernel's POSIX port) and on an emulated chip. One source, one expected output. `--samples FILE` runs the
//! samples of a document there as well.
//!
//! The kernel is the one that the package `freertos-next` carries; FREERTOS_KERNEL_PATH names another.

mod samples;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::archive::{self, INCLUDE};
use crate::header;
use crate::process::{Run, cmd, root, sh};
use crate::qemu::{self, FREERTOS, ON_FREERTOS, Port, Program, Target, check_names, wants};
use crate::report::{Done, Report};
use crate::samples::Document;

/// What every application compiles of the kernel.
const KERNEL: [&str; 4] = ["tasks.c", "list.c", "queue.c", "portable/MemMang/heap_4.c"];

/// The C file that calls the kernel for the archive.
const PORT_OF_THE_POOLS: &str = "crates/port/src/freertos/microusc_port_freertos.c";
/// Where the headers of programs are.
const FOLDERS: [&str; 3] = ["firmware/runtime", "firmware/programs", INCLUDE];

#[derive(clap::Args, Default)]
pub(crate) struct Options {
    /// freertos-posix or freertos-riscv32imc; both by default
    #[arg(long = "target", value_name = "NAME")]
    targets: Vec<String>,
    /// Documents whose C samples run as well
    #[arg(long = "samples", value_name = "FILE.md", value_parser = crate::file)]
    samples: Vec<PathBuf>,
    /// Accept what the programs print as the expected text
    #[arg(long)]
    overwrite: bool,
    /// Programs (firmware/programs.toml); all of them by default
    #[arg(value_name = "PROGRAM")]
    programs: Vec<String>,
}

/// Builds and runs what the options name, or everything.
pub(crate) fn run(options: &Options) -> Result<()> {
    check_names("target", &options.targets, FREERTOS.iter().map(|(target, _)| target.name.as_str()))?;
    check_names("program", &options.programs, ON_FREERTOS.iter().map(|program| program.name.as_str()))?;
    let mut report = Report::default();
    on_targets(options, &mut report);
    for document in &options.samples {
        samples_of(document, &mut report);
    }
    report.finish()
}

/// Everything, for a report of several commands.
pub(crate) fn steps(report: &mut Report) {
    report.step("clippy and documentation of the port for FreeRTOS", lint);
    on_targets(&Options::default(), report);
}

/// The samples of a document, which lies outside of the project.
pub(crate) fn samples_of(document: &Path, report: &mut Report) {
    let what = format!("samples of {} on FreeRTOS", document.file_name().unwrap_or_default().display());
    report.step(&what, || samples::check(document));
}

fn on_targets(options: &Options, report: &mut Report) {
    for (target, port) in FREERTOS.iter() {
        if wants(&options.targets, &target.name) {
            report.step(&format!("{} ({})", target.name, target.chips), || on_target(target, port, options));
        }
    }
}

/// The port as the POSIX target has it.
fn lint() -> Result<Done> {
    let package = ["--quiet", "--lib", "--package", "microusc-memory", "--no-default-features"];
    let port = ["--features", "freertos,diagnostics", "--profile", "firmware"];
    cmd!("cargo clippy {package...} {port...} -- -D warnings").run()?;
    cmd!("cargo doc {package...} {port...} --no-deps --document-private-items")
        .env("RUSTDOCFLAGS", "-D warnings")
        .run()?;
    Done::passed()
}

fn on_target(target: &Target, port: &Port, options: &Options) -> Result<Done> {
    if target.name == "freertos-posix" && !cfg!(target_os = "linux") {
        return Ok(Done::Skipped("the kernel's POSIX port is for Linux".to_owned()));
    }
    qemu::need(target)?;
    let build = Build::new(target, port)?;
    header::against_archive(&build.archive, "microusc_freertos_")?;
    build.samples()?;
    let objects = build.kernel_objects()?;
    let programs: Vec<_> = ON_FREERTOS
        .iter()
        .filter(|program| program.runs_on(target) && wants(&options.programs, &program.name))
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
fn kernel() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("FREERTOS_KERNEL_PATH") {
        return Ok(root().join(path));
    }
    let manifest = "firmware/freertos/kernel/Cargo.toml";
    let text =
        cmd!("cargo metadata --locked --format-version 1 --manifest-path {manifest}").quiet().read()?;
    let metadata: serde_json::Value = serde_json::from_str(&text)?;
    let packages = metadata["packages"].as_array().context("no packages")?;
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
}

impl<'a> Build<'a> {
    fn new(target: &'a Target, port: &'a Port) -> Result<Self> {
        let folder = sh().create_dir(archive::work_dir("freertos")?.join(&target.name))?;
        Ok(Self { target, port, kernel: kernel()?, archive: qemu::memory(target)?, folder })
    }

    fn compiler(&self) -> Result<Command> {
        let mut command = self.compiler_alone()?;
        command.args(&self.port.flags);
        Ok(command)
    }

    /// Without the stand-in for a C library.
    fn compiler_alone(&self) -> Result<Command> {
        let (compiler, flags) = self.target.compiler.split_first().context("no compiler")?;
        let mut command = Command::new(compiler);
        command.args(flags).args(["-g", "-ffunction-sections", "-fdata-sections"]);
        command.arg("-I").arg("firmware/freertos");
        for folder in ["include"].into_iter().chain(self.port.headers.iter().map(String::as_str)) {
            command.arg("-isystem").arg(self.kernel.join(folder));
        }
        Ok(command)
    }

    /// The kernel's objects. Warnings about its sources are not ours to remove.
    fn kernel_objects(&self) -> Result<Vec<PathBuf>> {
        let mut objects = Vec::new();
        for source in KERNEL.into_iter().chain(self.port.kernel.iter().map(String::as_str)) {
            let object = self.folder.join(source.replace('/', "-")).with_extension("o");
            let mut compiler = self.compiler()?;
            compiler.args(["-w", "-c"]).arg(self.kernel.join(source)).arg("-o").arg(&object).captured()?;
            objects.push(object);
        }
        Ok(objects)
    }

    /// The samples of the documentation, which only compile.
    fn samples(&self) -> Result<()> {
        let document = Document::parse(&std::fs::read_to_string("docs/freertos.md")?);
        ensure!(!document.samples.is_empty(), "docs/freertos.md has no sample");
        for sample in &document.samples {
            let source = self.folder.join("sample.c");
            std::fs::write(&source, &sample.text)?;
            let mut compiler = self.compiler()?;
            compiler.args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]);
            compiler.arg("-I").arg(INCLUDE).arg(&source).captured()?;
        }
        Ok(())
    }

    /// The linker script, where the target has one.
    fn script_flags(&self) -> Option<String> {
        let script = &self.target.script;
        (!script.is_empty()).then(|| format!("-Tfirmware/runtime/{script}"))
    }

    /// Our sources beside the program: the port of the pools, and the runtime.
    fn own_sources(&self) -> impl Iterator<Item = PathBuf> {
        let runtime = self.target.runtime.iter().map(|source| Path::new("firmware/runtime").join(source));
        [PathBuf::from(PORT_OF_THE_POOLS)].into_iter().chain(runtime)
    }

    fn link(&self, program: &Program, objects: &[PathBuf]) -> Result<PathBuf> {
        let file = program.c.as_ref().with_context(|| format!("{} is not in C", program.name))?;
        let image = self.folder.join(&program.name).with_extension("elf");
        let mut compiler = self.compiler()?;
        compiler
            .args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Wl,--gc-sections"])
            .args(&program.defines);
        for folder in FOLDERS {
            compiler.arg("-I").arg(folder);
        }
        compiler
            .args(self.script_flags())
            .arg(Path::new(&program.folder).join(file))
            .args(self.own_sources());
        compiler.args(objects).arg(&self.archive).args(&self.port.libraries).arg("-o").arg(&image);
        compiler.captured()?;
        Ok(image)
    }
}
