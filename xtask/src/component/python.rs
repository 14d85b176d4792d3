//! ESP-IDF's own tools, which are Python packages: in an environment of their own in the target directory.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use super::data::DATA;
use super::{NAME, component_dir, standin, work_dir};
use crate::process::{cmd, sh};
use crate::report::{Done, Skip};
use crate::tools;

/// Which packages, in which versions.
const REQUIREMENTS: &str = "components/tests/requirements.txt";

/// The folder of the environment's programs. In CI it is made if it is not there.
pub(crate) fn environment() -> Result<PathBuf> {
    let dir = work_dir()?.join("python");
    let (bin, marker) = (dir.join("bin"), dir.join("requirements.txt"));
    let wanted = sh().read_file(REQUIREMENTS)?;
    if sh().read_file(&marker).is_ok_and(|installed| installed == wanted) {
        return Ok(bin);
    }
    if !tools::in_ci() && !dir.exists() {
        let command = format!("python3 -m venv {}", dir.display());
        return Err(Skip::because(format!(
            "ESP-IDF's tools are not installed: {command}, and this command again, which installs them"
        )));
    }
    tools::need(&["python3"])?;
    cmd!("python3 -m venv {dir}").run()?;
    let pip = bin.join("pip");
    tools::persistently("Python packages", || {
        cmd!("{pip} install --quiet --disable-pip-version-check --retries 10 --requirement {REQUIREMENTS}")
            .run()
            .map_err(Into::into)
    })?;
    sh().copy_file(REQUIREMENTS, &marker)?;
    Ok(bin)
}

/// Style by `kconfcheck`; then every choice, made into a configuration.
pub(super) fn kconfig() -> Result<Done> {
    let (python, kconfig) = (environment()?.join("python"), component_dir()?.join("Kconfig"));
    cmd!("{python} -m kconfcheck {kconfig}").quiet().ignore_stdout().run()?;
    for case in &DATA.kconfig {
        let header = sh().read_file(configure(&case.chip, &case.choices)?.join("sdkconfig.h"))?;
        let what = format!("for {} with `{}`", case.chip, case.choices);
        ensure!(
            header.contains(&format!("#define CONFIG_{} 1", case.sets)),
            "{} is not set {what}",
            case.sets
        );
        let without_log = case.choices.contains("LOG=n");
        ensure!(header.contains("MICROUSC_LOG") != without_log, "MICROUSC_LOG is wrong {what}");
    }
    Ok(Done::Passed(format!("{} configurations", DATA.kconfig.len())))
}

/// `sdkconfig.h` and `sdkconfig.cmake` for a chip, with some choices made; their folder.
pub(super) fn configure(chip: &str, choices: &str) -> Result<PathBuf> {
    let kind = if choices.is_empty() { "default" } else { "chosen" };
    let dir = work_dir()?.join("sdkconfig").join(chip).join(kind);
    sh().remove_path(&dir)?;
    sh().create_dir(&dir)?;
    let config = dir.join("sdkconfig");
    sh().write_file(&config, format!("{choices}\n"))?;
    let (python, kconfig) = (environment()?.join("python"), standin().join("Kconfig"));
    let (header, cmake) = (dir.join("sdkconfig.h"), dir.join("sdkconfig.cmake"));
    cmd!("{python} -m kconfgen --kconfig {kconfig} --config {config} --output header {header} --output cmake {cmake}")
        .env("IDF_TARGET", chip)
        .env("COMPONENT_KCONFIG", component_dir()?.join("Kconfig"))
        .quiet()
        .ignore_stderr()
        .ignore_stdout()
        .run()
        .with_context(|| format!("Kconfig cannot be read for {chip}"))?;
    Ok(dir)
}

/// The package as the registry has it, by `compote`, which checks the manifest.
pub(super) fn pack() -> Result<Done> {
    let (compote, to) = (environment()?.join("compote"), work_dir()?.join("package"));
    sh().remove_path(&to)?;
    let in_component = sh().push_dir(component_dir()?);
    cmd!("{compote} component pack --name {NAME} --dest-dir {to}").quiet().run()?;
    drop(in_component);
    Ok(Done::Passed(format!("{} KiB", std::fs::metadata(package()?)?.len() / 1024)))
}

/// The manifests of the examples, which packing does not look at.
pub(super) fn manifests() -> Result<Done> {
    let python = environment()?.join("python");
    let examples = sh().read_dir(component_dir()?.join("examples"))?;
    let folders = &examples.iter().map(|example| example.join("main")).collect::<Vec<_>>();
    cmd!("{python} components/tests/manifests.py {folders...}").env("IDF_TARGET", "esp32c3").quiet().run()?;
    Ok(Done::Passed(format!("{} manifests", folders.len())))
}

/// The packed component.
pub(super) fn package() -> Result<PathBuf> {
    let files = sh().read_dir(work_dir()?.join("package"))?;
    let package = files.into_iter().find(|file| file.extension().is_some_and(|end| end == "tgz"));
    package.context("compote left no package")
}
