//! The chip classes and the programs, from `firmware/targets.toml` and `firmware/programs.toml`, which say what each
//! field means.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use anyhow::{Context, Result, bail, ensure};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use toml::Table;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Target {
    pub(crate) name: String,
    /// The folder of archives, named after the command that makes them: those of another one may have other features.
    #[serde(default = "qemu")]
    pub(crate) work: String,
    pub(crate) chips: String,
    #[serde(default)]
    pub(crate) tools: Vec<String>,
    #[serde(default)]
    pub(crate) toolchain: Toolchain,
    pub(crate) rust: String,
    pub(crate) features: String,
    #[serde(default)]
    pub(crate) pool_features: String,
    #[serde(default = "one")]
    pub(crate) cores: usize,
    #[serde(deserialize_with = "words")]
    pub(crate) compiler: Vec<String>,
    pub(crate) runtime: Vec<String>,
    #[serde(default)]
    pub(crate) script: String,
    #[serde(deserialize_with = "words")]
    pub(crate) emulator: Vec<String>,
    #[serde(default, deserialize_with = "words")]
    pub(crate) stepped: Vec<String>,
    #[serde(default)]
    pub(crate) masks: Pattern,
    #[serde(default)]
    pub(crate) unmasks: Pattern,
    #[serde(default)]
    pub(crate) windows: (u32, u32),
    #[serde(default)]
    pub(crate) is_extra: bool,
    pub(crate) freertos: Option<Port>,
}

/// What the kernel needs on a target.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Port {
    pub(crate) kernel: Vec<String>,
    pub(crate) headers: Vec<String>,
    #[serde(deserialize_with = "words")]
    pub(crate) flags: Vec<String>,
    #[serde(default, deserialize_with = "words")]
    pub(crate) libraries: Vec<String>,
}

/// How the archives of a target are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum Toolchain {
    /// By Debian's compiler or by that of rustup.
    #[default]
    #[serde(rename = "rust")]
    Rust,
    /// By the compiler of rustup, whatever else there is.
    #[serde(skip)]
    Rustup,
    #[serde(rename = "call0")]
    Call0,
    #[serde(rename = "call0 by llvm")]
    Call0ByLlvm,
    #[serde(rename = "windowed")]
    Windowed,
}

/// An instruction, by bits of its first word; none by default.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Pattern {
    bits: u32,
    value: u32,
}

impl Default for Pattern {
    fn default() -> Self {
        Self { bits: 0, value: 1 }
    }
}

