//! The component's folder as it is packed: its sources, the C file of `crates/port`, the headers of `crates/capi`, the
//! archives, the licences.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::data::DATA;
use super::{NAME, archive_path, archives, component_dir};
use crate::archive;
use crate::process::{cmd, root, sh};
use crate::report::Done;

pub(super) fn folder() -> Result<Done> {
    let to = component_dir()?;
    sh().remove_path(&to)?;
    sh().create_dir(&to)?;
    let sources = root().join("components").join(NAME);
    // What is under version control, or will be.
    let listed = cmd!("git -C {sources} ls-files --cached --others --exclude-standard").quiet().read()?;
    for file in listed.lines() {
        copy(&sources.join(file), &to.join(file))?;
    }
    for file in ["port_esp_idf.c", "port_esp_idf.h"] {
        copy(&root().join("crates/port/src/esp_idf").join(file), &to.join(file))?;
    }
    let include = archive::include_dir();
    for header in archive::headers()? {
        let inside = header.strip_prefix(&format!("{NAME}/")).context("a header beside the folder")?;
        if !DATA.package.headers_left_out.iter().any(|left_out| left_out == inside) {
            copy(&include.join(&header), &to.join("include").join(&header))?;
        }
    }
    for licence in ["LICENSE", "LICENSE-APACHE", "LICENSE-MIT"] {
        copy(&root().join(licence), &to.join(licence))?;
    }
    let mut count = 0;
    for set in DATA.riscv.iter().chain(&DATA.xtensa) {
        for lock in &DATA.locks {
            if let Some(archive) = archives::packed(&set.name, &lock.name)? {
                copy(&archive, &archive_path(&to, &set.name, &lock.name))?;
                count += 1;
            }
        }
    }
    let manifest = sh().read_file(sources.join("idf_component.yml"))?;
    let version = format!("version: \"{}\"", env!("CARGO_PKG_VERSION"));
    ensure!(manifest.lines().any(|line| line == version), "idf_component.yml does not say {version}");
    Ok(Done::Passed(format!("{count} archives")))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    sh().create_dir(to.parent().context("no folder")?)?;
    Ok(sh().copy_file(from, to)?)
}
