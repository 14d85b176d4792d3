//! From the archives and a program to an image.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use xshell::Shell;

use super::programs::{Program, Source};
use super::targets::Target;
use super::toolchain::Archives;
use crate::archive;
use crate::samples::Document;

const FLAGS: &[&str] = &[
    "-std=c11",
    "-Os",
    "-g",
    "-ffreestanding",
    "-ffunction-sections",
    "-fdata-sections",
    "-nostdlib",
    "-static",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wl,--gc-sections",
    "-Wl,--no-warn-rwx-segments",
];

/// Compiles and links for one target.
pub(crate) struct Linker<'a> {
    target: &'a Target,
    archives: &'a Archives,
    runtime: PathBuf,
    include: PathBuf,
    images: PathBuf,
}

impl<'a> Linker<'a> {
    pub(crate) fn new(sh: &Shell, target: &'a Target, archives: &'a Archives) -> Result<Self> {
        let root = sh.current_dir();
        Ok(Self {
            target,
            archives,
            runtime: root.join("firmware/runtime"),
            include: archive::include_dir(&root),
            images: archive::work_dir(sh, "qemu")?.join(target.name),
        })
    }

    /// The image of a program.
    pub(crate) fn link(&self, program: &Program) -> Result<PathBuf> {
        std::fs::create_dir_all(&self.images)?;
        let image = self.images.join(program.name).with_extension("elf");
        let (compiler, flags) = self.target.compiler.split_first().context("no compiler")?;
        let mut command = Command::new(compiler);
        command.args(FLAGS).args(flags).args(program.defines);
        command
            .arg("-I")
            .arg(&self.runtime)
            .arg("-I")
            .arg(self.runtime.join("include"))
            .arg("-I")
            .arg(&self.include);
        command.arg("-T").arg(self.runtime.join(self.target.script));
        command.args(self.target.runtime.iter().chain(&["common.c"]).map(|source| self.runtime.join(source)));
        match program.source {
            Source::C(file) => {
                command.arg(Path::new("firmware/programs").join(file));
                self.link_memory(&mut command);
            }
            Source::Sample(document) => {
                command.arg(self.sample(document)?);
                self.link_memory(&mut command);
            }
            Source::Rust(function) => {
                command.arg(format!("-Wl,--undefined={function},--defsym=main={function}"));
                command.arg(&self.archives.programs);
            }
        }
        let output = command.arg("-lgcc").arg("-o").arg(&image).output();
        let output = output.with_context(|| format!("{compiler} did not start"))?;
        ensure!(output.status.success(), "{compiler} refused:\n{}", String::from_utf8_lossy(&output.stderr));
        Ok(image)
    }

    fn link_memory(&self, command: &mut Command) {
        command.arg(self.runtime.join("port.c")).arg(&self.archives.memory);
    }

    /// The first sample of a document, in a file.
    fn sample(&self, document: &str) -> Result<PathBuf> {
        let samples = Document::parse(&std::fs::read_to_string(document)?).samples;
        let sample = samples.first().with_context(|| format!("{document} has no sample"))?;
        let file = self.images.join(document).with_extension("c");
        std::fs::write(&file, &sample.text)?;
        Ok(file)
    }
}
