//! The packed component on Xtensa: its C file, its examples, and the archives of the package, on the core that QEMU has for
//! the windowed ABI.
//!
//! There is no compiler for it that CMake could call, nor a C library: C goes by way of LLVM (`qemu/xtensa.rs`), and
//! `components/tests/standin/xtensa` has what of a library is used. What CMake does for these chips is looked at separately.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::qemu::{self, WINDOWED};
use crate::report::Done;

use super::{archive_path, archives, examples, python, standin, work_dir};

/// A chip and its configuration. The lock is the default: the one that there is an archive with.
struct Chip {
    name: &'static str,
    choices: &'static str,
}

const CHIPS: [Chip; 3] = [
    Chip { name: "esp32", choices: "" },
    Chip { name: "esp32s2", choices: "" },
    Chip { name: "esp32s3", choices: "CONFIG_MICROUSC_IN_IRAM=n" },
];

/// As ESP-IDF compiles it, less what LLVM has not for the architecture.
const FLAGS: [&str; 13] = [
    "-std=gnu17",
    "-Os",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wno-unused-parameter",
    "-ffreestanding",
    "-fno-builtin",
    "-fomit-frame-pointer",
    "-ffunction-sections",
    "-fdata-sections",
    "-DESP_PLATFORM=1",
    "-DBOARD_MHZ=10",
];

/// In `firmware/runtime/xtensa`.
const RUNTIME: [&str; 4] = ["windowed/start.s", "board.c", "words.c", "routines.c"];
/// In `components/tests/standin`.
const STANDIN: [&str; 5] = ["standin.c", "tasks.c", "xtensa/stack.c", "xtensa/stack.s", "xtensa/libc.c"];

pub(super) fn from_package(sh: &Shell) -> Result<Done> {
    if let Some(why) = qemu::missing(sh, &WINDOWED)? {
        return Ok(Done::Skipped(why));
    }
    let (bin, component) = match examples::ready(sh)? {
        Ok(ready) => ready,
        Err(why) => return Ok(Done::Skipped(why)),
    };
    let mut projects = sh.read_dir(component.join("examples"))?;
    projects.push(examples::test_project(sh, &component, "port")?);
    let (mut runs, script) = (0, standin(sh).join("xtensa/link.ld"));
    for chip in &CHIPS {
        let config = python::configure(sh, &bin, chip.name, chip.choices)?;
        chosen(sh, &component, chip.name, &config)?;
        for project in &projects {
            let image = link(sh, chip.name, &component, project, &config, &script)?;
            let printed = emulate(&image)?;
            examples::compare(&sh.read_file(project.join("expected.txt"))?, &printed)
                .with_context(|| format!("{} on {}", project.display(), chip.name))?;
            runs += 1;
        }
        let inline = python::configure(sh, &bin, chip.name, "CONFIG_MICROUSC_LOCK_INLINE=y")?;
        refused(sh, &component, chip.name, &inline)?;
    }
    Ok(Done::Passed(format!("{runs} runs of {} projects", projects.len())))
}

/// Compiles and links a project, with a map beside the image.
pub(super) fn link(
    sh: &Shell,
    chip: &str,
    component: &Path,
    project: &Path,
    config: &Path,
    script: &Path,
) -> Result<PathBuf> {
    let (runtime, standin) = (sh.current_dir().join("firmware/runtime"), standin(sh));
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
    let mut flags: Vec<String> = FLAGS.map(str::to_owned).to_vec();
    flags.extend(folders.iter().map(|folder| format!("-I{}", folder.display())));
    let mut sources =
        vec![component.join("port_esp_idf.c"), project.join("main").join(&name).with_extension("c")];
    sources.extend(STANDIN.map(|source| standin.join(source)));
    sources.extend(RUNTIME.map(|source| runtime.join("xtensa").join(source)));
    let folder = work_dir(sh)?.join("build-xtensa").join(chip);
    sh.create_dir(&folder)?;
    let image = folder.join(&name).with_extension("elf");
    let linking =
        [format!("-T{}", script.display()), format!("-Map={}", image.with_extension("map").display())];
    // What is packed, unless Espressif's toolchain made that: such code is for the chip, which the emulated core is not.
    let archive = archives::built(sh, chip, "portmux")?;
    qemu::windowed_image(&sources, &flags, &linking, &archive, &image)?;
    Ok(image)
}

fn emulate(image: &Path) -> Result<String> {
    let mut emulator = std::process::Command::new("timeout");
    let output = emulator.arg("60").args(WINDOWED.emulator).arg(image).output()?;
    let printed = String::from_utf8_lossy(&output.stdout).replace("\r\n", "\n");
    let shown: String = printed.chars().take(2000).collect();
    ensure!(output.status.success(), "{} ended with {} and printed\n{shown}", image.display(), output.status);
    Ok(printed)
}

/// That CMake takes the chip's archive.
fn chosen(sh: &Shell, component: &Path, chip: &str, config: &Path) -> Result<()> {
    let folder = work_dir(sh)?.join("build-xtensa").join(chip).join("cmake");
    configure(sh, component, config, &folder)?;
    let linked = sh.read_file(folder.join("CMakeFiles/basic.elf.dir/link.txt"))?;
    let archive = format!("lib/{chip}/portmux/libmicrousc_memory.a");
    ensure!(linked.contains(&archive), "{archive} is not what CMake links:\n{linked}");
    Ok(())
}

/// That CMake says what to choose instead of a lock that there is no archive with.
fn refused(sh: &Shell, component: &Path, chip: &str, config: &Path) -> Result<()> {
    let inline = archive_path(component, chip, "inline");
    if inline.exists() {
        return Ok(());
    }
    let folder = work_dir(sh)?.join("build-xtensa").join(chip).join("refused");
    let why =
        configure(sh, component, config, &folder).err().context("a lock without an archive was accepted")?;
    ensure!(
        format!("{why:#}").contains("CONFIG_MICROUSC_LOCK_PORTMUX"),
        "CMake does not say what to choose:\n{why:#}"
    );
    Ok(())
}

/// Configures, without building: the compiler that CMake is given is another chip's.
fn configure(sh: &Shell, component: &Path, config: &Path, folder: &Path) -> Result<()> {
    sh.remove_path(folder)?;
    let (project, config) =
        (component.join("examples/basic"), format!("-DSTANDIN_SDKCONFIG={}", config.display()));
    let generic = examples::GENERIC;
    let output = cmd!(sh, "cmake -S {project} -B {folder} {generic...} {config}")
        .env("IDF_PATH", standin(sh))
        .quiet()
        .ignore_status()
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}", said.split_whitespace().collect::<Vec<_>>().join(" "));
    Ok(())
}
