//! `cargo xtask samples FILE.md...`: every C and C++ sample of a document compiles as it stands and does what it says.
//!
//! A sample is written to a file to the byte, and a program of ours includes that file. What the program is, a document
//! with expectations of its own says (`xtask/samples/expectations`, found by the document's title). For any other
//! sample: it compiles, as a file or as statements, after `xtask/samples/host/prelude.h`; and a comment before it may say
//!
//! ```text
//! <!-- sample: skip, REASON -->
//! <!-- sample: run, expect: OUTPUT -->
//! ```

mod document;
mod expectations;
mod program;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use xshell::Shell;

use crate::archive::{self, Profile};
use crate::report::{Done, in_parallel};
use crate::tools::{self, GCC, GXX};

pub(crate) use document::Document;
use document::Sample;
pub(crate) use expectations::{Case, Expectations};
pub(crate) use program::DRIVERS;
use program::{Fate, Workshop};

/// Checks the documents named.
pub(crate) fn run(sh: &Shell, arguments: Vec<OsString>) -> Result<()> {
    ensure!(!arguments.is_empty(), "name a document: cargo xtask samples FILE.md...");
    let mut failed = 0;
    for path in &arguments {
        match check(sh, Path::new(path)) {
            Ok(Done::Passed(note)) => println!("{note}"),
            Ok(Done::Skipped(why) | Done::Partly(why)) => println!("SKIPPED {}: {why}", path.display()),
            Err(error) => {
                failed += 1;
                println!("FAILED {}: {error:#}", path.display());
            }
        }
    }
    ensure!(failed == 0, "samples of {failed} documents failed");
    Ok(())
}

/// Checks one document and prints its table.
pub(crate) fn check(sh: &Shell, path: &Path) -> Result<Done> {
    for tool in [GCC, GXX] {
        if let Some(why) = tools::missing(sh, tool)? {
            return Ok(Done::Skipped(why));
        }
    }
    let text = sh.read_file(path).context("no such document")?;
    let document = Document::parse(&text);
    if document.samples.is_empty() {
        return Ok(Done::Passed("no C or C++ samples".to_owned()));
    }
    let expectations = Expectations::of(sh, &document)?;
    let workshop = Workshop {
        root: sh.current_dir(),
        archive: archive::build(sh, Profile::Dev)?,
        dir: workshop_dir(sh, path)?,
    };
    for (index, sample) in document.samples.iter().enumerate() {
        sh.write_file(workshop.file_of(index), &sample.text)?;
    }
    let cases = expectations.cases(&document);
    let fates = in_parallel(&cases, |case| workshop.fate(&document, case));
    conclude(&document, &cases, &fates)
}

/// A folder for the samples of this document alone.
fn workshop_dir(sh: &Shell, path: &Path) -> Result<PathBuf> {
    let stem = path.file_stem().context("a document without a name")?.to_string_lossy().into_owned();
    let dir = archive::work_dir(sh, "samples")?.join(stem);
    sh.remove_path(&dir)?;
    sh.create_dir(&dir)?;
    Ok(dir)
}

fn conclude(document: &Document, cases: &[Case<'_>], fates: &[Fate]) -> Result<Done> {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header(["line", "sample", "kind", "compiled", "ran", "result"]);
    let samples = cases.iter().map(|case| &document.samples[case.index]);
    for (sample, fate) in samples.clone().zip(fates) {
        table.add_row(row(sample, fate));
    }
    println!("{}\n{table}", document.title);
    let mut failures = Vec::new();
    for (sample, fate) in samples.zip(fates) {
        let place = format!("line {}, {}", sample.line, sample.name());
        if !fate.warnings.is_empty() {
            println!("warnings, {place}:\n{}", fate.warnings.trim_end());
        }
        if let Err(error) = &fate.result {
            failures.push(format!("{place}: {error:#}"));
        }
    }
    let (total, ran) = (fates.len(), fates.iter().filter(|fate| fate.ran).count());
    let skipped = fates.iter().filter(|fate| matches!(&fate.result, Ok(why) if !why.is_empty())).count();
    if !failures.is_empty() {
        bail!("{} of {total} samples failed\n{}", failures.len(), failures.join("\n"));
    }
    Ok(Done::Passed(format!("{total} samples: {} compiled, {ran} ran, {skipped} skipped", total - skipped)))
}

fn row(sample: &Sample, fate: &Fate) -> [String; 6] {
    let yes = |did: bool| if did { "yes" } else { "-" }.to_owned();
    let result = match &fate.result {
        Ok(why) if why.is_empty() && fate.notes.is_empty() => "ok".to_owned(),
        Ok(why) if why.is_empty() => format!("ok, {}", fate.notes),
        Ok(why) => format!("skipped: {why}"),
        Err(_) => "FAILED".to_owned(),
    };
    let compiled = fate.standard.clone().unwrap_or_else(|| "-".to_owned());
    [sample.line.to_string(), sample.name(), fate.kind.clone(), compiled, yes(fate.ran), result]
}
