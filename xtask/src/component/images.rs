//! Images of the packed component: its examples, and tests of its C file, built, linked and run under an emulator.
//!
//! On RISC-V, CMake builds them as it does for a user. On Xtensa there is no compiler that CMake could call, nor a C library:
//! C goes by way of LLVM (`qemu/xtensa`), and `components/tests/standin/xtensa` has what of a library is used. What CMake
//! does for these chips is checked separately.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::data::{Case, DATA};
use super::{NAME, archive_path, archives, component_dir, python, standin, work_dir};
use crate::expected::compare_patterns;
use crate::process::{cmd, root, sh};
use crate::qemu::{self, Target};
use crate::report::{Done, Skip};
use crate::tools;

/// That examples can be built and run.
fn need_tools() -> Result<()> {
    let picolibc = "/usr/lib/picolibc/riscv64-unknown-elf/picolibc.specs";
    tools::need(&["cmake", "make", "riscv64-unknown-elf-gcc", picolibc, "qemu-system-riscv32"])?;
    python::environment().map(drop)
}

/// The component, unpacked under its name into a folder with nothing else in it, once everything that it needs is there.
pub(super) fn unpacked() -> Result<PathBuf> {
    need_tools()?;
    let component = work_dir()?.join("unpacked").join(NAME);
    sh().remove_path(&component)?;
    sh().create_dir(&component)?;
    let package = python::package()?;
    cmd!("tar --extract --gzip --file {package} --directory {component}").quiet().run()?;
    Ok(component)
}

/// The folder of an example of the component, or of a project in `components/tests`, which is put beside the examples.
pub(super) fn project(component: &Path, name: &str) -> Result<PathBuf> {
    let (from, to) = (root().join("components/tests"), component.join("examples"));
    if !to.join(name).exists() {
        let (project, shared) = (from.join(name), from.join("alarm.h"));
        cmd!("cp -r {project} {shared} {to}").quiet().run()?;
    }
    Ok(to.join(name))
}

/// The examples of the package.
fn examples(component: &Path) -> Result<Vec<PathBuf>> {
    let projects = sh().read_dir(component.join("examples"))?;
    let mut names: Vec<_> = projects.iter().filter_map(|project| project.file_name()?.to_str()).collect();
    names.sort_unstable();
    ensure!(names == DATA.package.examples, "the package has {names:?}");
    Ok(projects)
}

pub(super) fn on_riscv() -> Result<Done> {
    let component = unpacked()?;
    let mut projects = examples(&component)?;
    projects.push(project(&component, "port")?);
    let mut runs = 0;
    for case in DATA.runs.values() {
        let own = case.project.as_ref().map(|name| project(&component, name)).transpose()?;
        let config = python::configure(&case.chip, &case.choices)?;
        for project in own.as_ref().map_or(&projects[..], std::slice::from_ref) {
            check(case, project, &config)
                .with_context(|| format!("{} on {} with `{}`", project.display(), case.chip, case.choices))?;
            runs += 1;
        }
    }
    Ok(Done::Passed(format!("{runs} runs of {} projects", projects.len() + 1)))
}

/// An example in the repository, with no archive there yet: CMake has Cargo make them.
pub(super) fn from_repository() -> Result<Done> {
    if std::env::var_os("CARGO_TARGET_DIR").is_some() {
        return Err(Skip::because("Cargo builds elsewhere, by CARGO_TARGET_DIR"));
    }
    need_tools()?;
    let case = &DATA.runs["one_core"];
    let config = python::configure(&case.chip, &case.choices)?;
    sh().remove_path(component_dir()?)?;
    check(case, &root().join("components").join(NAME).join("examples/basic"), &config)?;
    Done::passed()
}

/// Builds a project, runs it, and compares what it prints with its `expected.txt`; the image.
pub(super) fn check(case: &Case, project: &Path, config: &Path) -> Result<PathBuf> {
    let image = build(case, project, config, &DATA.emulator.linking, &[])?;
    compare_patterns(&project.join("expected.txt"), &emulate(case, &image, &[])?)?;
    Ok(image)
}

/// Builds a project with CMake.
pub(super) fn build(
    case: &Case,
    project: &Path,
    config: &Path,
    linking: &str,
    more: &[&str],
) -> Result<PathBuf> {
    let name = project.file_name().context("no name")?.display().to_string();
    let folder = work_dir()?.join("build").join(&name);
    let flags = format!("-DCMAKE_C_FLAGS={} --specs=picolibc.specs", case.flags);
    let linking = format!("-DCMAKE_EXE_LINKER_FLAGS={linking}");
    configure(project, config, &folder, &[&[flags.as_str(), &linking], more].concat())?;
    cmd!("cmake --build {folder}").quiet().ignore_stdout().run()?;
    Ok(folder.join(name).with_extension("elf"))
}

