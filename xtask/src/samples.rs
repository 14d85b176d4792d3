//! `cargo xtask samples FILE.md...`: every C and C++ sample of a document compiles as it stands and does what the document says.
//!
//! A sample is written to a file byte by byte, and a program of ours includes that file. Expectations of a document
//! (`xtask/samples/expectations`, found by the document's title) name the program. Any other sample must compile, as a file or
//! as statements, after `xtask/samples/host/prelude.h`; and a comment before it may say
//!
//! ```text
//! <!-- sample: skip, REASON -->
//! <!-- sample: run, expect: OUTPUT -->
//! ```

mod document;
mod expectations;
mod program;

use std::path::{Path, PathBuf};

use crate::process::{root, sh};
use anyhow::{Context, Result, bail};
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};

use crate::archive::{self, Profile};
use crate::report::{Done, Report, in_parallel};
use crate::tools;

pub(crate) use document::Document;
use document::Sample;
pub(crate) use expectations::{Case, Expectations};
pub(crate) use program::DRIVERS;
use program::{Builder, Outcome};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Markdown documents
    #[arg(value_name = "FILE.md", required = true, value_parser = crate::file)]
    documents: Vec<PathBuf>,
}

/// Checks the documents named.
pub(crate) fn run(options: &Options) -> Result<()> {
    let mut report = Report::default();
    for document in &options.documents {
        report.step(&document.display().to_string(), || check(document));
    }
    report.finish()
}

/// Checks one document and prints its table.
pub(crate) fn check(path: &Path) -> Result<Done> {
    tools::need(&["gcc", "g++"])?;
    let text = sh().read_file(path).context("no such document")?;
    let document = Document::parse(&text);
    if document.samples.is_empty() {
        return Ok(Done::Passed("no C or C++ samples".to_owned()));
    }
    let expectations = Expectations::of(&document)?;
    let builder = Builder { root: root(), archive: archive::build(Profile::Dev)?, dir: builder_dir(path)? };
    for (index, sample) in document.samples.iter().enumerate() {
        sh().write_file(builder.file_of(index), &sample.text)?;
    }
    let cases = expectations.cases(&document);
    let outcomes = in_parallel(&cases, |case| builder.outcome(&document, case));
    conclude(&document, &cases, &outcomes)
}

/// A folder for the samples of this document alone.
fn builder_dir(path: &Path) -> Result<PathBuf> {
    let stem = path.file_stem().context("a document without a name")?.to_string_lossy().into_owned();
    let dir = archive::work_dir("samples")?.join(stem);
    sh().remove_path(&dir)?;
    sh().create_dir(&dir)?;
    Ok(dir)
}

fn conclude(document: &Document, cases: &[Case<'_>], outcomes: &[Outcome]) -> Result<Done> {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header(["line", "sample", "kind", "compiled", "ran", "result"]);
    let samples = cases.iter().map(|case| &document.samples[case.index]);
    for (sample, outcome) in samples.clone().zip(outcomes) {
        table.add_row(row(sample, outcome));
    }
    println!("{}\n{table}", document.title);
    let mut failures = Vec::new();
    for (sample, outcome) in samples.zip(outcomes) {
        let place = format!("line {}, {}", sample.line, sample.name());
        if !outcome.warnings.is_empty() {
            println!("warnings, {place}:\n{}", outcome.warnings.trim_end());
        }
        if let Err(error) = &outcome.result {
            failures.push(format!("{place}: {error:#}"));
        }
    }
    let (total, ran) = (outcomes.len(), outcomes.iter().filter(|outcome| outcome.ran).count());
    let skipped =
        outcomes.iter().filter(|outcome| matches!(&outcome.result, Ok(why) if !why.is_empty())).count();
    if !failures.is_empty() {
        bail!("{} of {total} samples failed\n{}", failures.len(), failures.join("\n"));
    }
    Ok(Done::Passed(format!("{total} samples: {} compiled, {ran} ran, {skipped} skipped", total - skipped)))
}

fn row(sample: &Sample, outcome: &Outcome) -> [String; 6] {
    let yes = |did: bool| if did { "yes" } else { "-" }.to_owned();
    let result = match &outcome.result {
        Ok(why) if why.is_empty() && outcome.notes.is_empty() => "ok".to_owned(),
        Ok(why) if why.is_empty() => format!("ok, {}", outcome.notes),
        Ok(why) => format!("skipped: {why}"),
        Err(_) => "FAILED".to_owned(),
    };
    let compiled = outcome.standard.clone().unwrap_or_else(|| "-".to_owned());
    [sample.line.to_string(), sample.name(), outcome.kind.clone(), compiled, yes(outcome.ran), result]
}
