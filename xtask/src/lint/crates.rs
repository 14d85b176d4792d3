//! Crates depend downwards only, and no crate has a circle of modules.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::process::{cmd, sh};
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

use super::modules::Crate;
use crate::report::Done;

const LAYERS: &str = "xtask/layers.toml";

/// What `layers.toml` says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Layers {
    layers: Vec<Vec<String>>,
    for_tests: Vec<String>,
    manifests: Vec<String>,
}

impl Layers {
    fn read() -> Result<Self> {
        toml::from_str(&sh().read_file(LAYERS)?).context(LAYERS)
    }

    fn layer(&self, package: &str) -> Result<usize> {
        let at = self.layers.iter().position(|layer| layer.iter().any(|name| name == package));
        at.with_context(|| format!("{LAYERS} has no layer for {package}"))
    }

    /// Whether a package may depend on another one, which is "dev" if only tests use it.
    fn allows(&self, package: &str, dependency: &str, kind: &str) -> Result<bool> {
        let is_below = self.layer(dependency)? < self.layer(package)?;
        Ok(is_below || kind == "dev" && self.for_tests.iter().any(|name| name == dependency))
    }
}

/// Every package of the repository, in or outside of the workspace, as `cargo metadata` describes it.
fn packages(layers: &Layers) -> Result<Vec<Value>> {
    let mut packages = Vec::new();
    for manifest in ["Cargo.toml"].into_iter().chain(layers.manifests.iter().map(String::as_str)) {
        let text =
            cmd!("cargo metadata --no-deps --format-version 1 --manifest-path {manifest}").quiet().read()?;
        let metadata: Value = serde_json::from_str(&text)?;
        packages.extend(metadata["packages"].as_array().context("no packages")?.iter().cloned());
    }
    Ok(packages)
}

/// That every dependency between our crates points to a lower layer.
pub(super) fn point_down() -> Result<Done> {
    let layers = Layers::read()?;
    let packages = packages(&layers)?;
    let ours: BTreeSet<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    let (mut count, mut wrong) = (0, Vec::new());
    for package in &packages {
        let name = package["name"].as_str().context("a package without a name")?;
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let (to, kind) = (dependency["name"].as_str().unwrap_or(""), dependency["kind"].as_str());
            if ours.contains(to) {
                count += 1;
                if !layers.allows(name, to, kind.unwrap_or("normal"))? {
                    wrong.push(format!("{name} depends on {to}"));
                }
            }
        }
    }
    ensure!(wrong.is_empty(), "not allowed by {LAYERS}: {}", wrong.join(", "));
    let unused: Vec<_> =
        layers.layers.iter().flatten().filter(|name| !ours.contains(name.as_str())).collect();
    ensure!(unused.is_empty(), "{LAYERS} names crates that do not exist: {unused:?}");
    Ok(Done::Passed(format!("{} crates, {count} dependencies", ours.len())))
}

/// That no crate has a circle of modules.
pub(super) fn no_circles() -> Result<Done> {
    let layers = Layers::read()?;
    let (mut crates, mut wrong) = (0, Vec::new());
    for package in packages(&layers)? {
        for (name, root) in crates_of(&package) {
            let uses = Crate::read(&root)?.uses();
            for circle in uses.circles() {
                let uses = uses.within(&circle);
                wrong.push(format!("{name} has a circle: {}\n{uses}", circle.join(", ")));
            }
            crates += 1;
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(Done::Passed(format!("{crates} crates")))
}

/// The libraries and programs of a package: name and root file. Tests and examples are single files, or use one folder.
fn crates_of(package: &Value) -> Vec<(String, PathBuf)> {
    let targets = package["targets"].as_array().into_iter().flatten();
    let kinds = |target: &Value| target["kind"].as_array().cloned().unwrap_or_default();
    let is_ours = |kind: &Value| ["lib", "rlib", "staticlib", "bin"].iter().any(|ours| kind == ours);
    let name = |target: &Value| {
        let suffix = if kinds(target).iter().any(|kind| kind == "bin") { " (program)" } else { "" };
        Some(format!("{}{suffix}", target["name"].as_str()?))
    };
    targets
        .filter(|target| kinds(target).iter().any(is_ours))
        .filter_map(|target| Some((name(target)?, PathBuf::from(target["src_path"].as_str()?))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::Layers;

    #[test]
    fn a_dependency_that_points_up_or_sideways_is_refused() {
        let layers = Layers {
            layers: vec![vec!["base".into(), "beside".into()], vec!["kit".into()], vec!["tool".into()]],
            for_tests: vec!["kit".into()],
            manifests: Vec::new(),
        };
        let allows = |from, to, kind| layers.allows(from, to, kind).unwrap();
        assert!(allows("tool", "base", "normal") && allows("base", "kit", "dev"));
        assert!(!allows("base", "tool", "normal") && !allows("base", "beside", "dev"));
        assert!(!allows("base", "kit", "normal") && !allows("base", "tool", "dev"));
        assert!(layers.allows("unknown", "base", "normal").is_err());
    }
}
