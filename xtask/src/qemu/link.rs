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

const COMPILING: &[&str] = &[
    "-std=c11",
    "-Os",
    "-ffreestanding",
    "-ffunction-sections",
    "-fdata-sections",
    "-Wall",
    "-Wextra",
    "-Werror",
];
const LINKING: &[&str] = &["-g", "-nostdlib", "-static", "-Wl,--gc-sections", "-Wl,--no-warn-rwx-segments"];

/// Compiles and links for one target.
pub(crate) struct Linker<'a> {
    pub(crate) target: &'a Target,
    archives: &'a Archives,
    pub(crate) runtime: PathBuf,
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
        self.link_as(program, "elf")
    }

    /// The image of a program under another ending, for a program that has several.
    pub(crate) fn link_as(&self, program: &Program, ending: &str) -> Result<PathBuf> {
        std::fs::create_dir_all(&self.images)?;
        let image = self.images.join(program.name).with_extension(ending);
        (self.target.toolchain.link)(self, program, &image)?;
        Ok(image)
    }

    /// Compiles and links by one call of the target's compiler.
    pub(crate) fn drive(&self, program: &Program, image: &Path) -> Result<()> {
        let (compiler, flags) = self.target.compiler.split_first().context("no compiler")?;
        let mut command = Command::new(compiler);
        command.args(LINKING).args(self.compile_flags(program)).args(flags);
        command.args(self.script_flags()).args(self.sources(program)?);
        if let Source::Rust(function) = program.source {
            command.arg(format!("-Wl,--undefined={function},--defsym=main={function}"));
        }
        command.args(program.symbols.iter().map(|symbol| format!("-Wl,--defsym={symbol}")));
        let output = command.arg(self.archive(program)).arg("-lgcc").arg("-o").arg(image).output();
        let output = output.with_context(|| format!("{compiler} did not start"))?;
        ensure!(output.status.success(), "{compiler} refused:\n{}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// What every C file of the program is compiled with.
    pub(crate) fn compile_flags(&self, program: &Program) -> impl Iterator<Item = String> {
        let folders = [&self.runtime, &self.runtime.join("include"), &self.include]
            .map(|folder| format!("-I{}", folder.display()));
        let flags = COMPILING.iter().chain(program.defines).map(|&flag| flag.to_owned());
        flags.chain(folders)
    }

    /// The linker script, and where it finds others.
    pub(crate) fn script_flags(&self) -> [String; 2] {
        let script = self.runtime.join(self.target.script);
        let folder = script.parent().unwrap_or(&self.runtime);
        [format!("-L{}", folder.display()), format!("-T{}", script.display())]
    }

    /// C and assembly: the runtime, and the program if it is C.
    pub(crate) fn sources(&self, program: &Program) -> Result<Vec<PathBuf>> {
        let runtime = self.target.runtime.iter().chain(&["common.c"]).map(|source| self.runtime.join(source));
        let own = match program.source {
            Source::C(file) => vec![Path::new(program.folder).join(file), self.runtime.join("port.c")],
            Source::Sample(document) => vec![self.sample(document)?, self.runtime.join("port.c")],
            Source::Rust(_) => Vec::new(),
        };
        Ok(runtime.chain(own).collect())
    }

    /// The first sample of a document, in a file.
    fn sample(&self, document: &str) -> Result<PathBuf> {
        let samples = Document::parse(&std::fs::read_to_string(document)?).samples;
        let sample = samples.first().with_context(|| format!("{document} has no sample"))?;
        let file = self.images.join(document).with_extension("c");
        std::fs::write(&file, &sample.text)?;
        Ok(file)
    }

    /// What the program is linked with.
    pub(crate) fn archive(&self, program: &Program) -> &Path {
        match program.source {
            Source::C(_) | Source::Sample(_) => &self.archives.memory,
            Source::Rust(_) => &self.archives.programs,
        }
    }
}
