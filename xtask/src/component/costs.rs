//! What the options cost, measured, against what their texts in `Kconfig` say.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use object::{Object, ObjectSection};
use xshell::{Shell, cmd};

use crate::budgets::stated_by_others;
use crate::report::Done;

use super::examples::{self, CORES, ONE_CORE, PORTMUX};
use super::{archives, component_dir, python};

pub(super) fn check(sh: &Shell) -> Result<Done> {
    let (bin, component) = match examples::ready(sh)? {
        Ok(ready) => ready,
        Err(why) => return Ok(Done::Skipped(why)),
    };
    let project = examples::test_project(sh, &component, "costs")?;
    let pair = |case| -> Result<u64> {
        let config = python::configure(sh, &bin, examples::chip(case), examples::choices(case))?;
        let image = examples::build(sh, case, &project, &config)?;
        let printed = examples::emulate(sh, case, &image, &["-icount", "shift=0"])?;
        printed.trim().parse().with_context(|| format!("it printed {printed}"))
    };
    let (one, two, portmux) = (pair(&ONE_CORE)?, pair(&CORES)?, pair(&PORTMUX)?);
    let with = |choices: &str| shim_size(sh, &bin, &component, choices);
    let (all, in_flash) = (with("")?, with("CONFIG_MICROUSC_IN_IRAM=n")?);
    ensure!(in_flash.iram == 0, "without MICROUSC_IN_IRAM {} bytes are in instruction RAM", in_flash.iram);
    let rust = sizes(&archives::built(sh, "riscv32imc", "inline")?)?.iram;
    let diagnostics = sizes(&archives::built(sh, "riscv32imc", "inline-diagnostics")?)?.iram - rust;
    let (silent, no_isr) = (with("CONFIG_MICROUSC_LOG=n")?, with("CONFIG_MICROUSC_LOG_FROM_ISR=n")?);
    let measured = format!("a pair: {one}, on two cores {two}, with portMUX {portmux} instructions");
    if let Some(why) = stated_by_others(sh)? {
        return Ok(Done::Partly(format!("{measured}; not compared with Kconfig and README.md: {why}")));
    }
    compare(
        &sh.read_file(component_dir(sh)?.join("Kconfig"))?,
        &[
            format!("{one} instructions with one core, {two} with two."),
            format!("{portmux} instructions, besides ESP-IDF's own"),
            format!("{} bytes of instruction RAM", all.iram + rust),
            format!("{diagnostics} bytes of instruction RAM if everything is used."),
            format!("{} bytes of flash; nothing while nothing is wrong", all.flash - silent.flash),
            format!("Cost: {} bytes of flash.", all.flash - no_isr.flash),
        ],
    )?;
    compare(
        &sh.read_file(component_dir(sh)?.join("README.md"))?,
        &[
            format!("{one} instructions inline ({two} on two cores), {portmux} and"),
            format!("{} bytes if everything is used", all.iram + rust),
            format!("| {} bytes of flash |", all.flash - silent.flash),
            format!("| {} bytes of flash |", all.flash - no_isr.flash),
            format!("{diagnostics} bytes of instruction RAM"),
            format!("included in the {one} instructions"),
        ],
    )?;
    Ok(Done::Passed(measured))
}

pub(super) fn compare(text: &str, measured: &[String]) -> Result<()> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let wrong: Vec<&str> =
        measured.iter().filter(|words| !text.contains(*words)).map(String::as_str).collect();
    ensure!(wrong.is_empty(), "it should say: {}", wrong.join(" | "));
    Ok(())
}

pub(super) struct Sizes {
    /// Bytes in sections for instruction RAM.
    iram: u64,
    /// Bytes of other code, and of constants.
    pub(super) flash: u64,
}

/// Of the C file, as ESP-IDF compiles it.
fn shim_size(sh: &Shell, bin: &Path, component: &Path, choices: &str) -> Result<Sizes> {
    let config = python::configure(sh, bin, "esp32c3", choices)?;
    sizes(&object(sh, component, "port_esp_idf.c", &config)?)
}

/// A C file of the component as ESP-IDF compiles it.
pub(super) fn object(sh: &Shell, component: &Path, source: &str, config: &Path) -> Result<PathBuf> {
    let object = config.join(source).with_extension("o");
    let (source, include) = (component.join(source), component.join("include"));
    let standin = super::standin(sh).join("include");
    cmd!(sh, "riscv64-unknown-elf-gcc -march=rv32imc -mabi=ilp32 --specs=picolibc.specs -Os -ffunction-sections -fdata-sections -DESP_PLATFORM=1 -I {standin} -I {include} -I {config} -c -o {object} {source}")
        .quiet()
        .run()?;
    Ok(object)
}

/// Of an object, or of the one in an archive.
pub(super) fn sizes(path: &Path) -> Result<Sizes> {
    let data = std::fs::read(path)?;
    let mut sizes = Sizes { iram: 0, flash: 0 };
    let mut add = |object: &[u8]| -> Result<()> {
        for section in object::File::parse(object)?.sections() {
            match section.name()? {
                name if name.starts_with(".iram1") => sizes.iram += section.size(),
                name if name.starts_with(".text") || name.contains("rodata") => sizes.flash += section.size(),
                _ => {}
            }
        }
        Ok(())
    };
    match object::read::archive::ArchiveFile::parse(&*data) {
        Ok(archive) => {
            for member in archive.members() {
                add(member?.data(&*data)?)?;
            }
        }
        Err(_) => add(&data)?,
    }
    Ok(sizes)
}
