//! `cargo xtask picture`: the README's picture of a replay, drawn from what the tool prints.

use crate::process::{cmd, sh};
use anyhow::{Result, ensure};

use crate::report::{Done, Report};

/// Where the picture is.
const PICTURE: &str = "docs/replay.svg";
/// What it shows: the README's command, without the lines that differ from run to run.
const COMMAND: [&str; 4] = ["replay", "traces/mosquitto.pooltrace", "--chip", "esp32"];

/// Draws the picture anew.
pub(crate) fn run() -> Result<()> {
    sh().write_file(PICTURE, draw()?)?;
    println!("{PICTURE} is drawn");
    Ok(())
}

/// Whether the picture is that of the tool as it is, for a report of several commands.
pub(crate) fn steps(report: &mut Report) {
    report.step("the README's picture", || {
        ensure!(sh().read_file(PICTURE)? == draw()?, "{PICTURE} is out of date: cargo xtask picture");
        Done::passed()
    });
}

fn draw() -> Result<String> {
    let printed =
        cmd!("cargo run --quiet --release -- {COMMAND...} --no-timing --color always").quiet().read()?;
    let shown = format!("$ cargo run --release -- {}\n\n{printed}\n", COMMAND.join(" "));
    Ok(anstyle_svg::Term::new().render_svg(&shown))
}
