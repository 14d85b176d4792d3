//! What the tests need and Cargo does not bring: all of it before the first test, so that none waits for an installation, or
//! fails because of one that is going on.

use crate::report::{Done, Report};
use crate::{component, stress, tools, variants};

/// In CI installs what is missing; elsewhere names it, and the steps that need it are left out.
pub(crate) fn steps(report: &mut Report) {
    report.step("tools: packages of the system", tools::all);
    if !tools::in_ci() {
        return;
    }
    report.step("tools: Rust toolchains", || {
        variants::oldest_toolchain()?;
        stress::toolchain()?;
        Done::passed()
    });
    report.step("tools: cargo-fuzz", || tools::need_cargo_command("fuzz").and_then(|()| Done::passed()));
    report.step("tools: Python packages", || component::python_environment().and_then(|_| Done::passed()));
}
