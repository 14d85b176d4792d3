//! The text of `memory_pool_metrics_text`, read by Prometheus's own parser.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::archive::{self, Profile};
use crate::compile::{Compiler, execute};
use crate::report::Done;
use crate::tools::{self, GCC};

use super::{python, work_dir};

/// The program that prints it, and the one that reads it.
const PRINTS: &str = "components/tests/metrics/metrics.c";
const READS: &str = "components/tests/metrics/metrics.py";

/// Faults, each of which the reader must refuse: what is there, and what is put in its place.
const PLANTED: [(&str, &str); 8] = [
    ("say \\\"hi\\\"", "say \"hi\""),
    ("C:\\\\temp\\\\", "C:\\temp\\"),
    ("two\\nlines", "two\nlines"),
    ("# TYPE microusc_pool_blocks_in_use gauge\n", ""),
    ("refused_frees_total", "refused_frees"),
    (",number=\"2\"", ""),
    ("} 10\n", "} 11\n"),
    ("\u{FFFD}", "?"),
];

pub(super) fn check(sh: &Shell) -> Result<Done> {
    if let Some(why) = tools::missing(sh, GCC)? {
        return Ok(Done::Skipped(why));
    }
    let bin = match python::environment(sh)? {
        Ok(bin) => bin,
        Err(why) => return Ok(Done::Skipped(why)),
    };
    let dir = work_dir(sh)?.join("metrics");
    sh.create_dir(&dir)?;
    let program = dir.join("metrics");
    Compiler::new("gcc", &["-std=c11", "-Wall", "-Wextra", "-Werror"])
        .include(&archive::include_dir(&sh.current_dir()))
        .link(Path::new(PRINTS), &archive::build(sh, Profile::Release)?, &program)?;
    let text = execute(&[], &program, &[])?;
    let read = |content: &[u8]| -> Result<String> {
        let file = dir.join("metrics.txt");
        std::fs::write(&file, content)?;
        let python = bin.join("python");
        cmd!(sh, "{python} {READS} {file}").quiet().ignore_stderr().read().map_err(Into::into)
    };
    for (there, instead) in PLANTED {
        ensure!(text.contains(there), "`{there}` should be in the text, to be replaced");
        let planted = text.replace(there, instead);
        ensure!(read(planted.as_bytes()).is_err(), "`{instead}` for `{there}` was not noticed");
    }
    // A family in pieces, and a character in pieces.
    let (first, rest) = text.split_once("microusc_pool_blocks{").context("no sample")?;
    let (sample, rest) = rest.split_once('\n').context("no line")?;
    let torn = format!("{first}{rest}microusc_pool_blocks{{{sample}\n");
    ensure!(read(torn.as_bytes()).is_err(), "a family in pieces was not noticed");
    let cut = text.replace('\u{FFFD}', "\u{1}").into_bytes();
    let cut: Vec<u8> = cut.into_iter().map(|byte| if byte == 1 { 0xE2 } else { byte }).collect();
    ensure!(read(&cut).is_err(), "what is no UTF-8 was not noticed");

    let note = read(text.as_bytes()).context("Prometheus's parser disagrees")?;
    Ok(Done::Passed(format!("{note}; {} faults noticed", PLANTED.len() + 2)))
}
