//! The program around a sample: the driver that its expectation names, or one of two plain wrappers.

use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, bail, ensure};

use crate::archive::{C_TESTS, include_dir};
use crate::compile::{Compiler, execute};
use crate::expected::matches;

use super::document::{Directive, Document, Language, Sample};
use super::expectations::{Case, Expectation};

/// Names that are not declared are errors, not warnings.
const STRICT: &[&str] =
    &["-Werror=implicit-function-declaration", "-Werror=implicit-int", "-Werror=int-conversion"];

/// Headers that have to come before a function, where a sample is the inside of one.
const CXX_PRELUDE: &str = "#include \"prelude.h\"\n#include \"MicroUSC/system/memory_pool.hpp\"\n\
                           #include <cstdio>\n#include <list>\n#include <map>\n#include <string>\n#include <vector>\n";

/// Where drivers are.
pub(crate) const DRIVERS: &str = "xtask/samples/drivers";

/// Where samples are compiled.
pub(crate) struct Builder {
    pub(crate) root: PathBuf,
    pub(crate) archive: PathBuf,
    pub(crate) dir: PathBuf,
}

/// What happened to a sample.
pub(crate) struct Outcome {
    pub(crate) kind: String,
    /// The standard that it was compiled by, if it was.
    pub(crate) standard: Option<String>,
    pub(crate) ran: bool,
    pub(crate) warnings: String,
    /// The lines `note: ...` that the driver printed.
    pub(crate) notes: String,
    /// `Ok("")`, or `Ok(reason)` if it was skipped.
    pub(crate) result: Result<String>,
}

impl Outcome {
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

impl Builder {
    /// Where the text of a sample is.
    pub(crate) fn file_of(&self, index: usize) -> PathBuf {
        self.dir.join(format!("sample_{index}.inc"))
    }

    /// Compiles a sample, and runs it if it can run.
    pub(crate) fn outcome(&self, document: &Document, case: &Case<'_>) -> Outcome {
        let index = case.index;
        let sample = &document.samples[index];
        if let Some((expected, uses)) = &case.expected {
            let mut outcome = Outcome::new(&expected.kind);
            return match (&expected.driver, &expected.skip) {
                (Some(driver), _) => {
                    outcome.result =
                        self.drive(&mut outcome, index, driver, expected, uses).map(|()| String::new());
                    outcome
                }
                (None, reason) => Outcome::skipped(&expected.kind, reason.as_deref().unwrap_or("")),
            };
        }
        if let Some(Directive::Skip(reason)) = &sample.directive {
            return Outcome::skipped("-", reason);
        }
        let mut outcome = Outcome::new("-");
        outcome.result = self.wrap(&mut outcome, sample, index).map(|()| String::new());
        outcome
    }

    /// Builds and runs the driver of a sample.
    fn drive(
        &self,
        outcome: &mut Outcome,
        index: usize,
        driver: &str,
        expected: &Expectation,
        uses: &[usize],
    ) -> Result<()> {
        let standard = expected.std.as_deref().unwrap_or("c11");
        let flags = expected.flags(index, uses, |index| self.file_of(index))?;
        let source = self.root.join(DRIVERS).join(driver);
        let program = self.dir.join(format!("sample_{index}_{}", expected.kind));
        outcome.warnings =
            self.compiler(Language::C, standard).with(flags).link(&source, &self.archive, &program)?;
        outcome.standard = Some(standard.to_owned());
        let printed = execute(&[], &program, &[])?;
        outcome.notes = printed.lines().filter_map(|line| line.strip_prefix("note: ")).collect();
        outcome.ran = true;
        Ok(())
    }

    /// Compiles a sample without expectations, as a file or else as statements; runs it if it asks for that.
    fn wrap(&self, outcome: &mut Outcome, sample: &Sample, index: usize) -> Result<()> {
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
                "functions".clone_into(&mut outcome.kind);
                outcome.warnings = warnings;
                let links = sample.text.contains("main(");
                if links {
                    compiler.link(&source, &self.archive, &program)?;
                }
                links
            }
            Err(no_file) => {
                "statements".clone_into(&mut outcome.kind);
                std::fs::write(&source, as_statements)?;
                outcome.warnings = compiler
                    .link(&source, &self.archive, &program)
                    .with_context(|| format!("neither a file:\n{no_file:#}\nnor statements"))?;
                true
            }
        };
        outcome.standard = Some(standard.to_owned());
        if let Some(Directive::Run(wanted)) = &sample.directive {
            ensure!(is_program, "it must run, and has no main");
            let printed = execute(&[], &program, &[])?;
            outcome.ran = true;
            if !matches(wanted, printed.trim()) {
                bail!("it printed\n{}\ninstead of\n{wanted}", printed.trim());
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
        let tests: &Path = &self.root.join(C_TESTS);
        Compiler::new(program, &["-Wall", "-D_POSIX_C_SOURCE=200809L"])
            .with([format!("-std={standard}")])
            .include(&include_dir())
            .include(&samples.join("host"))
            .include(&samples)
            .include(&samples.join("drivers"))
            .include(tests)
    }
}
