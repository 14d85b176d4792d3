//! `cargo xtask costs`: `docs/costs.md` and its picture, from the committed table of `cargo xtask budgets` and from what
//! was counted of others once (`costs/peers.toml`).
//!
//! Nothing is measured here. The check compares both files, and the figures that the README names, with the table.

mod cores;
mod page;
mod peers;
mod plot;

use crate::process::sh;
use anyhow::{Result, ensure};

use crate::budgets::Numbers;
use crate::report::{Done, Report};
use cores::Core;

const PAGE: &str = "docs/costs.md";
const PICTURE: &str = "docs/costs.svg";
const README: &str = "README.md";

/// The core whose figures stand beside the field's, and in the README.
const COMPARED: &str = "riscv32imac";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only compare the page, the picture and the README with the table
    #[arg(long)]
    check: bool,
}

/// Writes the page and the picture anew, or only compares.
pub(crate) fn run(options: &Options) -> Result<()> {
    if options.check {
        return check().map(|_| ());
    }
    for (file, content) in written(&Numbers::committed()?)? {
        sh().write_file(file, content)?;
        println!("{file} is written");
    }
    Ok(())
}

/// The check, for a report of several commands.
pub(crate) fn steps(report: &mut Report) {
    report.step("what the pools cost, published", check);
}

/// Whether page, picture and README say what the table says.
fn check() -> Result<Done> {
    let numbers = Numbers::committed()?;
    for (file, content) in written(&numbers)? {
        ensure!(sh().read_file(file)? == content, "{file} is out of date: cargo xtask costs");
    }
    let readme = sh().read_file(README)?;
    for sentence in sentences(&numbers)? {
        ensure!(readme.contains(&sentence), "{README} does not say `{sentence}`");
    }
    Done::passed()
}

fn written(numbers: &Numbers) -> Result<[(&'static str, String); 2]> {
    let cores = cores::all(numbers)?;
    Ok([(PAGE, page::write(numbers, &cores)?), (PICTURE, plot::draw(&cores)?)])
}

/// What the README says of the table.
fn sentences(numbers: &Numbers) -> Result<[String; 2]> {
    let core = Core::compared(numbers)?;
    let (checked, raw) = (core.cost("C functions")?, core.cost("FreeList, unchecked")?);
    Ok([
        format!("{} RISC-V instructions a pair with the lock", checked.pair().1),
        format!("{} instructions a pair on RISC-V", raw.pair().1),
    ])
}
