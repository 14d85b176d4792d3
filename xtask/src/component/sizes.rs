//! Where the component's code and data lie in images of chips, by `esp-idf-size`, ESP-IDF's own tool.
//!
//! The packed example is linked by a script that has the memory of the chip under the names of ESP-IDF
//! (`components/tests/size`), into which `linker.lf` is worked by [`placement`](super::placement).

use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use object::{Object, ObjectSymbol};
use xshell::{Shell, cmd};

use crate::budgets::stated_by_others;
use crate::hotpath;
use crate::qemu::{self, WINDOWED};
use crate::report::Done;

use super::archives::HOT_IN_SHIM;
use super::examples::{self, ONE_CORE};
use super::placement::Fragments;
use super::{component_dir, emulated, python, work_dir};

/// Of the tests: the linker script, and what is placed by default.
const FOLDER: &str = "components/tests/size";

/// A chip, and where it has what.
struct Chip {
    name: &'static str,
    instruction_ram: Range<u64>,
    flash: Range<u64>,
    /// Ours, in an image.
    archives: &'static [&'static str],
}

const RISCV: Chip = Chip {
    name: "esp32c3",
    instruction_ram: 0x4038_0000..0x403d_0000,
    flash: 0x4200_0000..0x4280_0000,
    archives: &["libmicrousc_memory.a", "libMicroUSC.a"],
};
/// The C file is linked as an object there.
const XTENSA: Chip = Chip {
    name: "esp32",
    instruction_ram: 0x4008_0000..0x400a_0000,
    flash: 0x400d_0000..0x4040_0000,
    archives: &["libmicrousc_memory.a"],
};

/// Bytes of ours.
struct Use {
    instruction_ram: u64,
    data_ram: u64,
    flash: u64,
}

/// On RISC-V; and that all of it together takes what Kconfig says.
pub(super) fn riscv(sh: &Shell) -> Result<Done> {
    let (bin, component) = match examples::ready(sh)? {
        Ok(ready) => ready,
        Err(why) => return Ok(Done::Skipped(why)),
    };
    let project = component.join("examples/basic");
    let link = |config: &Path, script: &Path, more: &[&str]| {
        let linking = format!("-T{} -nostartfiles --oslib=semihost", script.display());
        examples::build_as(sh, &ONE_CORE, &project, config, &linking, more)
    };
    let usual = placed(sh, &bin, &component, &RISCV, |config, script| link(config, script, &[]))?;
    let config = python::configure(sh, &bin, RISCV.name, "")?;
    let script = script(sh, &component, &config, &RISCV)?;
    // At the end of the command line, where it counts.
    let image = link(&config, &script, &["-DCMAKE_C_STANDARD_LIBRARIES=-Wl,--no-gc-sections"])?;
    let all = used(sh, &bin, &image, &RISCV)?;
    let (note, instruction_ram) = (told(&usual), all.instruction_ram);
    if let Some(why) = stated_by_others(sh)? {
        return Ok(Done::Partly(format!(
            "{note}; all of it {instruction_ram}, not compared with Kconfig: {why}"
        )));
    }
    let stated = format!("Cost: {instruction_ram} bytes of instruction RAM");
    ensure!(
        sh.read_file(component_dir(sh)?.join("Kconfig"))?.contains(&stated),
        "Kconfig should say: {stated}"
    );
    Ok(Done::Passed(note))
}

/// On Xtensa, where constants must go along with the code.
pub(super) fn xtensa(sh: &Shell) -> Result<Done> {
    if let Some(why) = qemu::missing(sh, &WINDOWED)? {
        return Ok(Done::Skipped(why));
    }
    let (bin, component) = match examples::ready(sh)? {
        Ok(ready) => ready,
        Err(why) => return Ok(Done::Skipped(why)),
    };
    let project = component.join("examples/basic");
    let link =
        |config: &Path, script: &Path| emulated::link(sh, XTENSA.name, &component, &project, config, script);
    Ok(Done::Passed(told(&placed(sh, &bin, &component, &XTENSA, link)?)))
}

fn told(used: &Use) -> String {
    let Use { instruction_ram, data_ram, flash } = used;
    format!("`basic`: {instruction_ram} bytes of IRAM, {data_ram} of DRAM, {flash} of flash")
}

/// Links with hot paths in instruction RAM, and with all code in flash, and looks at both; what the first takes.
fn placed(
    sh: &Shell,
    bin: &Path,
    component: &Path,
    chip: &Chip,
    link: impl Fn(&Path, &Path) -> Result<PathBuf>,
) -> Result<Use> {
    let linked = |choices: &str, hot: &Range<u64>| {
        let config = python::configure(sh, bin, chip.name, choices)?;
        let image = link(&config, &script(sh, component, &config, chip)?)?;
        hot_lies_in(&image, hot)?;
        used(sh, bin, &image, chip)
    };
    let in_flash = linked("CONFIG_MICROUSC_IN_IRAM=n", &chip.flash)?.instruction_ram;
    ensure!(in_flash == 0, "without MICROUSC_IN_IRAM {in_flash} bytes are in instruction RAM");
    linked("", &chip.instruction_ram)
}

/// The linker script, with the component's fragments under a configuration.
fn script(sh: &Shell, component: &Path, config: &Path, chip: &Chip) -> Result<PathBuf> {
    let configuration = sh.read_file(config.join("sdkconfig.cmake"))?;
    let option = |name: &str| {
        let start = format!("set(CONFIG_{name} \"");
        let line = configuration.lines().find_map(|line| line.strip_prefix(&start));
        line.map(|value| value.starts_with('y')).with_context(|| format!("Kconfig has no `{name}`"))
    };
    let mut fragments = Fragments::default();
    fragments.add(&sh.read_file(format!("{FOLDER}/defaults.lf"))?, option)?;
    fragments.add(&sh.read_file(component.join("linker.lf"))?, option).context("linker.lf")?;
    let memory = sh.read_file(format!("{FOLDER}/{}.ld", chip.name))?;
    let sections = fragments.script(&sh.read_file(format!("{FOLDER}/sections.ld"))?)?;
    let script = work_dir(sh)?.join(chip.name).with_extension("ld");
    sh.write_file(&script, memory + &sections)?;
    Ok(script)
}

/// What the tool says about the map beside an image.
fn used(sh: &Shell, bin: &Path, image: &Path, chip: &Chip) -> Result<Use> {
    let (python, map) = (bin.join("python"), image.with_extension("map"));
    let said = cmd!(sh, "{python} -m esp_idf_size --archives --format json2 {map}")
        .quiet()
        .ignore_stderr()
        .read()?;
    let said: serde_json::Value = serde_json::from_str(&said)?;
    let (mut sum, mut found) = (Use { instruction_ram: 0, data_ram: 0, flash: 0 }, 0);
    for archive in said.as_object().context("no archives")?.values() {
        if !chip.archives.iter().any(|name| archive["abbrev_name"] == *name) {
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
    ensure!(found == chip.archives.len() && sum.flash > 0, "the tool knows {found} archives of ours");
    Ok(sum)
}

/// That what programs call all the time lies there, with what that calls of the C file.
fn hot_lies_in(image: &Path, addresses: &Range<u64>) -> Result<()> {
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
