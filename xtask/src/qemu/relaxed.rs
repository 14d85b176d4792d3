//! Whether objects of LLVM's assembler survive a linker that shortens code.
//!
//! The linker of ESP-IDF does that for Xtensa: it merges constants and moves what lies behind them. Objects of GNU as have
//! tables of what is code and what is not; those of LLVM have none. No linker here knows windowed code, so programs for the
//! ESP8266 are linked in this way and run: the same compiler and the same assembler make them.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use object::{Object, ObjectSection};

use super::data::{Program, Target};
use super::link::Linker;
use super::{run, toolchain};
use crate::report::Done;

const TRIED: [&str; 5] = ["interrupts", "model", "set", "waits", "words"];

/// Links, runs, and compares; the note says how much shorter the programs became.
pub(crate) fn check() -> Result<Done> {
    let target = Target::named("xtensa-lx106-llvm");
    toolchain::need(target)?;
    let archives = toolchain::build(target)?;
    let linker = Linker::new(target, &archives)?;
    let mut saved = 0;
    for program in TRIED.map(Program::named) {
        let image = linker.link(program)?;
        run::check(target, program, &image, false).with_context(|| format!("{}, shortened", program.name))?;
        let long = Program { defines: vec!["-Wl,--no-relax".to_owned()], ..program.clone() };
        saved += code(&linker.link_as(&long, "long.elf")?)?.saturating_sub(code(&image)?);
    }
    ensure!(saved > 0, "the linker shortened nothing, so nothing was tested");
    Ok(Done::Passed(format!("{} programs, {saved} bytes shorter together", TRIED.len())))
}

/// Bytes in instruction RAM, where there is code of ours alone, with its constants: what is in C lies elsewhere.
fn code(image: &Path) -> Result<u64> {
    let bytes = std::fs::read(image)?;
    let object = object::File::parse(&*bytes)?;
    Ok(object.section_by_name(".iram1").context("no code in instruction RAM")?.size())
}
