//! The console's command: compiled with every warning, driven by lines that a user types, and what it costs.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::data::case;
use super::{archives, c_file, component_dir, costs, images, python};
use crate::budgets::stated_by_others;
use crate::compile::Compiler;
use crate::process::{cmd, sh};
use crate::report::Done;

const ALONE: &str = "CONFIG_MICROUSC_CONSOLE=y";
const WITH_DIAGNOSTICS: &str = "CONFIG_MICROUSC_CONSOLE=y\nCONFIG_MICROUSC_DIAGNOSTICS=y";

pub(super) fn check() -> Result<Done> {
    let component = images::unpacked()?;
    let project = images::project(&component, "console")?;
    for case in [case("one_core"), case("portmux")] {
        let config = python::configure(&case.chip, WITH_DIAGNOSTICS)?;
        compiles_alone(&component, &config)?;
        let image = images::check(case, &project, &config).with_context(|| case.chip.clone())?;
        without_the_option(&component, &image)?;
    }
    let cost = cost(&component)?;
    let typed = sh().read_file(project.join("expected.txt"))?;
    let lines = typed.lines().filter(|line| line.starts_with("> ")).count();
    let note = format!("{lines} command lines on 2 chips; {cost} bytes of flash");
    if let Some(why) = stated_by_others()? {
        return Ok(Done::Partly(format!("{note}, not compared with Kconfig and README.md: {why}")));
    }
    let component = component_dir()?;
    costs::states(
        &component.join("Kconfig"),
        &[format!("Cost: {cost} bytes of flash when it is registered")],
    )?;
    let row = format!("| {cost} bytes of flash, besides ESP-IDF's console |");
    costs::states(&component.join("README.md"), &[row])?;
    Ok(Done::Passed(note))
}

/// Compiles the command with every warning, and its header by itself in C and in C++.
fn compiles_alone(component: &Path, config: &Path) -> Result<()> {
    c_file::compiler(component, config).check(&component.join("console.c"))?;
    for (compiler, file, language) in [("gcc", "alone.c", "-std=c99"), ("g++", "alone.cpp", "-std=c++17")] {
        let source = config.join(file);
        let include = "#include \"microusc_console.h\"\n";
        sh().write_file(&source, format!("{include}{include}int alone;\n"))?;
        let compiler = Compiler::new(compiler, &[language, "-Wall", "-Wextra", "-Werror", "-pedantic"]);
        c_file::includes(compiler, component, config).check(&source)?;
    }
    Ok(())
}

/// Without the option there is no command, not even one that the linker leaves out again.
fn without_the_option(component: &Path, with: &Path) -> Result<()> {
    let one_core = case("one_core");
    let config = python::configure(&one_core.chip, "")?;
    let without = images::check(one_core, &component.join("examples/basic"), &config)?;
    let has = |image: &Path| -> Result<bool> {
        Ok(sh().read_file(image.with_extension("map"))?.contains("microusc_console_register"))
    };
    ensure!(has(with)?, "the map of a program that has the command does not show it");
    ensure!(!has(&without)?, "a program without CONFIG_MICROUSC_CONSOLE has the command all the same");
    Ok(())
}

/// Bytes of flash that registering the command adds to a program that only allocates and frees blocks.
fn cost(component: &Path) -> Result<u64> {
    let config = python::configure(&case("one_core").chip, ALONE)?;
    let port = costs::object(component, "port_esp_idf.c", &config)?;
    let console = costs::object(component, "console.c", &config)?;
    let archive = archives::built("riscv32imc", "inline")?;
    let size = |command: &[&str]| -> Result<u64> {
        let roots = ["init", "alloc", "free", "destroy"].map(|function| format!("-umemory_pool_{function}"));
        let image = config.join("cost.elf");
        // Functions of ESP-IDF and the C library are not there, and not counted.
        cmd!("riscv64-unknown-elf-ld -m elf32lriscv --gc-sections --unresolved-symbols=ignore-all --entry=0 {roots...} {command...} -o {image} {port} {console} {archive}")
            .quiet()
            .ignore_stderr()
            .run()?;
        Ok(costs::sizes(&image)?.flash)
    };
    let (with, without) = (size(&["-umicrousc_console_register"])?, size(&[])?);
    ensure!(with > without, "the command costs nothing, so nothing was measured");
    Ok(with - without)
}
