//! Whether objects of LLVM's assembler stand a linker that shortens code.
//!
//! That of ESP-IDF does, for Xtensa: it merges constants and moves what lies behind them. Objects of GNU as have tables that
//! say what is code and what is not; those of LLVM have none. No linker here knows windowed code, so it is the ESP8266's
//! that is linked in this way and run: the same compiler and the same assembler make it.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use object::{Object, ObjectSection};
use xshell::Shell;

use super::link::Linker;
use super::programs::{PROGRAMS, Program};
use super::run;
use super::targets::ESP8266_BY_LLVM;
use crate::report::Done;

const TRIED: [&str; 5] = ["interrupts", "model", "set", "waits", "words"];

/// Links, runs, and compares; says how much shorter they became.
pub(crate) fn check(sh: &Shell) -> Result<Done> {
    let target = &ESP8266_BY_LLVM;
    if let Some(why) = super::missing(sh, target)? {
        return Ok(Done::Skipped(why));
    }
    let archives = (target.toolchain.build)(sh, target)?;
    let linker = Linker::new(sh, target, &archives)?;
    let mut saved = 0;
    for name in TRIED {
        let program = PROGRAMS.iter().find(|program| program.name == name).context("no such program")?;
        let image = linker.link(program)?;
        run::check(target, program, &image, false).with_context(|| format!("{name}, shortened"))?;
        let unchanged = linker.link_as(&Program { defines: &["-Wl,--no-relax"], ..*program }, "long.elf")?;
        saved += code(&unchanged)?.saturating_sub(code(&image)?);
    }
    ensure!(saved > 0, "the linker shortened nothing: this proves nothing");
    Ok(Done::Passed(format!("{} programs, {saved} bytes shorter together", TRIED.len())))
}

/// Bytes in instruction RAM, where there is code of ours alone, with its constants: what is in C lies elsewhere.
fn code(image: &Path) -> Result<u64> {
    let bytes = std::fs::read(image)?;
    let object = object::File::parse(&*bytes)?;
    Ok(object.section_by_name(".iram1").context("no code in instruction RAM")?.size())
}
