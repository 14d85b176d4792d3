//! The C file against declarations of exactly what it uses, with every warning, for each kind of chip and choice.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use super::data::DATA;
use super::{component_dir, python, standin, work_dir};
use crate::compile::Compiler;
use crate::process::sh;
use crate::report::Done;
use crate::tools;

/// The compiler with every warning, for a configuration.
pub(super) fn compiler(component: &Path, config: &Path) -> Compiler {
    let warnings: Vec<_> = DATA.c_file.warnings.split(' ').collect();
    includes(Compiler::new("riscv64-unknown-elf-gcc", &warnings), component, config)
}

/// The headers of the stand-ins, of the component and of a configuration.
pub(super) fn includes(compiler: Compiler, component: &Path, config: &Path) -> Compiler {
    let compiler = compiler.include(&standin().join("include")).include(&component.join("include"));
    compiler.include(component).include(config)
}

pub(super) fn check() -> Result<Done> {
    tools::need(&["riscv64-unknown-elf-gcc"])?;
    let (component, wrong_order) = (component_dir()?, in_wrong_order()?);
    let data = &DATA.c_file;
    for chip in data.one_core.iter().chain(&data.two_cores) {
        for choice in &data.choices {
            let compiler = compiler(&component, &python::configure(chip, choice)?);
            compiler.check(&component.join("port_esp_idf.c"))?;
            let refusal = compiler.check(&wrong_order).err().map(|error| error.to_string());
            ensure!(
                refusal.is_some_and(|why| why.contains("portYIELD_CORE")) == data.two_cores.contains(chip),
                "{chip}: the kernel's header after the hooks' has to be refused on two cores, and only there"
            );
        }
    }
    let count = (data.one_core.len() + data.two_cores.len()) * data.choices.len();
    Ok(Done::Passed(format!("{count} configurations, a wrong order of headers refused")))
}

/// The C file with the kernel's header after that of the hooks: an order that ESP-IDF refuses for Xtensa chips with two cores.
fn in_wrong_order() -> Result<PathBuf> {
    const KERNEL: &str = "#include \"freertos/FreeRTOS.h\"\n";
    const HOOKS: &str = "#include \"esp_freertos_hooks.h\"\n";
    let text = sh().read_file(component_dir()?.join("port_esp_idf.c"))?;
    ensure!(text.contains(KERNEL) && text.contains(HOOKS), "the C file does not include both headers");
    let planted = work_dir()?.join("wrong_order.c");
    sh().write_file(&planted, text.replace(KERNEL, "").replace(HOOKS, &format!("{HOOKS}{KERNEL}")))?;
    Ok(planted)
}
