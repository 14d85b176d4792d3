//! Where the component's code and data lie in images of chips, by `esp-idf-size`, ESP-IDF's own tool.
//!
//! The packed example is linked by a script that has the memory of the chip under the names of ESP-IDF
//! (`components/tests/size`), into which `linker.lf` is worked by [`placement`](super::placement).

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use object::{Object, ObjectSymbol};

use super::data::{DATA, Memories, case};
use super::placement::Fragments;
use super::{component_dir, costs, images, python, work_dir};
use crate::budgets::stated_by_others;
use crate::code;
use crate::process::{cmd, sh};
use crate::qemu::{self, Target};
use crate::report::Done;

/// Of the tests: the linker script, and what is placed by default.
const FOLDER: &str = "components/tests/size";
const RISCV: &str = "esp32c3";
const XTENSA: &str = "esp32";

/// Bytes of ours.
struct Use {
    instruction_ram: u64,
    data_ram: u64,
    flash: u64,
}

/// On RISC-V; and that all of it together takes what Kconfig says.
pub(super) fn riscv() -> Result<Done> {
    let component = images::unpacked()?;
    let project = component.join("examples/basic");
    let link = |config: &Path, script: &Path, more: &[&str]| {
        let linking = format!("-T{} -nostartfiles --oslib=semihost", script.display());
        images::build(case("one_core"), &project, config, &linking, more)
    };
    let usual = placed(&component, RISCV, |config, script| link(config, script, &[]))?;
    let config = python::configure(RISCV, "")?;
    let script = script(&component, &config, RISCV)?;
    // At the end of the command line, where it counts.
    let image = link(&config, &script, &["-DCMAKE_C_STANDARD_LIBRARIES=-Wl,--no-gc-sections"])?;
    let all = used(&image, &DATA.sizes[RISCV])?.instruction_ram;
    let note = usual.to_string();
    if let Some(why) = stated_by_others()? {
        return Ok(Done::Partly(format!("{note}; all of it {all}, not compared with Kconfig: {why}")));
    }
    costs::states(&component_dir()?.join("Kconfig"), &[format!("Cost: {all} bytes of instruction RAM")])?;
    Ok(Done::Passed(note))
}

/// On Xtensa, where constants must go along with the code.
pub(super) fn xtensa() -> Result<Done> {
    qemu::need(Target::named("xtensa-windowed"))?;
    let component = images::unpacked()?;
    let project = component.join("examples/basic");
    let link =
        |config: &Path, script: &Path| images::link_for_xtensa(XTENSA, &component, &project, config, script);
    Ok(Done::Passed(placed(&component, XTENSA, link)?.to_string()))
}

impl std::fmt::Display for Use {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { instruction_ram, data_ram, flash } = self;
        write!(f, "`basic`: {instruction_ram} bytes of IRAM, {data_ram} of DRAM, {flash} of flash")
    }
}

/// Links with hot paths in instruction RAM, and with all code in flash, and checks both; what the first takes.
fn placed(component: &Path, chip: &str, link: impl Fn(&Path, &Path) -> Result<PathBuf>) -> Result<Use> {
    let memories = &DATA.sizes[chip];
    let linked = |choices: &str, hot: (u64, u64)| {
        let config = python::configure(chip, choices)?;
        let image = link(&config, &script(component, &config, chip)?)?;
        hot_lies_in(&image, hot)?;
        used(&image, memories)
    };
    let in_flash = linked("CONFIG_MICROUSC_IN_IRAM=n", memories.flash)?.instruction_ram;
    ensure!(in_flash == 0, "without MICROUSC_IN_IRAM {in_flash} bytes are in instruction RAM");
    linked("", memories.instruction_ram)
}

/// The linker script, with the component's fragments under a configuration.
fn script(component: &Path, config: &Path, chip: &str) -> Result<PathBuf> {
    let configuration = sh().read_file(config.join("sdkconfig.cmake"))?;
    let option = |name: &str| {
        let start = format!("set(CONFIG_{name} \"");
        let line = configuration.lines().find_map(|line| line.strip_prefix(&start));
        line.map(|value| value.starts_with('y')).with_context(|| format!("Kconfig has no `{name}`"))
    };
    let mut fragments = Fragments::default();
    fragments.add(&sh().read_file(format!("{FOLDER}/defaults.lf"))?, option)?;
    fragments.add(&sh().read_file(component.join("linker.lf"))?, option).context("linker.lf")?;
    let memory = sh().read_file(format!("{FOLDER}/{chip}.ld"))?;
    let sections = fragments.script(&sh().read_file(format!("{FOLDER}/sections.ld"))?)?;
    let script = work_dir()?.join(chip).with_extension("ld");
    sh().write_file(&script, memory + &sections)?;
    Ok(script)
}

/// What the tool reads from the map beside an image.
fn used(image: &Path, memories: &Memories) -> Result<Use> {
    let (python, map) = (python::environment()?.join("python"), image.with_extension("map"));
    let text =
        cmd!("{python} -m esp_idf_size --archives --format json2 {map}").quiet().ignore_stderr().read()?;
    let output: serde_json::Value = serde_json::from_str(&text)?;
    let (mut sum, mut found) = (Use { instruction_ram: 0, data_ram: 0, flash: 0 }, 0);
    for archive in output.as_object().context("no archives")?.values() {
        if !memories.archives.iter().any(|name| archive["abbrev_name"] == **name) {
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
    ensure!(found == memories.archives.len() && sum.flash > 0, "the tool finds {found} archives of ours");
    Ok(sum)
}

/// That the functions that programs call all the time lie there, with those of the C file that they call.
fn hot_lies_in(image: &Path, (from, to): (u64, u64)) -> Result<()> {
    let bytes = std::fs::read(image)?;
    let object = object::File::parse(&*bytes)?;
    let hot: Vec<&String> = code::hot_entries().iter().chain(code::of_the_component()).collect();
    let mut found = 0;
    for symbol in object.symbols().filter(ObjectSymbol::is_definition) {
        let name = symbol.name()?;
        if hot.iter().any(|hot| *hot == name) {
            ensure!((from..to).contains(&symbol.address()), "{name} lies at {:#x}", symbol.address());
            found += 1;
        }
    }
    ensure!(found > 2, "only {found} hot functions are in {}", image.display());
    Ok(())
}
