//! The C file against declarations of exactly what it uses, with every warning, for each kind of chip and choice.

use anyhow::Result;
use xshell::Shell;

use crate::compile::Compiler;
use crate::report::Done;
use crate::tools::{self, RISCV_GCC};

use super::{component_dir, python, standin};

pub(super) const WARNINGS: &[&str] = &[
    "-march=rv32imac",
    "-mabi=ilp32",
    "--specs=picolibc.specs",
    "-std=gnu17",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wconversion",
    "-Wshadow",
    "-Wmissing-prototypes",
    "-Wstrict-prototypes",
    "-DESP_PLATFORM=1",
];

pub(super) fn check(sh: &Shell) -> Result<Done> {
    if let Some(why) = tools::missing(sh, RISCV_GCC)? {
        return Ok(Done::Skipped(why));
    }
    let bin = match python::environment(sh)? {
        Ok(bin) => bin,
        Err(why) => return Ok(Done::Skipped(why)),
    };
    let component = component_dir(sh)?;
    let choices = [
        "",
        "CONFIG_MICROUSC_LOG=n",
        "CONFIG_MICROUSC_LOG_FROM_ISR=n",
        "CONFIG_MICROUSC_IN_IRAM=n",
        "CONFIG_MICROUSC_LOCK_PORTMUX=y",
        "CONFIG_MICROUSC_DIAGNOSTICS=y\nCONFIG_MICROUSC_CHECKS_POISON=y",
    ];
    // One core and two: the macros of critical sections differ.
    for chip in ["esp32c3", "esp32p4"] {
        for choice in choices {
            let config = python::configure(sh, &bin, chip, choice)?;
            Compiler::new("riscv64-unknown-elf-gcc", WARNINGS)
                .include(&standin(sh).join("include"))
                .include(&component.join("include"))
                .include(&config)
                .check(&component.join("port_esp_idf.c"))?;
        }
    }
    Ok(Done::Passed(format!("{} configurations", 2 * choices.len())))
}
