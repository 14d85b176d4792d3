//! The console's command: compiled with every warning, driven by lines that a user types, and what it costs.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::budgets::stated_by_others;
use crate::compile::Compiler;
use crate::report::Done;

use super::examples::{self, ONE_CORE, PORTMUX};
use super::{archives, component_dir, costs, python, shim, standin};

const ALONE: &str = "CONFIG_MICROUSC_CONSOLE=y";
const WITH_DIAGNOSTICS: &str = "CONFIG_MICROUSC_CONSOLE=y\nCONFIG_MICROUSC_DIAGNOSTICS=y";

pub(super) fn check(sh: &Shell) -> Result<Done> {
    let (bin, component) = match examples::ready(sh)? {
        Ok(ready) => ready,
        Err(why) => return Ok(Done::Skipped(why)),
    };
    let project = examples::test_project(sh, &component, "console")?;
    let expected = sh.read_file(project.join("expected.txt"))?;
    for case in [&ONE_CORE, &PORTMUX] {
        let config = python::configure(sh, &bin, examples::chip(case), WITH_DIAGNOSTICS)?;
        alone(sh, &component, &config)?;
        let image = examples::build(sh, case, &project, &config)?;
        let printed = examples::emulate(sh, case, &image, &[])?;
        examples::compare(&expected, &printed).context(examples::chip(case))?;
        without_the_option(sh, &bin, &component, &image)?;
    }
    let cost = cost(sh, &bin, &component)?;
    let lines = expected.lines().filter(|line| line.starts_with("> ")).count();
    let note = format!("{lines} command lines on 2 chips; {cost} bytes of flash");
    if let Some(why) = stated_by_others(sh)? {
        return Ok(Done::Partly(format!("{note}, not compared with Kconfig and README.md: {why}")));
    }
    let words = |file: &str| sh.read_file(component_dir(sh)?.join(file)).map_err(anyhow::Error::from);
    costs::compare(&words("Kconfig")?, &[format!("Cost: {cost} bytes of flash when it is registered")])?;
    costs::compare(&words("README.md")?, &[format!("| {cost} bytes of flash, besides ESP-IDF's console |")])?;
    Ok(Done::Passed(note))
}

/// With every warning, the header also by itself and in C++.
fn alone(sh: &Shell, component: &Path, config: &Path) -> Result<()> {
    let includes = |compiler: Compiler| {
        compiler.include(&standin(sh).join("include")).include(&component.join("include")).include(config)
    };
    includes(Compiler::new("riscv64-unknown-elf-gcc", shim::WARNINGS)).check(&component.join("console.c"))?;
    for (file, language) in [("alone.c", "-std=c99"), ("alone.cpp", "-std=c++17")] {
        let source = config.join(file);
        sh.write_file(
            &source,
            "#include \"microusc_console.h\"\n#include \"microusc_console.h\"\nint alone;\n",
        )?;
        let compiler = if file.ends_with("cpp") { "g++" } else { "gcc" };
        includes(Compiler::new(compiler, &[language, "-Wall", "-Wextra", "-Werror", "-pedantic"]))
            .check(&source)?;
    }
    Ok(())
}

/// Without the option there is no command, not even one that the linker leaves out again.
fn without_the_option(sh: &Shell, bin: &Path, component: &Path, with: &Path) -> Result<()> {
    let config = python::configure(sh, bin, examples::chip(&ONE_CORE), "")?;
    let without = examples::build(sh, &ONE_CORE, &component.join("examples/basic"), &config)?;
    let knows = |image: &Path| -> Result<bool> {
        Ok(sh.read_file(image.with_extension("map"))?.contains("microusc_console_register"))
    };
    ensure!(knows(with)?, "the map of a program that has the command does not show it");
    ensure!(!knows(&without)?, "a program without CONFIG_MICROUSC_CONSOLE has the command all the same");
    Ok(())
}

/// Bytes of flash that registering the command adds to a program that only takes and returns blocks.
fn cost(sh: &Shell, bin: &Path, component: &Path) -> Result<u64> {
    let config = python::configure(sh, bin, examples::chip(&ONE_CORE), ALONE)?;
    let port = costs::object(sh, component, "port_esp_idf.c", &config)?;
    let console = costs::object(sh, component, "console.c", &config)?;
    let archive = archives::built(sh, "riscv32imc", "inline")?;
    let size = |command: &[&str]| -> Result<u64> {
        const ROOTS: [&str; 4] =
            ["-umemory_pool_init", "-umemory_pool_alloc", "-umemory_pool_free", "-umemory_pool_destroy"];
        let image = config.join("cost.elf");
        // What ESP-IDF and the C library have is not there, and not counted.
        cmd!(sh, "riscv64-unknown-elf-ld -m elf32lriscv --gc-sections --unresolved-symbols=ignore-all --entry=0 {ROOTS...} {command...} -o {image} {port} {console} {archive}")
            .quiet()
            .ignore_stderr()
            .run()?;
        Ok(costs::sizes(&image)?.flash)
    };
    let (with, without) = (size(&["-umicrousc_console_register"])?, size(&[])?);
    ensure!(with > without, "the command costs nothing: this measures nothing");
    Ok(with - without)
}
