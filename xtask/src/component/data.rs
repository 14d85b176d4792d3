//! `xtask/component.toml`, which says what each field means.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Data {
    pub(super) riscv: Vec<Set>,
    pub(super) xtensa: Vec<Set>,
    pub(super) locks: Vec<Lock>,
    pub(super) package: Package,
    pub(super) kconfig: Vec<Kconfig>,
    pub(super) c_file: CFile,
    pub(super) runs: BTreeMap<String, Case>,
    pub(super) emulator: Emulator,
    pub(super) on_xtensa: OnXtensa,
    pub(super) sizes: BTreeMap<String, Memories>,
    pub(super) metrics: Vec<Planted>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Set {
    pub(super) name: String,
    pub(super) rust: String,
    #[serde(default)]
    pub(super) two_cores: bool,
    #[serde(default)]
    pub(super) description: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lock {
    pub(super) name: String,
    one_core: String,
    two_cores: String,
    #[serde(default)]
    pub(super) without_assembly: bool,
}

impl Lock {
    pub(super) fn features(&self, set: &Set) -> &str {
        if set.two_cores { &self.two_cores } else { &self.one_core }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Package {
    pub(super) needs: Vec<String>,
    pub(super) headers_left_out: Vec<String>,
    pub(super) examples: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kconfig {
    pub(super) chip: String,
    #[serde(default)]
    pub(super) choices: String,
    pub(super) sets: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CFile {
    pub(super) one_core: Vec<String>,
    pub(super) two_cores: Vec<String>,
    pub(super) choices: Vec<String>,
    pub(super) warnings: String,
}

/// A chip and a configuration, and what stands for the chip here.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    pub(super) chip: String,
    #[serde(default)]
    pub(super) choices: String,
    pub(super) flags: String,
    pub(super) cpu: String,
    pub(super) project: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Emulator {
    pub(super) command: String,
    pub(super) linking: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OnXtensa {
    pub(super) chips: BTreeMap<String, String>,
    pub(super) flags: String,
    pub(super) runtime: Vec<String>,
    pub(super) standin: Vec<String>,
    pub(super) instructions: String,
    pub(super) compare_and_swap: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Memories {
    pub(super) instruction_ram: (u64, u64),
    pub(super) flash: (u64, u64),
    pub(super) archives: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Planted {
    pub(super) old: String,
    pub(super) new: String,
}

pub(super) static DATA: LazyLock<Data> =
    LazyLock::new(|| toml::from_str(include_str!("../../component.toml")).expect("component.toml"));

/// One of the runs of the examples.
pub(super) fn case(name: &str) -> &'static Case {
    &DATA.runs[name]
}
