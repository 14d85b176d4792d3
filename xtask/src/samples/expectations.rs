//! What is expected of the samples of a document that is known by its title.

use std::collections::HashMap;
use std::path::PathBuf;

use crate::process::sh;
use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use super::document::Document;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    title: String,
    sample: Vec<Expectation>,
    #[serde(default)]
    program: Vec<Expectation>,
}

/// What is expected of one sample.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expectation {
    heading: String,
    #[serde(default = "first")]
    number: usize,
    pub(crate) kind: String,
    pub(crate) driver: Option<String>,
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) uses: Vec<String>,
    pub(crate) std: Option<String>,
    pub(crate) skip: Option<String>,
}

impl Expectation {
    /// What the driver is compiled with: where the samples are, and what it knows as NAME.
    pub(crate) fn flags(
        &self,
        index: usize,
        uses: &[usize],
        file_of: impl Fn(usize) -> PathBuf,
    ) -> Result<Vec<String>> {
        ensure!(uses.len() == self.uses.len(), "it uses a sample that the document does not have");
        let mut flags = vec![format!("-DSAMPLE=\"{}\"", file_of(index).display())];
        flags.extend(self.name.iter().map(|name| format!("-DNAME={name}")));
        for (number, &used) in uses.iter().enumerate() {
            flags.push(format!("-DUSES_{}=\"{}\"", number + 1, file_of(used).display()));
        }
        Ok(flags)
    }
}

fn first() -> usize {
    1
}

/// The expectations of one document.
#[derive(Default)]
pub(crate) struct Expectations {
    /// By the index of the sample.
    samples: HashMap<usize, Expectation>,
    /// Of programs, with the index of their first sample.
    programs: Vec<(usize, Expectation)>,
}

/// A sample, or a program of several, with what is expected of it.
pub(crate) struct Case<'e> {
    /// Of the sample, or of the first one.
    pub(crate) index: usize,
    /// If it is stated, with the samples that the driver uses.
    pub(crate) expected: Option<(&'e Expectation, Vec<usize>)>,
}

impl Expectations {
    /// Those of the file with the document's title; none if there is no such file. Every entry must have its sample.
    pub(crate) fn of(document: &Document) -> Result<Self> {
        for path in sh().read_dir("xtask/samples/expectations")? {
            let file: File =
                toml::from_str(&sh().read_file(&path)?).with_context(|| path.display().to_string())?;
            if file.title == document.title {
                return Self::assign(file, document).with_context(|| path.display().to_string());
            }
        }
        Ok(Self::default())
    }

    fn assign(file: File, document: &Document) -> Result<Self> {
        let mut expectations = Self::default();
        for entry in file.sample {
            let index = index_of(&entry, document)?;
            let (heading, number) = (entry.heading.clone(), entry.number);
            let before = expectations.samples.insert(index, entry);
            ensure!(before.is_none(), "{heading} #{number} stands there twice");
        }
        for entry in file.program {
            expectations.programs.push((index_of(&entry, document)?, entry));
        }
        Ok(expectations)
    }

    /// Every sample of the document in its order, then the programs.
    pub(crate) fn cases(&self, document: &Document) -> Vec<Case<'_>> {
        let samples = (0..document.samples.len()).map(|index| (index, self.samples.get(&index)));
        let programs = self.programs.iter().map(|(index, entry)| (*index, Some(entry)));
        let with_uses =
            |entry: &Expectation| entry.uses.iter().filter_map(|heading| document.find(heading, 1)).collect();
        samples
            .chain(programs)
            .map(|(index, entry)| Case { index, expected: entry.map(|entry| (entry, with_uses(entry))) })
            .collect()
    }
}

/// The sample that an entry is about; it must have either a driver or a reason.
fn index_of(entry: &Expectation, document: &Document) -> Result<usize> {
    let Expectation { heading, number, .. } = entry;
    ensure!(
        entry.driver.is_some() != entry.skip.as_ref().is_some_and(|reason| !reason.is_empty()),
        "{heading} #{number}: either a driver or a reason to skip"
    );
    match document.find(heading, *number) {
        Some(index) => Ok(index),
        None => bail!("the document has no sample `{heading}` #{number}"),
    }
}
