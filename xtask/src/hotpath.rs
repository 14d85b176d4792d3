//! `cargo xtask hotpath`: what the hot paths in the built archive may not contain, looked for in its instructions.

mod closure;
mod decode;
mod iram;
#[cfg(test)]
mod tests;

use std::ffi::OsString;

use anyhow::{Result, ensure};
use xshell::Shell;

#[cfg(test)]
pub(crate) use iram::tests::assembled;
pub(crate) use iram::{members, swaps};

use crate::archive::{self, Profile};
use crate::report::{Done, Report};

/// What programs call all the time.
pub(crate) const ENTRIES: &[&str] = &[
    "memory_pool_alloc",
    "memory_pool_alloc_at",
    "memory_pool_alloc_from",
    "memory_pool_alloc_from_isr",
    "memory_pool_alloc_reason",
    "memory_pool_free",
    "memory_pool_free_reason",
    "memory_pool_alloc_unsynchronized",
    "memory_pool_free_unsynchronized",
    "memory_pool_set_alloc",
    "memory_pool_set_alloc_at",
    "memory_pool_set_alloc_reason",
    "memory_pool_set_free",
    "memory_pool_set_usable_size",
];

/// Checks the release archive, and prints what the hot paths consist of.
pub(crate) fn run(sh: &Shell, _arguments: Vec<OsString>) -> Result<()> {
    let mut report = Report::default();
    steps(sh, &mut report);
    report.finish()
}

/// The check, for a report of several commands.
pub(crate) fn steps(sh: &Shell, report: &mut Report) {
    report.step("hot paths: no division, panic, memcpy or format", || check(sh));
}

fn check(sh: &Shell) -> Result<Done> {
    if !cfg!(target_arch = "x86_64") {
        return Ok(Done::Skipped("this machine's instructions are not x86-64".into()));
    }
    let path = archive::build(sh, Profile::Release)?;
    let closure = closure::closure(&sh.read_binary_file(path)?, ENTRIES)?;
    for (name, bytes) in &closure.functions {
        println!("{bytes:>6} B  {name}");
    }
    ensure!(closure.violations.is_empty(), "{}", closure.violations.join("; "));
    Ok(Done::Passed(format!("{} functions", closure.functions.len())))
}

/// Checks that the hot paths in objects for Xtensa or RISC-V need nothing but RAM, and prints what they consist of.
pub(crate) fn check_instruction_ram(objects: &[Vec<u8>]) -> Result<()> {
    let reached = iram::reached(objects, ENTRIES, &[])?;
    for (name, (bytes, narrow)) in &reached.functions {
        eprintln!("{bytes:>6} B  {narrow:>2} narrow accesses  {name}");
    }
    only_ram(&reached)
}

/// The same, in silence, where functions of the program may be called, which then must lie in instruction RAM as well.
pub(crate) fn check_instruction_ram_but_for(objects: &[Vec<u8>], of_the_program: &[&str]) -> Result<()> {
    only_ram(&iram::reached(objects, ENTRIES, of_the_program)?)
}

fn only_ram(reached: &iram::Reached) -> Result<()> {
    ensure!(reached.violations.is_empty(), "not in instruction RAM: {}", reached.violations.join("; "));
    Ok(())
}
