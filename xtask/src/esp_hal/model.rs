//! The image, run on a model of the chip (`tests/machine.py` of the example): it prints what the README says, wherever interrupts
//! come, and does not when its masks are taken out.

use std::path::{Path, PathBuf};

use crate::process::{cmd, sh};
use anyhow::{Context, Result, ensure};
use object::{Object, ObjectSymbol};

use super::{Chip, EXAMPLE};
use crate::archive;
use crate::component::python_environment;
use crate::report::Done;

/// Each lets interrupts come elsewhere.
const SEEDS: std::ops::RangeInclusive<u32> = 1..=4;
/// Of the chip's time: the program is done by then, and spins.
const MICROSECONDS: &str = "700000";
/// Where functions in the chip's ROM are.
const ROM: std::ops::Range<u64> = 0x4000_0000..0x4006_0000;

pub(super) fn check(chip: &Chip, program: &Path) -> Result<Done> {
    let python = python_environment()?.join("python");
    let (name, image, rom) = (chip.name, super::image::path(chip)?, functions(chip, program)?);
    let machine = Path::new(EXAMPLE).join("tests/machine.py");
    let printed = |seed: u32, options: &[&str]| -> Result<String> {
        let seed = seed.to_string();
        let run = cmd!("{python} {machine} {name} {image} {rom} {MICROSECONDS} {seed} {options...}");
        // After a trap the text is incomplete.
        Ok(run.quiet().ignore_status().read()?)
    };
    let readme = sh().read_file(Path::new(EXAMPLE).join("README.md"))?;
    let expected = promised(&readme).context("README.md does not say what is printed")?;
    for seed in SEEDS {
        let printed = printed(seed, &[])?;
        ensure!(printed.trim() == expected, "README.md promises\n{expected}\nand printed is\n{printed}");
    }
    for seed in SEEDS {
        let printed = printed(seed, &["unmasked"])?;
        ensure!(!printed.is_empty(), "without its masks it does not even start");
        ensure!(printed.trim() != expected, "without its masks it prints the same");
    }
    let (runs, lines) = (SEEDS.count(), expected.lines().count());
    Ok(Done::Passed(format!("{runs} runs of {lines} lines; {runs} without masks fail")))
}

/// The text below the heading, which the reader will see.
fn promised(readme: &str) -> Option<&str> {
    let (_, after) = readme.split_once("## What it prints")?;
    let (_, text) = after.split_once("```text\n")?;
    Some(text.split_once("```")?.0.trim())
}

/// A file with the functions that the program may call in the chip's ROM, an address and a name a line.
fn functions(chip: &Chip, program: &Path) -> Result<PathBuf> {
    let data = sh().read_binary_file(program)?;
    let file = object::File::parse(&*data)?;
    let mut lines = String::new();
    for symbol in file.symbols().filter(|symbol| ROM.contains(&symbol.address())) {
        lines += &format!("{:x} {}\n", symbol.address(), symbol.name()?);
    }
    ensure!(!lines.is_empty(), "the program names no function of the ROM");
    let path = archive::work_dir("esp-hal")?.join(format!("{}.rom", chip.name));
    sh().write_file(&path, lines)?;
    Ok(path)
}