impl Pattern {
    pub(crate) fn matches(self, word: u32) -> bool {
        word & self.bits == self.value
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Program {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) runs: Runs,
    #[serde(default = "programs")]
    pub(crate) folder: String,
    pub(crate) c: Option<String>,
    pub(crate) sample: Option<String>,
    pub(crate) rust: Option<String>,
    #[serde(default)]
    pub(crate) defines: Vec<String>,
    #[serde(default)]
    pub(crate) ending: Ending,
    #[serde(default)]
    pub(crate) only: Vec<String>,
    #[serde(default = "one")]
    pub(crate) cores: usize,
    #[serde(default)]
    pub(crate) stepped: bool,
    #[serde(default)]
    pub(crate) everywhere: bool,
    #[serde(default)]
    pub(crate) even: bool,
    #[serde(default)]
    pub(crate) symbols: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Runs {
    #[default]
    Chips,
    Budgets,
    Freertos,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum Ending {
    #[default]
    #[serde(rename = "as expected")]
    AsExpected,
    #[serde(rename = "broken")]
    Broken,
    #[serde(rename = "crashed")]
    Crashed,
}

impl Target {
    /// The target with this name.
    pub(crate) fn named(name: &str) -> &'static Self {
        EVERY_TARGET.iter().find(|target| target.name == name).unwrap_or_else(|| panic!("no target {name}"))
    }
}

impl Program {
    /// The program with this name.
    pub(crate) fn named(name: &str) -> &'static Self {
        EVERY_PROGRAM
            .iter()
            .find(|program| program.name == name)
            .unwrap_or_else(|| panic!("no program {name}"))
    }

    /// The same program, whose operations are done once each, and not interrupted.
    pub(crate) fn quiet(&self) -> Self {
        Self { symbols: vec!["everypoint_quiet=1".to_owned()], ..self.clone() }
    }

    /// Whether the target has the cores, and can bring the interrupt that an unprotected program must meet.
    pub(crate) fn runs_on(&self, target: &Target) -> bool {
        let is_for = self.only.is_empty() || self.only.contains(&target.name);
        let needs_steps = self.stepped && self.ending == Ending::Broken && target.freertos.is_none();
        is_for && self.cores <= target.cores && !(needs_steps && target.stepped.is_empty())
    }
}

static EVERY_TARGET: LazyLock<Vec<Target>> = LazyLock::new(|| {
    let mut targets: Vec<Target> =
        read(include_str!("../../../firmware/targets.toml"), "target").expect("targets.toml");
    for target in targets.iter_mut().filter(|target| target.freertos.is_some()) {
        "freertos".clone_into(&mut target.work);
        if target.rust == "host" {
            target.rust = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        }
    }
    targets
});

/// The chip classes that every check runs on.
pub(crate) static TARGETS: LazyLock<Vec<Target>> = LazyLock::new(|| {
    let is_usual = |target: &&Target| target.freertos.is_none() && !target.is_extra;
    EVERY_TARGET.iter().filter(is_usual).cloned().collect()
});

/// Where applications run on FreeRTOS.
pub(crate) static FREERTOS: LazyLock<Vec<(Target, Port)>> = LazyLock::new(|| {
    EVERY_TARGET.iter().filter_map(|target| Some((target.clone(), target.freertos.clone()?))).collect()
});

static EVERY_PROGRAM: LazyLock<Vec<Program>> = LazyLock::new(|| {
    read(include_str!("../../../firmware/programs.toml"), "program").expect("programs.toml")
});

fn programs_that(run: Runs) -> Vec<Program> {
    EVERY_PROGRAM.iter().filter(|program| program.runs == run).cloned().collect()
}

pub(crate) static PROGRAMS: LazyLock<Vec<Program>> = LazyLock::new(|| programs_that(Runs::Chips));
/// What `cargo xtask budgets` counts: the C functions, and the Rust ones.
pub(crate) static BUDGETS: LazyLock<Vec<Program>> = LazyLock::new(|| programs_that(Runs::Budgets));
pub(crate) static ON_FREERTOS: LazyLock<Vec<Program>> = LazyLock::new(|| programs_that(Runs::Freertos));

/// The entries of a list, each with what it takes over from the entry that its `like` names.
fn read<T: DeserializeOwned>(text: &str, list: &str) -> Result<Vec<T>> {
    let mut file: BTreeMap<String, Vec<Table>> = toml::from_str(text)?;
    let entries = file.remove(list).with_context(|| format!("no list `{list}`"))?;
    let whole = entries.iter().map(|entry| inherited(entry, &entries, 0));
    whole.map(|entry| Ok(entry?.try_into()?)).collect()
}

fn inherited(entry: &Table, entries: &[Table], depth: usize) -> Result<Table> {
    let mut entry = entry.clone();
    let Some(like) = entry.remove("like") else { return Ok(entry) };
    ensure!(depth < 9, "entries that are like each other");
    let base = entries.iter().find(|base| base.get("name") == Some(&like));
    let mut whole = inherited(base.with_context(|| format!("no entry {like}"))?, entries, depth + 1)?;
    whole.extend(entry);
    Ok(whole)
}

fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok(text.split_whitespace().map(str::to_owned).collect())
}

fn qemu() -> String {
    "qemu".to_owned()
}

fn programs() -> String {
    "firmware/programs".to_owned()
}

fn one() -> usize {
    1
}

/// Whether `name` is in a list, of which an empty one means everything.
pub(crate) fn wants(list: &[String], name: &str) -> bool {
    list.is_empty() || list.iter().any(|wanted| wanted == name)
}

/// That each of these names is known.
pub(crate) fn check_names<'n>(
    kind: &str,
    names: &[String],
    known: impl Iterator<Item = &'n str>,
) -> Result<()> {
    let known: Vec<_> = known.collect();
    match names.iter().find(|name| !known.contains(&name.as_str())) {
        Some(name) => bail!("no {kind} `{name}`; there are {}", known.join(", ")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{EVERY_PROGRAM, FREERTOS, PROGRAMS, Program, TARGETS, Target, inherited};

    #[test]
    fn every_program_has_one_source_and_runs_on_a_target() {
        for program in EVERY_PROGRAM.iter() {
            let sources = [&program.c, &program.sample, &program.rust];
            assert_eq!(sources.into_iter().flatten().count(), 1, "{}", program.name);
            let mut targets = TARGETS.iter().chain(FREERTOS.iter().map(|(target, _)| target));
            assert!(targets.any(|target| program.runs_on(target)), "{} runs nowhere", program.name);
            for only in &program.only {
                Target::named(only);
            }
        }
        assert!(PROGRAMS.len() > 30 && TARGETS.len() == 8 && FREERTOS.len() == 2);
    }

    #[test]
    fn an_entry_takes_over_what_it_does_not_state() {
        let smp = Target::named("riscv32imac-smp2");
        assert_eq!((smp.rust.as_str(), smp.cores), ("riscv32imac-unknown-none-elf", 2));
        assert!(smp.stepped.is_empty() && Program::named("resets-traffic-late").stepped);
        let entries: Vec<toml::Table> =
            ["name = 'a'\nlike = 'b'", "name = 'b'\nlike = 'a'"].map(|text| text.parse().unwrap()).to_vec();
        assert!(inherited(&entries[0], &entries, 0).is_err());
    }

    #[test]
    fn a_mask_that_is_not_stated_matches_nothing() {
        assert!(!super::Pattern::default().matches(0) && !super::Pattern::default().matches(1));
        assert!(Target::named("riscv32imc").masks.matches(0x3004_7573));
    }
}
