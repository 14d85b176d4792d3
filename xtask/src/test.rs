//! `cargo xtask test`: everything, with a table at the end of what ran, how long, and what was left out and why.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::process::{cmd, sh};

use crate::report::{Done, Report};
use crate::{
    bench, budgets, component, costs, ctests, esp_hal, faults, freertos, fuzz, header, hotpath, lint,
    picture, qemu, samples, setup, stress, variants,
};

/// Names a file that only a test of `poolscope` reads.
const RECORDING: &str = "POOLSCOPE_SYSVIEW_JSON";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Documents whose C and C++ samples are checked as well
    #[arg(long = "samples", value_name = "FILE.md", value_parser = crate::file)]
    samples: Vec<PathBuf>,
}

/// Runs everything.
pub(crate) fn run(options: &Options) -> Result<()> {
    let extra = &options.samples;
    let mut report = Report::default();
    setup::steps(&mut report);
    lint::steps(&mut report);
    report.step("Rust tests", || {
        cmd!("cargo test --workspace --lib --bins --tests --examples").run()?;
        if std::env::var_os(RECORDING).is_none() {
            return Ok(Done::Partly(format!(
                "{RECORDING} names no recording of a device to compare an import with"
            )));
        }
        Done::passed()
    });
    report.step("Rust doc tests", || {
        cmd!("cargo test --workspace --doc").run()?;
        Done::passed()
    });
    variants::steps(&mut report);
    faults::steps(&mut report);
    header::steps(&mut report);
    hotpath::steps(&mut report);
    bench::steps(&mut report);
    ctests::steps(&Default::default(), &mut report)?;
    for document in documents()?.iter().chain(extra) {
        let what = format!("samples of {}", document.file_name().unwrap_or_default().display());
        report.step(&what, || samples::check(document));
    }
    picture::steps(&mut report);
    costs::steps(&mut report);
    stress::steps(&mut report);
    qemu::steps(&mut report);
    freertos::steps(&mut report);
    for document in extra {
        freertos::samples_of(document, &mut report);
    }
    budgets::steps(&mut report);
    component::steps(&mut report);
    esp_hal::steps(&mut report);
    fuzz::steps(&mut report);
    report.finish()
}

/// The documents of the project that may have samples.
fn documents() -> Result<Vec<PathBuf>> {
    let mut documents = vec![PathBuf::from("README.md")];
    documents.extend(sh().read_dir("docs")?);
    documents
        .retain(|path| path.extension().is_some_and(|end| end == "md") && sh().path_exists(path as &Path));
    Ok(documents)
}
