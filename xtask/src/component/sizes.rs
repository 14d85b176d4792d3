//! Where the component's code and data lie in an image of an ESP32-C3, by `esp-idf-size`, ESP-IDF's own tool.
//!
//! The packed example is linked by a script that has the memory of the chip under the names of ESP-IDF
//! (`components/tests/size`), into which `linker.lf` is worked by [`placement`](super::placement).

use std::path::Path;

use anyhow::{Context, Result, ensure};
use object::{Object, ObjectSymbol};
use xshell::{Shell, cmd};

use crate::hotpath;
use crate::report::Done;

use super::archives::HOT_IN_SHIM;
use super::examples::{self, ONE_CORE};
use super::placement::Fragments;
use super::{component_dir, python, work_dir};

/// Of the tests: the linker script, and what is placed by default.
const FOLDER: &str = "components/tests/size";
/// Ours, of an image.
const ARCHIVES: [&str; 2] = ["libmicrousc_memory.a", "libMicroUSC.a"];
/// Where the chip has instruction RAM, and from where on flash.
const INSTRUCTION_RAM: u64 = 0x4038_0000;
const FLASH: u64 = 0x4200_0000;

/// Bytes of ours.
#[derive(Default)]
struct Use {
    instruction_ram: u64,
    data_ram: u64,
    flash: u64,
}

pub(super) fn check(sh: &Shell) -> Result<Done> {
    let (bin, component) = match examples::ready(sh)? {
        Ok(ready) => ready,
        Err(why) => return Ok(Done::Skipped(why)),
    };
    let project = component.join("examples/basic");
    let linked = |choices: &str, more: &[&str]| {
        let config = python::configure(sh, &bin, examples::chip(&ONE_CORE), choices)?;
        let script = script(sh, &component, &config)?;
        let link = format!("-T{} -nostartfiles --oslib=semihost", script.display());
        let image = examples::build_as(sh, &ONE_CORE, &project, &config, &link, more)?;
        anyhow::Ok((used(sh, &bin, &image)?, image))
    };
    let (used, image) = linked("", &[])?;
    lies_from(&image, INSTRUCTION_RAM..FLASH)?;
    let (slow, image) = linked("CONFIG_MICROUSC_IN_IRAM=n", &[])?;
    lies_from(&image, FLASH..u64::MAX)?;
    ensure!(
        slow.instruction_ram == 0,
        "without MICROUSC_IN_IRAM {} bytes are in instruction RAM",
        slow.instruction_ram
    );
    // At the end of the command line, where it counts.
    let (all, _) = linked("", &["-DCMAKE_C_STANDARD_LIBRARIES=-Wl,--no-gc-sections"])?;
    let stated = format!("Cost: {} bytes of instruction RAM", all.instruction_ram);
    ensure!(
        sh.read_file(component_dir(sh)?.join("Kconfig"))?.contains(&stated),
        "Kconfig should say: {stated}"
    );
    let Use { instruction_ram, data_ram, flash } = used;
    Ok(Done::Passed(format!(
        "`basic`: {instruction_ram} bytes of IRAM (of {}), {data_ram} of DRAM, {flash} of flash",
        all.instruction_ram
    )))
}

/// The linker script, with the component's fragments under a configuration.
fn script(sh: &Shell, component: &Path, config: &Path) -> Result<std::path::PathBuf> {
    let configuration = sh.read_file(config.join("sdkconfig.cmake"))?;
    let option = |name: &str| {
        let start = format!("set(CONFIG_{name} \"");
        let line = configuration.lines().find_map(|line| line.strip_prefix(&start));
        line.map(|value| value.starts_with('y')).with_context(|| format!("Kconfig has no `{name}`"))
    };
    let mut fragments = Fragments::default();
    fragments.add(&sh.read_file(format!("{FOLDER}/defaults.lf"))?, option)?;
    fragments.add(&sh.read_file(component.join("linker.lf"))?, option).context("linker.lf")?;
    let script = work_dir(sh)?.join("esp32c3.ld");
    sh.write_file(&script, fragments.script(&sh.read_file(format!("{FOLDER}/esp32c3.ld"))?)?)?;
    Ok(script)
}

/// What the tool says about the map beside an image.
fn used(sh: &Shell, bin: &Path, image: &Path) -> Result<Use> {
    let (python, map) = (bin.join("python"), image.with_extension("map"));
    let said = cmd!(sh, "{python} -m esp_idf_size --archives --format json2 {map}")
        .quiet()
        .ignore_stderr()
        .read()?;
    let said: serde_json::Value = serde_json::from_str(&said)?;
    let mut sum = Use::default();
    let mut found = 0;
    for archive in said.as_object().context("no archives")?.values() {
        if !ARCHIVES.iter().any(|name| archive["abbrev_name"] == *name) {
            continue;
        }
        found += 1;
        for of_memory in archive["memory_types"].as_object().context("no memory")?.values() {
            for (section, bytes) in of_memory["sections"].as_object().context("no sections")? {
                let bytes = bytes["size"].as_u64().context("no size")?;
                match section.as_str() {
                    ".iram0.text" => sum.instruction_ram += bytes,
                    ".dram0.data" | ".dram0.bss" => sum.data_ram += bytes,
                    ".flash.text" | ".flash.rodata" => sum.flash += bytes,
                    _ => ensure!(bytes == 0, "{bytes} bytes in {section}"),
                }
            }
        }
    }
    ensure!(found == ARCHIVES.len() && sum.flash > 0, "the tool knows {found} archives of ours");
    Ok(sum)
}

/// That what programs call all the time lies there, with what that calls of the C file.
fn lies_from(image: &Path, addresses: std::ops::Range<u64>) -> Result<()> {
    let bytes = std::fs::read(image)?;
    let object = object::File::parse(&*bytes)?;
    let mut found = 0;
    for symbol in object.symbols() {
        let name = symbol.name()?;
        if (hotpath::ENTRIES.contains(&name) || HOT_IN_SHIM.contains(&name)) && symbol.is_definition() {
            ensure!(addresses.contains(&symbol.address()), "{name} lies at {:#x}", symbol.address());
            found += 1;
        }
    }
    ensure!(found > 2, "only {found} hot functions are in {}", image.display());
    Ok(())
}
