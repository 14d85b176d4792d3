//! What the options cost, measured, against what `Kconfig` and the README state.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use object::{Object, ObjectSection};

use super::data::DATA;
use super::data::{Case, case};
use super::{archives, component_dir, images, python, standin};
use crate::budgets::stated_by_others;
use crate::code;
use crate::process::{cmd, sh};
use crate::report::Done;

pub(super) fn check() -> Result<Done> {
    let component = images::unpacked()?;
    let project = images::project(&component, "costs")?;
    let pair = |case: &Case| -> Result<u64> {
        let config = python::configure(&case.chip, &case.choices)?;
        let image = images::build(case, &project, &config, &DATA.emulator.linking, &[])?;
        let printed = images::emulate(case, &image, &["-icount", "shift=0"])?;
        printed.trim().parse().with_context(|| format!("it printed {printed}"))
    };
    let (one, two, portmux) = (pair(case("one_core"))?, pair(case("two_cores"))?, pair(case("portmux"))?);
    // Of the C file, as ESP-IDF compiles it.
    let with = |choices: &str| {
        let config = python::configure("esp32c3", choices)?;
        sizes(&object(&component, "port_esp_idf.c", &config)?)
    };
    let (all, in_flash) = (with("")?, with("CONFIG_MICROUSC_IN_IRAM=n")?);
    ensure!(in_flash.iram == 0, "without MICROUSC_IN_IRAM {} bytes are in instruction RAM", in_flash.iram);
    let rust = sizes(&archives::built("riscv32imc", "inline")?)?.iram;
    let diagnostics = sizes(&archives::built("riscv32imc", "inline-diagnostics")?)?.iram - rust;
    let (silent, no_isr) = (with("CONFIG_MICROUSC_LOG=n")?, with("CONFIG_MICROUSC_LOG_FROM_ISR=n")?);
    let measured = format!("a pair: {one}, on two cores {two}, with portMUX {portmux} instructions");
    if let Some(why) = stated_by_others()? {
        return Ok(Done::Partly(format!("{measured}; not compared with Kconfig and README.md: {why}")));
    }
    states(
        &component_dir()?.join("Kconfig"),
        &[
            format!("{one} instructions with one core, {two} with two."),
            format!("{portmux} instructions, besides ESP-IDF's own"),
            format!("{} bytes of instruction RAM", all.iram + rust),
            format!("{diagnostics} bytes of instruction RAM if everything is used."),
            format!("{} bytes of flash; nothing while nothing is wrong", all.flash - silent.flash),
            format!("Cost: {} bytes of flash.", all.flash - no_isr.flash),
        ],
    )?;
    states(
        &component_dir()?.join("README.md"),
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

/// That a text contains these words, wherever its lines end.
pub(super) fn states(file: &Path, measured: &[String]) -> Result<()> {
    let text = sh().read_file(file)?.split_whitespace().collect::<Vec<_>>().join(" ");
    let missing: Vec<_> = measured.iter().filter(|words| !text.contains(*words)).cloned().collect();
    ensure!(missing.is_empty(), "{} should say: {}", file.display(), missing.join(" | "));
    Ok(())
}

pub(super) struct Sizes {
    /// Bytes in sections for instruction RAM.
    iram: u64,
    /// Bytes of other code, and of constants.
    pub(super) flash: u64,
}

/// A C file of the component as ESP-IDF compiles it.
pub(super) fn object(component: &Path, source: &str, config: &Path) -> Result<PathBuf> {
    let object = config.join(source).with_extension("o");
    let (source, include) = (component.join(source), component.join("include"));
    let standin = standin().join("include");
    cmd!("riscv64-unknown-elf-gcc -march=rv32imc -mabi=ilp32 --specs=picolibc.specs -Os -ffunction-sections -fdata-sections -DESP_PLATFORM=1 -I {standin} -I {include} -I {config} -c -o {object} {source}")
        .quiet()
        .run()?;
    Ok(object)
}

/// Of an object, or of those in an archive.
pub(super) fn sizes(path: &Path) -> Result<Sizes> {
    let mut sizes = Sizes { iram: 0, flash: 0 };
    for object in code::members(&std::fs::read(path)?)? {
        for section in object::File::parse(&*object)?.sections() {
            match section.name()? {
                name if name.starts_with(".iram1") => sizes.iram += section.size(),
                name if name.starts_with(".text") || name.contains("rodata") => sizes.flash += section.size(),
                _ => {}
            }
        }
    }
    Ok(sizes)
}
