//! ESP-IDF's own tools, which are Python packages: in an environment of their own in the target directory.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::report::Done;
use crate::tools::{self, PYTHON};

use super::{NAME, component_dir, standin, work_dir};

/// Which packages, in which versions.
const REQUIREMENTS: &str = "components/tests/requirements.txt";

/// The environment's programs, or why there are none. In CI it is made if it is not there.
pub(crate) fn environment(sh: &Shell) -> Result<std::result::Result<PathBuf, String>> {
    let dir = work_dir(sh)?.join("python");
    let (bin, marker) = (dir.join("bin"), dir.join("requirements.txt"));
    let wanted = sh.read_file(REQUIREMENTS)?;
    if sh.read_file(&marker).is_ok_and(|installed| installed == wanted) {
        return Ok(Ok(bin));
    }
    if !tools::in_ci() && !dir.exists() {
        let command = format!("python3 -m venv {}", dir.display());
        return Ok(Err(format!(
            "ESP-IDF's tools are not there: {command}, and this again, which installs them"
        )));
    }
    if let Some(why) = tools::missing(sh, PYTHON)? {
        return Ok(Err(why));
    }
    cmd!(sh, "python3 -m venv {dir}").run()?;
    let pip = bin.join("pip");
    tools::persistently("Python packages", || {
        cmd!(
            sh,
            "{pip} install --quiet --disable-pip-version-check --retries 10 --requirement {REQUIREMENTS}"
        )
        .run()
        .map_err(Into::into)
    })?;
    sh.copy_file(REQUIREMENTS, &marker)?;
    Ok(Ok(bin))
}

/// Style by `kconfcheck`; then every choice, made into a configuration.
pub(super) fn kconfig(sh: &Shell) -> Result<Done> {
    let bin = match environment(sh)? {
        Ok(bin) => bin,
        Err(why) => return Ok(Done::Skipped(why)),
    };
    let python = bin.join("python");
    let kconfig = component_dir(sh)?.join("Kconfig");
    cmd!(sh, "{python} -m kconfcheck {kconfig}").quiet().ignore_stdout().run()?;
    let cases = [
        ("esp32c3", "", "MICROUSC_LOCK_INLINE"),
        ("esp32p4", "", "MICROUSC_LOCK_PORTMUX"),
        ("esp32p4", "CONFIG_MICROUSC_LOCK_INLINE=y", "MICROUSC_LOCK_INLINE"),
        // Beside ESP-TEE interrupts cannot be masked, whatever is asked for.
        ("esp32c6", "CONFIG_SECURE_ENABLE_TEE=y\nCONFIG_MICROUSC_LOCK_INLINE=y", "MICROUSC_LOCK_PORTMUX"),
        // Of what the package has archives with.
        ("esp32s2", "", "MICROUSC_LOCK_PORTMUX"),
        ("esp32c3", "CONFIG_MICROUSC_LOG=n", "MICROUSC_IN_IRAM"),
        ("esp32c3", "CONFIG_MICROUSC_DIAGNOSTICS=y", "MICROUSC_CHECKS_BASIC"),
    ];
    for (chip, choices, set) in cases {
        let header = sh.read_file(configure(sh, &bin, chip, choices)?.join("sdkconfig.h"))?;
        ensure!(
            header.contains(&format!("#define CONFIG_{set} 1")),
            "{set} is not set for {chip} with `{choices}`"
        );
        let without_log = choices.contains("LOG=n");
        ensure!(
            header.contains("MICROUSC_LOG") != without_log,
            "{chip} with `{choices}`: a wrong MICROUSC_LOG"
        );
    }
    Ok(Done::Passed(format!("{} configurations", cases.len())))
}

/// `sdkconfig.h` and `sdkconfig.cmake` for a chip, with some choices made; their folder.
pub(super) fn configure(sh: &Shell, bin: &Path, chip: &str, choices: &str) -> Result<PathBuf> {
    let dir = work_dir(sh)?.join("sdkconfig").join(chip).join(if choices.is_empty() {
        "default"
    } else {
        "chosen"
    });
    sh.remove_path(&dir)?;
    sh.create_dir(&dir)?;
    let config = dir.join("sdkconfig");
    sh.write_file(&config, format!("{choices}\n"))?;
    let python = bin.join("python");
    let root = standin(sh).join("Kconfig");
    let (header, cmake) = (dir.join("sdkconfig.h"), dir.join("sdkconfig.cmake"));
    cmd!(sh, "{python} -m kconfgen --kconfig {root} --config {config} --output header {header} --output cmake {cmake}")
        .env("IDF_TARGET", chip)
        .env("COMPONENT_KCONFIG", component_dir(sh)?.join("Kconfig"))
        .quiet()
        .ignore_stderr()
        .ignore_stdout()
        .run()
        .with_context(|| format!("Kconfig cannot be read for {chip}"))?;
    Ok(dir)
}

/// The package as the registry has it, by `compote`, which checks the manifest.
pub(super) fn pack(sh: &Shell) -> Result<Done> {
    let bin = match environment(sh)? {
        Ok(bin) => bin,
        Err(why) => return Ok(Done::Skipped(why)),
    };
    let (compote, to) = (bin.join("compote"), work_dir(sh)?.join("package"));
    sh.remove_path(&to)?;
    let in_component = sh.push_dir(component_dir(sh)?);
    cmd!(sh, "{compote} component pack --name {NAME} --dest-dir {to}").quiet().run()?;
    drop(in_component);
    let size = std::fs::metadata(package(sh)?)?.len() / 1024;
    Ok(Done::Passed(format!("{size} KiB")))
}

/// The manifests of the examples, which packing does not look at.
pub(super) fn manifests(sh: &Shell) -> Result<Done> {
    let bin = match environment(sh)? {
        Ok(bin) => bin,
        Err(why) => return Ok(Done::Skipped(why)),
    };
    let python = bin.join("python");
    let examples = sh.read_dir(component_dir(sh)?.join("examples"))?;
    let folders = &examples.iter().map(|example| example.join("main")).collect::<Vec<_>>();
    cmd!(sh, "{python} components/tests/manifests.py {folders...}")
        .env("IDF_TARGET", "esp32c3")
        .quiet()
        .run()?;
    Ok(Done::Passed(format!("{} manifests", folders.len())))
}

/// The packed component.
pub(super) fn package(sh: &Shell) -> Result<PathBuf> {
    let files = sh.read_dir(work_dir(sh)?.join("package"))?;
    let package = files.into_iter().find(|file| file.extension().is_some_and(|end| end == "tgz"));
    package.context("compote left no package")
}
