//! The programs that have the tests: how each is built in a tree, and how one test of it is run.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::tree::Tree;
use crate::archive::{C_TESTS, INCLUDE, target_dir};
use crate::compile::Compiler;
use crate::process::{Ended, Run};
use crate::tools;

/// A test that takes longer waits for something that never happens.
const LIMIT: Duration = Duration::from_secs(30);

/// Not one test, but each that the program has.
const WHOLE: &str = "*";

/// The result of a test.
#[derive(Debug)]
pub(crate) enum Ran {
    Passed,
    /// And how.
    Failed(String),
}

/// A program with tests.
pub(crate) enum Suite {
    /// One of Cargo's, by the arguments that select it, the flags of the compiler, and where it is built.
    Rust { arguments: Vec<String>, flags: &'static str, target: PathBuf },
    /// A C program of `crates/capi/tests/c`, linked with the archive.
    C { program: String, target: PathBuf },
}

impl Suite {
    /// `pool/NAME`, `drivers/NAME`, `port/NAME`, `retained/NAME` and `memory/NAME` are the tests of a package (`lib`: those beside the code), `loom` and
    /// `shuttle` those of the pools under a scheduler, `c/NAME` a C program.
    pub(crate) fn named(name: &str) -> Result<Self> {
        // To Cargo the tree and its copy are the same: what is built with a fault must not lie where anything else looks.
        let target = target_dir().join("faults");
        if let "loom" | "shuttle" = name {
            let arguments = ["--profile", "model", "--package", "microusc-pool", "--test", name];
            let flags = if name == "loom" { "--cfg loom" } else { "--cfg shuttle" };
            let arguments = arguments.map(str::to_owned).to_vec();
            return Ok(Self::Rust { arguments, flags, target: target.join(name) });
        }
        let (folder, program) = name.split_once('/').with_context(|| format!("no suite is called {name}"))?;
        let package = match folder {
            "c" => return Ok(Self::C { program: program.to_owned(), target }),
            "pool" => "microusc-pool",
            "drivers" => "microusc-drivers",
            "port" => "microusc-port",
            "retained" => "microusc-retained",
            "memory" => "microusc-memory",
            _ => bail!("no suite is called {name}"),
        };
        let mut arguments = vec!["--package".to_owned(), package.to_owned()];
        match program {
            "lib" => arguments.push("--lib".to_owned()),
            _ => arguments.extend(["--test".to_owned(), program.to_owned()]),
        }
        Ok(Self::Rust { arguments, flags: "", target })
    }

    /// That it can be run here.
    pub(crate) fn need(&self) -> Result<()> {
        match self {
            Self::Rust { .. } => Ok(()),
            Self::C { .. } => tools::need(&["gcc"]),
        }
    }

    /// Builds the program in `tree` and runs `test`. That it does not compile is an error.
    pub(crate) fn run(&self, tree: &Tree, test: &str) -> Result<Ran> {
        match self {
            Self::Rust { arguments, flags, target } => {
                let mut cargo = cargo(tree, target);
                cargo
                    .args(["test", "--no-run", "--quiet", "--message-format", "json-render-diagnostics"])
                    .args(arguments);
                cargo.env("RUSTFLAGS", flags);
                let program = executable(&mut cargo)?;
                let mut command = Command::new(program);
                command.current_dir(tree.root());
                if test != WHOLE {
                    command.args([test, "--exact"]);
                }
                let (ran, printed) = run(&mut command)?;
                let is_there = if test == WHOLE { "\nrunning " } else { "\nrunning 1 test\n" };
                ensure!(printed.contains(is_there), "no test is called {test}:\n{printed}");
                Ok(ran)
            }
            Self::C { program, target } => {
                let mut cargo = cargo(tree, target);
                cargo.args(["build", "--quiet", "--package", "microusc-memory", "--lib"]);
                cargo.captured().context("the archive does not compile")?;
                let source = tree.root().join(C_TESTS).join(program).with_extension("c");
                let built = target.join(program);
                let gcc = Compiler::new("gcc", &["-std=c11", "-g"]).include(&tree.root().join(INCLUDE));
                gcc.link(&source, &target.join("debug/libmicrousc_memory.a"), &built)?;
                let mut command = Command::new(built);
                if test != WHOLE {
                    command.env("MICROUSC_ONLY_TEST", test);
                }
                let (ran, printed) = run(&mut command)?;
                let is_there = matches!(ran, Ran::Failed(_)) || !printed.ends_with("\n0 tests passed\n");
                ensure!(is_there && printed != "0 tests passed\n", "no test is called {test}:\n{printed}");
                Ok(ran)
            }
        }
    }
}

fn cargo(tree: &Tree, target: &Path) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(tree.root()).env("CARGO_TARGET_DIR", target);
    cargo
}

/// Runs Cargo, and returns the one program that it built.
fn executable(cargo: &mut Command) -> Result<PathBuf> {
    let text = cargo.captured().context("it does not compile")?.stdout;
    let messages = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut programs = messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from));
    programs.next().context("Cargo built no program")
}

/// Runs a program, and returns all that it printed beside how it ended.
fn run(command: &mut Command) -> Result<(Ran, String)> {
    let Ended { code, how, stdout, stderr } = command.ended_within(LIMIT)?;
    let ran = if code == Some(0) { Ran::Passed } else { Ran::Failed(how) };
    Ok((ran, stdout + &stderr))
}
