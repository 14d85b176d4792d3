//! The packed component in an empty folder: its examples, and tests of the C file, built from it, linked and run.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::report::Done;
use crate::tools::{self, CMAKE, MAKE, PICOLIBC, QEMU_RISCV32, RISCV_GCC};

use super::{NAME, component_dir, python, standin, work_dir};

/// A chip, a configuration, and what stands for the chip here.
pub(super) struct Case {
    chip: &'static str,
    choices: &'static str,
    flags: &'static str,
    cpu: &'static str,
}

/// One core, interrupts masked.
pub(super) const ONE_CORE: Case = Case {
    chip: "esp32c3",
    choices: "",
    flags: "-march=rv32imc -mabi=ilp32",
    cpu: "rv32,a=false,f=false,d=false",
};
/// One core, where interrupts may not be masked.
const BESIDE_TEE: Case = Case {
    chip: "esp32c6",
    choices: "CONFIG_SECURE_ENABLE_TEE=y",
    flags: "-march=rv32imac -mabi=ilp32",
    cpu: "rv32,f=false,d=false",
};
/// Two cores, ESP-IDF's critical sections.
pub(super) const PORTMUX: Case =
    Case { chip: "esp32p4", choices: "", flags: "-march=rv32imafc -mabi=ilp32f", cpu: "rv32,d=false" };
/// Two cores, interrupts masked and a flag.
pub(super) const CORES: Case =
    Case { choices: "CONFIG_MICROUSC_LOCK_INLINE=y\nCONFIG_MICROUSC_IN_IRAM=n", ..PORTMUX };

const CASES: [Case; 4] = [ONE_CORE, BESIDE_TEE, PORTMUX, CORES];

/// With diagnostics: what they are tested by is a project of its own.
pub(super) const DIAGNOSTICS: Case =
    Case { choices: "CONFIG_MICROUSC_DIAGNOSTICS=y\nCONFIG_MICROUSC_CHECKS_POISON=y", ..ONE_CORE };

pub(super) fn chip(case: &Case) -> &'static str {
    case.chip
}

pub(super) fn choices(case: &Case) -> &'static str {
    case.choices
}

/// Where the emulator has memory, as picolibc's linker script wants it; RAM is what the stand-ins take for the chip's.
const MEMORY: &str = "--oslib=semihost --crt0=hosted -Wl,--defsym=__flash=0x80000000,--defsym=__flash_size=0x200000,\
    --defsym=__ram=0x80200000,--defsym=__ram_size=0x200000,--defsym=__stack_size=0x4000,\
    --defsym=standin_ram_start=0x80200000,--defsym=standin_ram_end=0x80600000,\
    --section-start=.rtc_noinit=0x80500000";

/// The environment of ESP-IDF's tools, or why examples cannot be built and run.
fn tools_ready(sh: &Shell) -> Result<std::result::Result<PathBuf, String>> {
    for tool in [CMAKE, MAKE, RISCV_GCC, PICOLIBC, QEMU_RISCV32] {
        if let Some(why) = tools::missing(sh, tool)? {
            return Ok(Err(why));
        }
    }
    python::environment(sh)
}

/// The same, and the unpacked component.
pub(super) fn ready(sh: &Shell) -> Result<std::result::Result<(PathBuf, PathBuf), String>> {
    match tools_ready(sh)? {
        Ok(bin) => Ok(Ok((bin, unpack(sh)?))),
        Err(why) => Ok(Err(why)),
    }
}

pub(super) fn from_package(sh: &Shell) -> Result<Done> {
    let (bin, component) = match ready(sh)? {
        Ok(ready) => ready,
        Err(why) => return Ok(Done::Skipped(why)),
    };
    let mut projects = sh.read_dir(component.join("examples"))?;
    projects.sort();
    let names: Vec<_> = projects.iter().filter_map(|project| project.file_name()).collect();
    ensure!(names == ["basic", "deep_sleep", "drivers", "isr", "multi_size"], "the package has {names:?}");
    projects.push(test_project(sh, &component, "port")?);
    let diagnostics = [test_project(sh, &component, "diagnostics")?];
    let mut runs = 0;
    let cases = CASES.iter().map(|case| (case, &projects[..]));
    for (case, projects) in cases.chain([(&DIAGNOSTICS, &diagnostics[..])]) {
        let config = python::configure(sh, &bin, case.chip, case.choices)?;
        for project in projects {
            let image = build(sh, case, project, &config)?;
            let printed = emulate(sh, case, &image, &[])?;
            compare(&sh.read_file(project.join("expected.txt"))?, &printed)
                .with_context(|| format!("{} on {} with `{}`", project.display(), case.chip, case.choices))?;
            runs += 1;
        }
    }
    Ok(Done::Passed(format!("{runs} runs of {} projects", projects.len())))
}

/// An example where it lies in the repository, with no archive there yet: CMake asks Cargo for them.
pub(super) fn from_repository(sh: &Shell) -> Result<Done> {
    if std::env::var_os("CARGO_TARGET_DIR").is_some() {
        return Ok(Done::Skipped("Cargo builds elsewhere, by CARGO_TARGET_DIR".to_owned()));
    }
    let bin = match tools_ready(sh)? {
        Ok(bin) => bin,
        Err(why) => return Ok(Done::Skipped(why)),
    };
    let project = sh.current_dir().join("components").join(NAME).join("examples/basic");
    let config = python::configure(sh, &bin, ONE_CORE.chip, ONE_CORE.choices)?;
    sh.remove_path(component_dir(sh)?)?;
    let image = build(sh, &ONE_CORE, &project, &config)?;
    let printed = emulate(sh, &ONE_CORE, &image, &[])?;
    compare(&sh.read_file(project.join("expected.txt"))?, &printed)?;
    Done::passed()
}

