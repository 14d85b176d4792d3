//! What is expected of the samples of a document that is known by its title.

use std::collections::HashMap;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use xshell::Shell;

use super::document::Document;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    title: String,
    sample: Vec<Expectation>,
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

fn first() -> usize {
    1
}

/// The expectations of one document, by the index of the sample.
#[derive(Default)]
pub(crate) struct Expectations(HashMap<usize, Expectation>);

impl Expectations {
    /// Those of the file with the document's title; none if there is no such file. Every entry must have its sample.
    pub(crate) fn of(sh: &Shell, document: &Document) -> Result<Self> {
        for path in sh.read_dir("xtask/samples/expectations")? {
            let file: File =
                toml::from_str(&sh.read_file(&path)?).with_context(|| path.display().to_string())?;
            if file.title == document.title {
                return Self::assign(file.sample, document).with_context(|| path.display().to_string());
            }
        }
        Ok(Self::default())
    }

    fn assign(expected: Vec<Expectation>, document: &Document) -> Result<Self> {
        let mut by_index = HashMap::new();
        for entry in expected {
            let (heading, number) = (entry.heading.clone(), entry.number);
            ensure!(
                entry.driver.is_some() != entry.skip.as_ref().is_some_and(|reason| !reason.is_empty()),
                "{heading} #{number}: either a driver or a reason to skip"
            );
            let Some(index) = document.find(&heading, number) else {
                bail!("the document has no sample `{heading}` #{number}");
            };
            ensure!(by_index.insert(index, entry).is_none(), "{heading} #{number} stands there twice");
        }
        Ok(Self(by_index))
    }

    /// What is expected of a sample, if that is stated, with the samples that its driver uses.
    pub(crate) fn for_sample(&self, document: &Document, index: usize) -> Option<(&Expectation, Vec<usize>)> {
        let entry = self.0.get(&index)?;
        let uses = entry.uses.iter().filter_map(|heading| document.find(heading, 1)).collect();
        Some((entry, uses))
    }
}
