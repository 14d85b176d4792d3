//! The samples of a document on FreeRTOS: those that have a driver, on the emulated chip, inside a task of an unmodified
//! kernel. Driver and test harness are those of this machine (`xtask/samples/drivers`, `crates/capi/tests/c/check.h`); the
//! world around them is the kernel's (`xtask/samples/freertos`).

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::sh;
use anyhow::{Context, Result, bail, ensure};

use super::{Build, FOLDERS};
use crate::archive::C_TESTS;
use crate::process::Run;
use crate::qemu::{self, FREERTOS};
use crate::report::{Done, in_parallel};
use crate::samples::{Case, DRIVERS, Document, Expectations};
use crate::tools;

/// Where they run.
const TARGET: &str = "freertos-riscv32imc";
/// Before all other folders.
const WORLD: &str = "xtask/samples/freertos";
/// The C library.
const LIBRARY: &str = "--specs=picolibc.specs";
/// The compiler has a C library for this name of the chip's instructions. The kernel's allocations go
/// through the world.
const LINKING: &[&str] = &[
    "-march=rv32imc",
    "-nostartfiles",
    "-Wl,--gc-sections",
    "-Wl,--wrap=pvPortMalloc",
    "-Wl,--no-warn-rwx-segments",
];
/// The last words of a harness whose tests passed.
const PASSED: &str = " tests passed\n";

/// Builds and runs every sample of the document that has a driver.
pub(crate) fn check(path: &Path) -> Result<Done> {
    let (target, port) =
        FREERTOS.iter().find(|(target, _)| target.name == TARGET).context("no such target")?;
    qemu::need(target)?;
    tools::need(&["/usr/lib/picolibc/riscv64-unknown-elf/picolibc.specs"])?;
    let document = Document::parse(&sh().read_file(path).context("no such document")?);
    let expectations = Expectations::of(&document)?;
    let cases = expectations.cases(&document);
    let driven: Vec<&Case<'_>> = cases
        .iter()
        .filter(|case| case.expected.as_ref().is_some_and(|(expected, _)| expected.driver.is_some()))
        .collect();
    if driven.is_empty() {
        return Ok(Done::Passed("no sample has a driver".to_owned()));
    }

    let build = Build::new(target, port)?;
    let folder = build.folder.join("samples");
    sh().remove_path(&folder)?;
    sh().create_dir(&folder)?;
    for (index, sample) in document.samples.iter().enumerate() {
        sh().write_file(file_of(&folder, index), &sample.text)?;
    }
    let mut objects = build.kernel_objects()?;
    for source in build.own_sources() {
        objects.push(object_of(&folder, &source, &mut build.compiler()?)?);
    }
    let world = Path::new(WORLD).join("world.c");
    objects.push(object_of(&folder, &world, &mut compiler(&build)?)?);
    let results = in_parallel(&driven, |case| run(&build, &folder, case, &objects));
    let mut failures = Vec::new();
    let mut tests = 0;
    for (case, result) in driven.iter().zip(results) {
        let sample = &document.samples[case.index];
        match result {
            Ok(count) => tests += count,
            Err(error) => failures.push(format!("line {}, {}: {error:#}", sample.line, sample.name())),
        }
    }
    ensure!(
        failures.is_empty(),
        "{} of {} samples failed on {TARGET}\n{}",
        failures.len(),
        driven.len(),
        failures.join("\n")
    );
    Ok(Done::Passed(format!("{} samples on {TARGET}, {tests} tests", driven.len())))
}

fn file_of(folder: &Path, index: usize) -> PathBuf {
    folder.join(format!("sample_{index}.inc"))
}

/// With a C library, and the headers of the world first.
fn compiler(build: &Build<'_>) -> Result<Command> {
    let mut compiler = build.compiler_alone()?;
    compiler.args([LIBRARY, "-std=gnu11", "-Os", "-Wall", "-I", WORLD, "-I", "xtask/samples"]);
    for folder in [DRIVERS, C_TESTS].iter().chain(&FOLDERS) {
        compiler.arg("-I").arg(folder);
    }
    Ok(compiler)
}

/// Compiles a file that is the same for every sample.
fn object_of(folder: &Path, source: &Path, compiler: &mut Command) -> Result<PathBuf> {
    let name = source.file_name().context("no file")?;
    let object = folder.join(name).with_extension("o");
    for include in FOLDERS {
        compiler.arg("-I").arg(include);
    }
    compiler.args(["-Wextra", "-Werror", "-c"]).arg(source).arg("-o").arg(&object).captured()?;
    Ok(object)
}

/// Builds and runs the driver of a sample; how many tests it has.
fn run(build: &Build<'_>, folder: &Path, case: &Case<'_>, objects: &[PathBuf]) -> Result<usize> {
    let Some((expected, uses)) = &case.expected else { bail!("nothing is expected of it") };
    let driver = expected.driver.as_deref().context("no driver")?;
    let image = folder.join(format!("sample_{}_{}.elf", case.index, expected.kind));
    let mut compiler = compiler(build)?;
    compiler.arg("-Dmain=driver_main");
    compiler.args(expected.flags(case.index, uses, |index| file_of(folder, index))?);
    let object = image.with_extension("o");
    compiler.arg("-c").arg(Path::new(DRIVERS).join(driver)).arg("-o").arg(&object).captured()?;

    let mut linker = build.compiler_alone()?;
    linker.arg(LIBRARY).args(LINKING).args(build.script_flags());
    linker.arg(&object).args(objects).arg(&build.archive).args(&build.port.libraries).arg("-o").arg(&image);
    linker.captured()?;

    let printed = qemu::passed(&build.target.emulator, &[], &image)?;
    let last = printed.strip_suffix(PASSED).and_then(|before| before.lines().last());
    let count = last.context("it ended before its tests did")?.parse()?;
    let named = printed.lines().filter(|line| line.starts_with("test ") && line.ends_with(" ... ok")).count();
    ensure!(count == named && count > 0, "{count} tests, {named} of them seen to pass");
    Ok(count)
}