/// Into a folder with nothing else in it, under the component's name.
fn unpack(sh: &Shell) -> Result<PathBuf> {
    let component = work_dir(sh)?.join("unpacked").join(NAME);
    sh.remove_path(&component)?;
    sh.create_dir(&component)?;
    let package = python::package(sh)?;
    cmd!(sh, "tar --extract --gzip --file {package} --directory {component}").quiet().run()?;
    Ok(component)
}

/// A project in `components/tests`, put beside the examples of the unpacked component.
pub(super) fn test_project(sh: &Shell, component: &Path, name: &str) -> Result<PathBuf> {
    let (from, to) = (sh.current_dir().join("components/tests"), component.join("examples"));
    let (project, shared) = (from.join(name), from.join("alarm.h"));
    cmd!(sh, "cp -r {project} {shared} {to}").quiet().run()?;
    Ok(to.join(name))
}

/// For CMake: no operating system, and no programs to try the compiler with.
pub(super) const GENERIC: [&str; 3] = [
    "-DCMAKE_SYSTEM_NAME=Generic",
    "-DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY",
    "-DCMAKE_C_COMPILER=riscv64-unknown-elf-gcc",
];

pub(super) fn build(sh: &Shell, case: &Case, project: &Path, config: &Path) -> Result<PathBuf> {
    build_as(sh, case, project, config, MEMORY, &[])
}

/// The same, linked in another way, with more options for CMake.
pub(super) fn build_as(
    sh: &Shell,
    case: &Case,
    project: &Path,
    config: &Path,
    linking: &str,
    more: &[&str],
) -> Result<PathBuf> {
    let name = project.file_name().context("no name")?.display().to_string();
    let folder = work_dir(sh)?.join("build").join(&name);
    sh.remove_path(&folder)?;
    let flags = format!("-DCMAKE_C_FLAGS={} --specs=picolibc.specs", case.flags);
    let link = format!("-DCMAKE_EXE_LINKER_FLAGS={linking}");
    let config = format!("-DSTANDIN_SDKCONFIG={}", config.display());
    cmd!(sh, "cmake -S {project} -B {folder} {GENERIC...} {flags} {link} {config} {more...}")
        .env("IDF_PATH", standin(sh))
        .quiet()
        .ignore_stdout()
        .run()?;
    cmd!(sh, "cmake --build {folder}").quiet().ignore_stdout().run()?;
    Ok(folder.join(name).with_extension("elf"))
}

/// What it prints.
pub(super) fn emulate(sh: &Shell, case: &Case, image: &Path, more: &[&str]) -> Result<String> {
    let cpu = case.cpu;
    let output = cmd!(sh, "timeout 60 qemu-system-riscv32 -M virt -cpu {cpu} {more...} -bios none -display none -monitor none -serial none -chardev stdio,id=console -semihosting-config enable=on,target=native,chardev=console -kernel {image}")
        .quiet()
        .ignore_status()
        .output()?;
    let printed = String::from_utf8_lossy(&output.stdout).replace("\r\n", "\n");
    let shown: String = printed.chars().take(2000).collect();
    ensure!(output.status.success(), "{} ended with {} and printed\n{shown}", image.display(), output.status);
    Ok(printed)
}

/// Line by line; `...` stands for anything.
pub(super) fn compare(expected: &str, printed: &str) -> Result<()> {
    let (wanted, got): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), printed.lines().collect());
    for (number, line) in got.iter().enumerate() {
        let wanted = wanted.get(number).copied().unwrap_or("");
        ensure!(matches(wanted, line), "line {} should be\n{wanted}\nand is\n{line}", number + 1);
    }
    ensure!(
        wanted.len() == got.len(),
        "{} lines, and there should be {}:\n{printed}",
        got.len(),
        wanted.len()
    );
    Ok(())
}

/// `...` in the pattern stands for anything.
pub(crate) fn matches(pattern: &str, line: &str) -> bool {
    let Some((start, rest)) = pattern.split_once("...") else { return pattern == line };
    let Some(line) = line.strip_prefix(start) else { return false };
    (0..=line.len()).filter(|at| line.is_char_boundary(*at)).any(|at| matches(rest, &line[at..]))
}

#[cfg(test)]
mod tests {
    use super::{compare, matches};

    #[test]
    fn dots_stand_for_anything() {
        assert!(matches("I (...) basic: done", "I (120) basic: done"));
        assert!(matches("a...", "a"));
        assert!(matches("...x...", "axb"));
        assert!(!matches("I (...) basic: done", "I (120) basic: undone"));
        assert!(!matches("a", "ab"));
        assert!(!matches("...b", "ab "));
    }

    #[test]
    fn lines_too_few_or_too_many_are_noticed() {
        assert!(compare("a\nb\n", "a\nb\n").is_ok());
        assert!(compare("a\nb\n", "a\n").is_err());
        assert!(compare("a\n", "a\nb\n").is_err());
    }
}
