//! The text of `memory_pool_metrics_text`, read by Prometheus's own parser.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::data::DATA;
use super::{python, work_dir};
use crate::archive::{self, Profile};
use crate::compile::{Compiler, execute};
use crate::process::{cmd, sh};
use crate::report::Done;
use crate::tools;

/// The program that prints it, and the one that reads it.
const PRINTS: &str = "components/tests/metrics/metrics.c";
const READS: &str = "components/tests/metrics/metrics.py";

pub(super) fn check() -> Result<Done> {
    tools::need(&["gcc"])?;
    let python = python::environment()?.join("python");
    let dir = sh().create_dir(work_dir()?.join("metrics"))?;
    let program = dir.join("metrics");
    Compiler::new("gcc", &["-std=c11", "-Wall", "-Wextra", "-Werror"])
        .include(&archive::include_dir())
        .link(Path::new(PRINTS), &archive::build(Profile::Release)?, &program)?;
    let text = execute(&[], &program, &[])?;
    let read = |content: &[u8]| -> Result<String> {
        let file = dir.join("metrics.txt");
        std::fs::write(&file, content)?;
        cmd!("{python} {READS} {file}").quiet().ignore_stderr().read().map_err(Into::into)
    };
    let mut faults: Vec<Vec<u8>> = Vec::new();
    for planted in &DATA.metrics {
        ensure!(text.contains(&planted.old), "`{}` should be in the text, to be replaced", planted.old);
        faults.push(text.replace(&planted.old, &planted.new).into_bytes());
    }
    // A family in pieces, and a character in pieces.
    let (first, rest) = text.split_once("microusc_pool_blocks{").context("no sample")?;
    let (sample, rest) = rest.split_once('\n').context("no line")?;
    faults.push(format!("{first}{rest}microusc_pool_blocks{{{sample}\n").into_bytes());
    let cut = text.replace('\u{FFFD}', "\u{1}").into_bytes();
    faults.push(cut.into_iter().map(|byte| if byte == 1 { 0xE2 } else { byte }).collect());
    for (number, fault) in faults.iter().enumerate() {
        ensure!(read(fault).is_err(), "Prometheus's parser accepts fault {number} of the planted ones");
    }
    let note = read(text.as_bytes()).context("Prometheus's parser disagrees")?;
    Ok(Done::Passed(format!("{note}; {} faults found", faults.len())))
}
