//! What users of rustup build, on the side: where Debian's compiler makes what is tested and the targets of rustup are there, too.
//!
//! Their `core` came compiled, for speed and with unwind tables. Nothing of that may break a program.

use xshell::Shell;

use super::targets::{TARGETS, Target};
use super::toolchain::{BY_RUSTUP, is_by_rustup};
use super::{Options, on_target};
use crate::report::Report;

/// One instruction set of each architecture.
const TRIED: [&str; 2] = ["riscv32imc", "thumbv6m"];

/// The target by rustup's compiler, unless everything is by that one.
pub(crate) fn by_rustup(target: &Target, work: &'static str) -> Option<Target> {
    (!is_by_rustup(target)).then_some(Target { toolchain: &BY_RUSTUP, work, ..*target })
}

/// Every program, for a report of several commands.
pub(super) fn steps(sh: &Shell, report: &mut Report) {
    let tried = TARGETS.iter().filter(|target| TRIED.contains(&target.name));
    for target in tried.filter_map(|target| by_rustup(target, "rustup")) {
        let what = format!("emulated {}, by rustup's target", target.name);
        report.step(&what, || on_target(sh, &target, &Options::default()));
    }
}
