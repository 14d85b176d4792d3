//! From the archives and a program to an image.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::data::{Program, Target, Toolchain};
use super::toolchain::Archives;
use super::xtensa;
use crate::archive;
use crate::process::{Run, root};
use crate::samples::Document;

const COMPILING: &str =
    "-std=c11 -Os -ffreestanding -ffunction-sections -fdata-sections -Wall -Wextra -Werror";
const LINKING: &str = "-g -nostdlib -static -Wl,--gc-sections -Wl,--no-warn-rwx-segments";

/// Compiles and links for one target.
pub(crate) struct Linker<'a> {
    pub(crate) target: &'a Target,
    archives: &'a Archives,
    runtime: PathBuf,
    images: PathBuf,
}

impl<'a> Linker<'a> {
    pub(crate) fn new(target: &'a Target, archives: &'a Archives) -> Result<Self> {
        let images = archive::work_dir("qemu")?.join(&target.name);
        std::fs::create_dir_all(&images)?;
        Ok(Self { target, archives, runtime: root().join("firmware/runtime"), images })
    }

    /// The image of a program.
    pub(crate) fn link(&self, program: &Program) -> Result<PathBuf> {
        self.link_as(program, "elf")
    }

    /// The image of a program under another ending, for a program that has several.
    pub(crate) fn link_as(&self, program: &Program, ending: &str) -> Result<PathBuf> {
        let image = self.images.join(&program.name).with_extension(ending);
        let mut symbols: Vec<String> =
            program.symbols.iter().map(|symbol| format!("--defsym={symbol}")).collect();
        if let Some(function) = &program.rust {
            symbols.extend([format!("--undefined={function}"), format!("--defsym=main={function}")]);
        }
        let (compiler, flags) = self.target.compiler.split_first().context("no compiler")?;
        let flags = || flags.iter().cloned().chain(self.compile_flags(program));
        if self.target.toolchain == Toolchain::Windowed {
            // In front of the compiler's own headers.
            let own = format!("-I{}", self.runtime.join("xtensa/windowed").display());
            let flags: Vec<String> = [own].into_iter().chain(flags()).collect();
            symbols.extend(self.script_flags());
            xtensa::image(&self.sources(program)?, &flags, &symbols, self.archive(program), &image)?;
            return Ok(image);
        }
        let mut command = Command::new(compiler);
        command.args(LINKING.split(' ')).args(flags()).args(self.script_flags()).args(self.sources(program)?);
        command.args(symbols.iter().map(|symbol| format!("-Wl,{symbol}")));
        command.arg(self.archive(program)).arg("-lgcc").arg("-o").arg(&image).captured()?;
        Ok(image)
    }

    /// What every C file of the program is compiled with.
    fn compile_flags(&self, program: &Program) -> impl Iterator<Item = String> {
        let folders = [self.runtime.clone(), self.runtime.join("include"), archive::include_dir()];
        let flags = COMPILING.split(' ').map(str::to_owned).chain(program.defines.iter().cloned());
        flags.chain(folders.map(|folder| format!("-I{}", folder.display())))
    }

    /// The linker script, and where it finds others.
    fn script_flags(&self) -> [String; 2] {
        let script = self.runtime.join(&self.target.script);
        let folder = script.parent().unwrap_or(&self.runtime);
        [format!("-L{}", folder.display()), format!("-T{}", script.display())]
    }

    /// C and assembly: the runtime, and the program if it is C.
    fn sources(&self, program: &Program) -> Result<Vec<PathBuf>> {
        let runtime = self.target.runtime.iter().map(String::as_str).chain(["common.c"]);
        let mut sources: Vec<_> = runtime.map(|source| self.runtime.join(source)).collect();
        if let Some(file) = &program.c {
            sources.extend([Path::new(&program.folder).join(file), self.runtime.join("port.c")]);
        }
        if let Some(document) = &program.sample {
            sources.extend([self.sample(document)?, self.runtime.join("port.c")]);
        }
        Ok(sources)
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
    fn archive(&self, program: &Program) -> &Path {
        if program.rust.is_some() { &self.archives.programs } else { &self.archives.memory }
    }
}
