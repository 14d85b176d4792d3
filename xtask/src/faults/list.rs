//! The faults, as `xtask/faults/*.toml` has them.

use std::collections::BTreeSet;

use crate::process::sh;
use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// A fault, and the test that finds it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    /// What is wrong, in words with dashes.
    pub(crate) name: String,
    /// The file it is planted in.
    pub(crate) file: String,
    /// Text that the file has once.
    pub(crate) old: String,
    /// What is there instead.
    pub(crate) new: String,
    /// The program that has the test, as `Suite::named` knows it.
    pub(crate) suite: String,
    /// The test; `*`: one of those that the program has.
    pub(crate) test: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    fault: Vec<Fault>,
}

/// All faults, in the order of the files' names.
pub(crate) fn read() -> Result<Vec<Fault>> {
    let mut files = sh().read_dir("xtask/faults")?;
    files.retain(|file| file.extension().is_some_and(|end| end == "toml"));
    files.sort();
    let mut faults = Vec::new();
    for file in files {
        let parsed: File =
            toml::from_str(&sh().read_file(&file)?).with_context(|| file.display().to_string())?;
        faults.extend(parsed.fault);
    }
    let mut names = BTreeSet::new();
    let mut wrong = Vec::new();
    for fault in &faults {
        ensure!(names.insert(&fault.name), "two faults are called {}", fault.name);
        ensure!(fault.old != fault.new, "{} changes nothing", fault.name);
        let text = sh().read_file(&fault.file).with_context(|| fault.name.clone())?;
        let times = text.matches(&fault.old).count();
        if times != 1 {
            wrong.push(format!("{} ({times} times in {})", fault.name, fault.file));
        }
    }
    ensure!(wrong.is_empty(), "the text of a fault is to be in its file once: {}", wrong.join(", "));
    Ok(faults)
}
