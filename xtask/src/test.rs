//! `cargo xtask test`: everything, with a table at the end of what ran, how long, and what was left out and why.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use lexopt::{Arg, Parser, ValueExt};
use xshell::{Shell, cmd};

use crate::report::{Done, Report};
use crate::{
    bench, budgets, component, costs, ctests, esp_hal, faults, freertos, fuzz, header, hotpath, lint,
    picture, qemu, samples, setup, stress, variants,
};

/// Names a file that only a test of `poolscope` reads.
const RECORDING: &str = "POOLSCOPE_SYSVIEW_JSON";

/// Runs everything.
pub(crate) fn run(sh: &Shell, arguments: Vec<OsString>) -> Result<()> {
    let extra = extra_documents(arguments)?;
    let mut report = Report::default();
    setup::steps(sh, &mut report);
    lint::steps(sh, &mut report);
    report.step("Rust tests", || {
        cmd!(sh, "cargo test --workspace --lib --bins --tests --examples").run()?;
        if std::env::var_os(RECORDING).is_none() {
            return Ok(Done::Partly(format!(
                "{RECORDING} names no recording of a device to compare an import with"
            )));
        }
        Done::passed()
    });
    report.step("Rust doc tests", || {
        cmd!(sh, "cargo test --workspace --doc").run()?;
        Done::passed()
    });
    variants::steps(sh, &mut report);
    faults::steps(sh, &mut report);
    header::steps(sh, &mut report);
    hotpath::steps(sh, &mut report);
    bench::steps(sh, &mut report);
    ctests::steps(sh, &[], &mut report)?;
    for document in documents(sh)?.iter().chain(&extra) {
        let what = format!("samples of {}", document.file_name().unwrap_or_default().display());
        report.step(&what, || samples::check(sh, document));
    }
    picture::steps(sh, &mut report);
    costs::steps(sh, &mut report);
    stress::steps(sh, &mut report);
    qemu::steps(sh, &mut report);
    freertos::steps(sh, &mut report);
    for document in &extra {
        freertos::samples_of(sh, document, &mut report);
    }
    budgets::steps(sh, &mut report);
    component::steps(sh, &mut report);
    esp_hal::steps(sh, &mut report);
    fuzz::steps(sh, &mut report);
    report.finish()
}

/// The values of `--samples FILE`.
fn extra_documents(arguments: Vec<OsString>) -> Result<Vec<PathBuf>> {
    let mut parser = Parser::from_args(arguments);
    let mut documents = Vec::new();
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("samples") => documents.push(parser.value()?.parse()?),
            other => bail!("{}; `test` knows `--samples FILE.md` only", other.unexpected()),
        }
    }
    Ok(documents)
}

/// The documents of the project that may have samples.
fn documents(sh: &Shell) -> Result<Vec<PathBuf>> {
    let mut documents = vec![PathBuf::from("README.md")];
    documents.extend(sh.read_dir("docs")?);
    documents.retain(|path| path.extension().is_some_and(|end| end == "md") && sh.path_exists(path as &Path));
    Ok(documents)
}
