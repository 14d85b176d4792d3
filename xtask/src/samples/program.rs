//! The program around a sample: a driver that is stated, or one of two plain wrappings.

use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, bail, ensure};

use crate::archive::include_dir;
use crate::compile::{Compiler, execute};
use crate::component::matches;

use super::document::{Document, Language, Sample, Wish};
use super::expectations::{Case, Expectation};

/// Names that nobody declared are errors, not warnings.
const STRICT: &[&str] =
    &["-Werror=implicit-function-declaration", "-Werror=implicit-int", "-Werror=int-conversion"];

/// Headers that have to come before a function, where a sample is the inside of one.
const CXX_PRELUDE: &str = "#include \"prelude.h\"\n#include \"MicroUSC/system/memory_pool.hpp\"\n\
                           #include <cstdio>\n#include <list>\n#include <map>\n#include <string>\n#include <vector>\n";

/// Where drivers are.
pub(crate) const DRIVERS: &str = "xtask/samples/drivers";

/// Where samples are compiled.
pub(crate) struct Workshop {
    pub(crate) root: PathBuf,
    pub(crate) archive: PathBuf,
    pub(crate) dir: PathBuf,
}

/// What became of a sample.
pub(crate) struct Fate {
    pub(crate) kind: String,
    /// The standard that it was compiled by, if it was.
    pub(crate) standard: Option<String>,
    pub(crate) ran: bool,
    pub(crate) warnings: String,
    /// What the driver has to say about it: its lines `note: ...`.
    pub(crate) notes: String,
    /// `Ok("")`, or `Ok(reason)` if it was skipped.
    pub(crate) result: Result<String>,
}

impl Fate {
    fn new(kind: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            standard: None,
            ran: false,
            warnings: String::new(),
            notes: String::new(),
            result: Ok(String::new()),
        }
    }

    fn skipped(kind: &str, reason: &str) -> Self {
        let result = match reason {
            "" => Err(Error::msg("skipped without a reason")),
            reason => Ok(reason.to_owned()),
        };
        Self { result, ..Self::new(kind) }
    }
}

impl Workshop {
    /// Where the text of a sample is.
    pub(crate) fn file_of(&self, index: usize) -> PathBuf {
        self.dir.join(format!("sample_{index}.inc"))
    }

    /// Compiles a sample, and runs it if it can run.
    pub(crate) fn fate(&self, document: &Document, case: &Case<'_>) -> Fate {
        let index = case.index;
        let sample = &document.samples[index];
        if let Some((expected, uses)) = &case.expected {
            let mut fate = Fate::new(&expected.kind);
            return match (&expected.driver, &expected.skip) {
                (Some(driver), _) => {
                    fate.result =
                        self.drive(&mut fate, index, driver, expected, uses).map(|()| String::new());
                    fate
                }
                (None, reason) => Fate::skipped(&expected.kind, reason.as_deref().unwrap_or("")),
            };
        }
        if let Some(Wish::Skip(reason)) = &sample.wish {
            return Fate::skipped("-", reason);
        }
        let mut fate = Fate::new("-");
        fate.result = self.wrap(&mut fate, sample, index).map(|()| String::new());
        fate
    }

    /// Builds and runs the driver of a sample.
    fn drive(
        &self,
        fate: &mut Fate,
        index: usize,
        driver: &str,
        expected: &Expectation,
        uses: &[usize],
    ) -> Result<()> {
        let standard = expected.std.as_deref().unwrap_or("c11");
        let flags = expected.flags(index, uses, |index| self.file_of(index))?;
        let source = self.root.join(DRIVERS).join(driver);
        let program = self.dir.join(format!("sample_{index}_{}", expected.kind));
        fate.warnings =
            self.compiler(Language::C, standard).with(flags).link(&source, &self.archive, &program)?;
        fate.standard = Some(standard.to_owned());
        let printed = execute(&["timeout", "60"], &program, &[])?;
        fate.notes = printed.lines().filter_map(|line| line.strip_prefix("note: ")).collect();
        fate.ran = true;
        Ok(())
    }

    /// Compiles a sample of which nothing is stated, as a file or else as statements; runs it if it asks for that.
    fn wrap(&self, fate: &mut Fate, sample: &Sample, index: usize) -> Result<()> {
        let (standard, extension, prelude, strict) = match sample.language {
            Language::C => ("c11", "c", "#include \"prelude.h\"\n", STRICT),
            Language::Cpp => ("c++17", "cpp", CXX_PRELUDE, [].as_slice()),
        };
        let compiler = self.compiler(sample.language, standard).with(strict.iter().copied());
        let include = format!("#include \"{}\"\n", self.file_of(index).display());
        let as_file = format!("{prelude}{include}");
        let as_statements = format!(
            "{prelude}esp_err_t sample(void);\nesp_err_t sample(void) {{\n{include}return ESP_OK;\n}}\n\
             int main(void) {{ return sample() == ESP_OK ? 0 : 1; }}\n"
        );
        let source = self.dir.join(format!("wrapped_{index}.{extension}"));
        let program = self.dir.join(format!("sample_{index}"));
        std::fs::write(&source, as_file)?;
        let is_program = match compiler.check(&source) {
            Ok(warnings) => {
                "functions".clone_into(&mut fate.kind);
                fate.warnings = warnings;
                let links = sample.text.contains("main(");
                if links {
                    compiler.link(&source, &self.archive, &program)?;
                }
                links
            }
            Err(no_file) => {
                "statements".clone_into(&mut fate.kind);
                std::fs::write(&source, as_statements)?;
                fate.warnings = compiler
                    .link(&source, &self.archive, &program)
                    .with_context(|| format!("neither a file:\n{no_file:#}\nnor statements"))?;
                true
            }
        };
        fate.standard = Some(standard.to_owned());
        if let Some(Wish::Run(wanted)) = &sample.wish {
            ensure!(is_program, "it shall run, and has no main");
            let printed = execute(&["timeout", "60"], &program, &[])?;
            fate.ran = true;
            if !matches(wanted, printed.trim()) {
                bail!("it printed\n{}\nnot\n{wanted}", printed.trim());
            }
        }
        Ok(())
    }

    fn compiler(&self, language: Language, standard: &str) -> Compiler {
        let program = match language {
            Language::C => "gcc",
            Language::Cpp => "g++",
        };
        let samples = self.root.join("xtask/samples");
        let tests: &Path = &self.root.join("crates/capi/tests/c");
        Compiler::new(program, &["-Wall", "-D_POSIX_C_SOURCE=200809L"])
            .with([format!("-std={standard}")])
            .include(&include_dir(&self.root))
            .include(&samples.join("host"))
            .include(&samples)
            .include(&samples.join("drivers"))
            .include(tests)
    }
}
