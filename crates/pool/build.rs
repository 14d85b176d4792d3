//! Names for facts about the target, so that each condition is written once. Sources ask for the names.
//!
//! | `cfg` | set where |
//! |---|---|
//! | `chip` | the program runs on a microcontroller: bare metal, or ESP-IDF |
//! | `interrupt_mask` | a chip whose architecture has an interrupt mask that this crate knows |
//! | `atomic_words` | a word can be changed by several contexts: with atomic instructions, or under a lock that is right on the chip |
//! | `single_core` | the program promises, or ESP-IDF implies, that the chip has one core |
//! | `default_lock = "..."` | always: the lock of a pool that names none |

use std::env;

/// What the compiler says about the target.
struct Target {
    os: String,
    arch: String,
    /// The widths in bits for which it has atomic instructions.
    atomics: Vec<String>,
    features: Vec<String>,
}

impl Target {
    fn from_environment() -> Self {
        let text = |name: &str| env::var(name).unwrap_or_default();
        let list = |name: &str| text(name).split(',').map(str::to_owned).collect();
        Self {
            os: text("CARGO_CFG_TARGET_OS"),
            arch: text("CARGO_CFG_TARGET_ARCH"),
            atomics: list("CARGO_CFG_TARGET_HAS_ATOMIC"),
            features: list("CARGO_CFG_TARGET_FEATURE"),
        }
    }

    fn is_chip(&self) -> bool {
        ["none", "espidf"].contains(&&*self.os)
    }

    fn has_interrupt_mask(&self) -> bool {
        self.is_chip() && ["arm", "riscv32", "riscv64", "xtensa"].contains(&&*self.arch)
    }

    fn has_atomics(&self, bits: &str) -> bool {
        self.atomics.iter().any(|width| width == bits)
    }

    /// ESP32-C2 and ESP32-C3: the chips of ESP-IDF without atomic instructions, which have one core.
    fn is_single_core_espidf(&self) -> bool {
        self.os == "espidf" && self.arch == "riscv32" && !self.features.iter().any(|feature| feature == "a")
    }

    /// No mask is known of Arm's profiles A and R, which have atomic doublewords, as no profile M has.
    fn is_arm_without_mask(&self) -> bool {
        self.arch == "arm" && self.has_atomics("64")
    }
}

/// The features of this crate that matter here.
struct Features {
    critical_section: bool,
    single_core: bool,
}

/// The lock of a pool that names none: right on every chip that the target may be. `DefaultLock` documents it as a table.
fn default_lock(target: &Target, features: &Features) -> &'static str {
    match &*target.os {
        _ if features.critical_section => "critical-section",
        "espidf" if target.is_single_core_espidf() => "interrupt",
        "espidf" => "masked-spin",
        "none" if !target.has_interrupt_mask() => "unchosen",
        "none" if features.single_core => "interrupt",
        "none" if target.has_atomics("32") && !target.is_arm_without_mask() => "masked-spin",
        "none" => "unchosen",
        _ if target.has_atomics("32") => "spin",
        _ => "unchosen",
    }
}

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(chip, interrupt_mask, atomic_words, single_core)");
    println!(
        "cargo::rustc-check-cfg=cfg(default_lock, values(\"critical-section\", \"interrupt\", \"masked-spin\", \"spin\", \
         \"unchosen\"))"
    );
    let target = Target::from_environment();
    let feature = |name: &str| env::var_os(format!("CARGO_FEATURE_{name}")).is_some();
    let features = Features {
        critical_section: feature("CRITICAL_SECTION"),
        single_core: feature("UNSAFE_ASSUME_SINGLE_CORE"),
    };
    let set_if = |name: &str, holds: bool| {
        if holds {
            println!("cargo::rustc-cfg={name}");
        }
    };
    set_if("chip", target.is_chip());
    set_if("interrupt_mask", target.has_interrupt_mask());
    set_if("atomic_words", target.has_atomics("32") || features.critical_section || features.single_core);
    set_if("single_core", features.single_core || target.is_single_core_espidf());
    println!("cargo::rustc-cfg=default_lock=\"{}\"", default_lock(&target, &features));
}