/// Has CMake configure a project: without an operating system, and without programs to try the compiler with.
fn configure(project: &Path, config: &Path, folder: &Path, options: &[&str]) -> Result<()> {
    sh().remove_path(folder)?;
    let config = format!("-DSTANDIN_SDKCONFIG={}", config.display());
    let generic = ["-DCMAKE_SYSTEM_NAME=Generic", "-DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY"];
    let compiler = "-DCMAKE_C_COMPILER=riscv64-unknown-elf-gcc";
    let output = cmd!("cmake -S {project} -B {folder} {generic...} {compiler} {config} {options...}")
        .env("IDF_PATH", standin())
        .quiet()
        .ignore_status()
        .output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}", errors.split_whitespace().collect::<Vec<_>>().join(" "));
    Ok(())
}

/// What an image prints.
pub(super) fn emulate(case: &Case, image: &Path, options: &[&str]) -> Result<String> {
    let words = DATA.emulator.command.split(' ').chain(["-cpu", &case.cpu, "-kernel"]);
    qemu::passed(&words.map(str::to_owned).collect::<Vec<_>>(), options, image)
}

pub(super) fn on_xtensa() -> Result<Done> {
    let target = Target::named("xtensa-windowed");
    qemu::need(target)?;
    let component = unpacked()?;
    let mut projects = examples(&component)?;
    projects.push(project(&component, "port")?);
    let (mut runs, script) = (0, standin().join("xtensa/link.ld"));
    for (chip, choices) in &DATA.on_xtensa.chips {
        let config = python::configure(chip, choices)?;
        cmake_takes_the_archive(&component, chip, &config)?;
        for project in &projects {
            let image = link_for_xtensa(chip, &component, project, &config, &script)?;
            let printed = qemu::passed(&target.emulator, &[], &image)?;
            compare_patterns(&project.join("expected.txt"), &printed)
                .with_context(|| format!("{} on {chip}", project.display()))?;
            runs += 1;
        }
        cmake_refuses_a_lock_without_archive(&component, chip)?;
    }
    Ok(Done::Passed(format!("{runs} runs of {} projects", projects.len())))
}

/// Compiles and links a project for Xtensa, with a map beside the image.
pub(super) fn link_for_xtensa(
    chip: &str,
    component: &Path,
    project: &Path,
    config: &Path,
    script: &Path,
) -> Result<PathBuf> {
    let data = &DATA.on_xtensa;
    let (runtime, standin) = (root().join("firmware/runtime"), standin());
    let name = project.file_name().context("no name")?.display().to_string();
    let folders = [
        // In front of the compiler's own headers.
        runtime.join("xtensa/windowed"),
        standin.join("xtensa/include"),
        standin.join("include"),
        standin.clone(),
        component.join("include"),
        config.to_path_buf(),
        runtime.join("xtensa"),
        runtime.clone(),
    ];
    let mut flags: Vec<String> = data.flags.split(' ').map(str::to_owned).collect();
    flags.extend(folders.iter().map(|folder| format!("-I{}", folder.display())));
    let mut sources =
        vec![component.join("port_esp_idf.c"), project.join("main").join(&name).with_extension("c")];
    sources.extend(data.standin.iter().map(|source| standin.join(source)));
    sources.extend(data.runtime.iter().map(|source| runtime.join("xtensa").join(source)));
    let folder = sh().create_dir(work_dir()?.join("build-xtensa").join(chip))?;
    let image = folder.join(&name).with_extension("elf");
    let map = format!("-Map={}", image.with_extension("map").display());
    // Not the archive by Espressif's toolchain, if there is one: it is for the chip, which the emulated core is not.
    let archive = archives::built(chip, "portmux")?;
    qemu::windowed_image(&sources, &flags, &[format!("-T{}", script.display()), map], &archive, &image)?;
    Ok(image)
}

fn cmake_takes_the_archive(component: &Path, chip: &str, config: &Path) -> Result<()> {
    let folder = work_dir()?.join("build-xtensa").join(chip).join("cmake");
    configure(&component.join("examples/basic"), config, &folder, &[])?;
    let linked = sh().read_file(folder.join("CMakeFiles/basic.elf.dir/link.txt"))?;
    let archive = format!("lib/{chip}/portmux/libmicrousc_memory.a");
    ensure!(linked.contains(&archive), "{archive} is not what CMake links:\n{linked}");
    Ok(())
}

/// CMake's message must name what to choose instead.
fn cmake_refuses_a_lock_without_archive(component: &Path, chip: &str) -> Result<()> {
    if archive_path(component, chip, "inline").exists() {
        return Ok(());
    }
    let config = python::configure(chip, "CONFIG_MICROUSC_LOCK_INLINE=y")?;
    let folder = work_dir()?.join("build-xtensa").join(chip).join("refused");
    let refused = configure(&component.join("examples/basic"), &config, &folder, &[]);
    let message = format!("{:#}", refused.err().context("a lock without an archive was accepted")?);
    let choice = "CONFIG_MICROUSC_LOCK_PORTMUX";
    ensure!(message.contains(choice), "CMake does not name {choice}:\n{message}");
    Ok(())
}
