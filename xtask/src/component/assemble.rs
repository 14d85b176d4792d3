//! The component's folder as it is packed: its sources, the C file of `crates/port`, the headers of `crates/capi`, the archives, the licences.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::archive;
use crate::report::Done;

use super::{NAME, archive_path, archives, component_dir};

/// The port's C file, beside its Rust code in the repository.
const PORT: [&str; 2] = ["port_esp_idf.c", "port_esp_idf.h"];

/// Headers of other ports, and of names that ESP-IDF has itself.
const NOT_FOR_ESP_IDF: [&str; 4] = ["port/bare.h", "port/esp_compat.h", "port/freertos.h", "port/host.h"];

pub(super) fn folder(sh: &Shell) -> Result<Done> {
    let to = component_dir(sh)?;
    sh.remove_path(&to)?;
    sh.create_dir(&to)?;
    for file in sources(sh)? {
        copy(sh, &sh.current_dir().join("components").join(NAME).join(&file), &to.join(&file))?;
    }
    for file in PORT {
        copy(sh, &sh.current_dir().join("crates/port/src/esp_idf").join(file), &to.join(file))?;
    }
    let include = archive::include_dir(&sh.current_dir()).join(NAME);
    let headers = files_under(sh, &include)?;
    for header in headers.iter().filter(|header| !NOT_FOR_ESP_IDF.contains(&header.as_str())) {
        copy(sh, &include.join(header), &to.join("include").join(NAME).join(header))?;
    }
    for licence in ["LICENSE", "LICENSE-APACHE", "LICENSE-MIT"] {
        copy(sh, &sh.current_dir().join(licence), &to.join(licence))?;
    }
    let mut archives = 0;
    for set in ["riscv32imc", "riscv32imac", "riscv32imafc", "esp32", "esp32s2", "esp32s3"] {
        for lock in archives::LOCKS {
            if let Some(archive) = archives::packed(sh, set, lock)? {
                copy(sh, &archive, &archive_path(&to, set, lock))?;
                archives += 1;
            }
        }
    }
    versions(sh)?;
    Ok(Done::Passed(format!("{archives} archives")))
}

/// What of the component is under version control, or will be.
fn sources(sh: &Shell) -> Result<Vec<String>> {
    let root = format!("components/{NAME}");
    let listed = cmd!(sh, "git -C {root} ls-files --cached --others --exclude-standard").quiet().read()?;
    Ok(listed.lines().map(str::to_owned).collect())
}

/// Files below a folder, by their names from there.
fn files_under(sh: &Shell, root: &Path) -> Result<Vec<String>> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for path in sh.read_dir(&folder)? {
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path.strip_prefix(root)?.display().to_string());
            }
        }
    }
    Ok(files)
}

fn copy(sh: &Shell, from: &Path, to: &Path) -> Result<()> {
    sh.create_dir(to.parent().context("no folder")?)?;
    sh.copy_file(from, to)?;
    Ok(())
}

/// The manifest's version is that of the crates.
fn versions(sh: &Shell) -> Result<()> {
    let manifest = sh.read_file(format!("components/{NAME}/idf_component.yml"))?;
    let crates: toml::Table = sh.read_file("Cargo.toml")?.parse()?;
    let version = crates["workspace"]["package"]["version"].as_str().context("the crates have no version")?;
    ensure!(
        manifest.lines().any(|line| line == format!("version: \"{version}\"")),
        "idf_component.yml does not say version: \"{version}\""
    );
    Ok(())
}
