//! What the tests need and Cargo does not bring: all of it before the first test, so that none waits for an installation, or
//! fails by one that goes on beside it.

use xshell::Shell;

use crate::report::{Done, Report};
use crate::{component, fuzz, stress, tools, variants};

/// In CI installs what is missing; elsewhere names it, and the steps that need it are left out.
pub(crate) fn steps(sh: &Shell, report: &mut Report) {
    report.step("tools: packages of the system", tools::all);
    if !tools::in_ci() {
        return;
    }
    report.step("tools: Rust toolchains", || {
        Ok(match variants::oldest_toolchain(sh)?.and(stress::toolchain(sh)?) {
            Ok(_) => Done::Passed(String::new()),
            Err(why) => Done::Skipped(why),
        })
    });
    report.step("tools: cargo-fuzz", || match fuzz::missing(sh)? {
        None => Done::passed(),
        Some(why) => Ok(Done::Skipped(why)),
    });
    report.step("tools: Python packages", || match component::python_environment(sh)? {
        Ok(_) => Done::passed(),
        Err(why) => Ok(Done::Skipped(why)),
    });
}
