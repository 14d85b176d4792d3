//! The image that is flashed, made and looked at by Espressif's own tool.

use std::path::{Path, PathBuf};

use crate::process::{cmd, sh};
use anyhow::{Context, Result, ensure};

use super::{Chip, NAME};
use crate::archive;
use crate::component::python_environment;
use crate::report::Done;

pub(super) fn check(chip: &Chip, program: &Path) -> Result<Done> {
    let esptool = python_environment()?.join("esptool");
    let (image, name) = (path(chip)?, chip.name);
    cmd!("{esptool} --chip {name} elf2image --output {image} {program}").quiet().ignore_stdout().run()?;
    let segments = judge(&info(&esptool, &image)?, chip)?;

    // The same check must find one inverted bit.
    let damaged = image.with_file_name("damaged.bin");
    let mut bytes = sh().read_binary_file(&image)?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    sh().write_file(&damaged, &bytes)?;
    ensure!(judge(&info(&esptool, &damaged)?, chip).is_err(), "a damaged image passes the check");
    Ok(Done::Passed(format!("{} KiB, {segments} segments", bytes.len() / 1024)))
}

/// Where the image is.
pub(super) fn path(chip: &Chip) -> Result<PathBuf> {
    Ok(archive::work_dir("esp-hal")?.join(format!("{}.bin", chip.name)))
}

fn info(esptool: &Path, image: &Path) -> Result<String> {
    Ok(cmd!("{esptool} image-info {image}").quiet().read()?)
}

/// Whether esptool prints what it prints for an undamaged image for the chip; the number of its segments.
fn judge(text: &str, chip: &Chip) -> Result<usize> {
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
        line.with_context(|| format!("esptool prints no `{key}`"))
    };
    let written = chip.written;
    ensure!(value("Detected image type")? == written, "an image for {}", value("Detected image type")?);
    ensure!(value("Chip ID")?.ends_with(&format!("({written})")), "for chip {}", value("Chip ID")?);
    for sum in ["Checksum", "Validation hash"] {
        ensure!(value(sum)?.ends_with("(valid)"), "{sum} is {}", value(sum)?);
    }
    // The bootloader starts nothing without a descriptor.
    ensure!(value("Project name")? == NAME, "the descriptor names {}", value("Project name")?);
    let wanted: usize = value("Segments")?.parse()?;
    let rows: Vec<_> = text.lines().filter_map(segment).collect();
    ensure!(rows.len() == wanted, "{wanted} segments, and {} are listed", rows.len());
    for memory in ["DROM", "DRAM", "IRAM", "IROM"] {
        ensure!(rows.iter().any(|row| row.contains(memory)), "no segment is for {memory}");
    }
    let nowhere = rows.iter().find(|row| row.is_empty());
    ensure!(nowhere.is_none(), "a segment is for no memory that the chip has");
    Ok(wanted)
}

/// What memory a segment is for: a row of number, length, address, offset, and that.
fn segment(line: &str) -> Option<&str> {
    let (number, rest) = line.trim_start().split_once(' ')?;
    number.parse::<u32>().ok()?;
    let mut rest = rest;
    for _ in 0..3 {
        let (hexadecimal, more) = rest.trim_start().split_once(' ').unwrap_or((rest.trim(), ""));
        hexadecimal.strip_prefix("0x")?;
        rest = more;
    }
    Some(rest.trim())
}
