//! The C file against declarations of exactly what it uses, with every warning, for each kind of chip and choice.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use xshell::Shell;

use crate::compile::Compiler;
use crate::report::Done;
use crate::tools::{self, RISCV_GCC};

use super::{component_dir, python, standin, work_dir};

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
    let wrong_order = in_wrong_order(sh)?;
    // The macros of critical sections differ between one core and two. No header here depends on the instruction set.
    let chips = [("esp32c3", 1), ("esp32p4", 2), ("esp32", 2), ("esp32s2", 1), ("esp32s3", 2)];
    for (chip, cores) in chips {
        for choice in choices {
            let config = python::configure(sh, &bin, chip, choice)?;
            let compiler = Compiler::new("riscv64-unknown-elf-gcc", WARNINGS)
                .include(&standin(sh).join("include"))
                .include(&component.join("include"))
                .include(&component)
                .include(&config);
            compiler.check(&component.join("port_esp_idf.c"))?;
            let refusal = compiler.check(&wrong_order).err().map(|error| error.to_string());
            ensure!(
                refusal.is_some_and(|why| why.contains("portYIELD_CORE")) == (cores == 2),
                "{chip}: the kernel's header after the hooks' has to be refused on two cores, and only there"
            );
        }
    }
    Ok(Done::Passed(format!(
        "{} configurations, a wrong order of headers refused",
        chips.len() * choices.len()
    )))
}

/// The C file with the kernel's header after that of the hooks: an order that ESP-IDF refuses for Xtensa chips with two cores.
fn in_wrong_order(sh: &Shell) -> Result<PathBuf> {
    const KERNEL: &str = "#include \"freertos/FreeRTOS.h\"\n";
    const HOOKS: &str = "#include \"esp_freertos_hooks.h\"\n";
    let text = sh.read_file(component_dir(sh)?.join("port_esp_idf.c"))?;
    ensure!(text.contains(KERNEL) && text.contains(HOOKS), "the C file does not include both headers");
    let planted = work_dir(sh)?.join("wrong_order.c");
    sh.write_file(&planted, text.replace(KERNEL, "").replace(HOOKS, &format!("{HOOKS}{KERNEL}")))?;
    Ok(planted)
}
