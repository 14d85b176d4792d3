//! `cargo xtask path`: through how many source files a reader follows three operations, and the lines of `xtask` itself.
//!
//! The operations run under Valgrind's callgrind, in a build without optimisation and without debug assertions, so that no
//! function is merged into another one. What counts is a file of this repository of which at least one line was executed;
//! the standard library and dependencies are passed through and not counted, nor is the program that calls the function.
//! The order is that of the calls in the source: depth first, from the function that is measured.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};

use crate::archive::{include_dir, target_dir, work_dir};
use crate::compile::{Compiler, execute};
use crate::process::{cmd, root, sh};
use crate::tools;

/// An operation, and the number of files that it should cross at most.
struct Operation {
    name: &'static str,
    program: Program,
    most: usize,
}

enum Program {
    /// A file in `xtask/path`, whose function `measured` is measured.
    C(&'static str),
    /// `poolscope` with these arguments, from `main` on.
    Tool(&'static [&'static str]),
}

const OPERATIONS: [Operation; 3] = [
    Operation { name: "a usual memory_pool_alloc", program: Program::C("alloc.c"), most: 7 },
    Operation {
        name: "a free with a waiter, a record and a report",
        program: Program::C("free.c"),
        most: 12,
    },
    Operation {
        name: "poolscope replay",
        program: Program::Tool(&["replay", "traces/lua.pooltrace", "--chip", "esp32"]),
        most: 14,
    },
];
/// Lines of Rust in `xtask/src`, at most.
const OWN_LINES: usize = 6500;

/// Measures and prints.
pub(crate) fn run() -> Result<()> {
    tools::need(&["gcc", "valgrind"])?;
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(["what", "measured", "target", "verdict"]);
    let mut row = |what: &str, measured: usize, most: usize| {
        let over = measured.saturating_sub(most);
        let verdict = if over == 0 { "ok".to_owned() } else { format!("{over} too many") };
        table.add_row([what, &measured.to_string(), &most.to_string(), &verdict]);
    };
    for Operation { name, program, most } in OPERATIONS {
        let steps = measure(&program).with_context(|| name.to_owned())?;
        println!("{name}: {} files, {}", steps.len(), by_crate(&steps));
        for (number, (file, functions)) in steps.iter().enumerate() {
            println!("{:>4}  {file:<44} {}", number + 1, functions.join(", "));
        }
        println!();
        row(&format!("files: {name}"), steps.len(), most);
    }
    row("lines of xtask/src", own_lines()?, OWN_LINES);
    println!("{table}");
    Ok(())
}

/// How many of the files each crate has.
fn by_crate(steps: &[(String, Vec<String>)]) -> String {
    let mut counts = BTreeMap::<&str, usize>::new();
    for (file, _) in steps {
        *counts.entry(file.split('/').nth(1).unwrap_or("")).or_default() += 1;
    }
    counts.iter().map(|(name, count)| format!("{count} in {name}")).collect::<Vec<_>>().join(", ")
}

/// The files in the order in which they are entered, each with the functions that run.
fn measure(program: &Program) -> Result<Vec<(String, Vec<String>)>> {
    let dir = work_dir("path")?;
    let log = dir.join("callgrind.out");
    let wrapper = [
        "valgrind".to_owned(),
        "--quiet".to_owned(),
        "--tool=callgrind".to_owned(),
        "--compress-strings=no".to_owned(),
        "--compress-pos=no".to_owned(),
        format!("--callgrind-out-file={}", log.display()),
    ];
    let mut wrapper: Vec<&str> = wrapper.iter().map(String::as_str).collect();
    match program {
        Program::C(file) => {
            let program = dir.join(file).with_extension("");
            Compiler::new("gcc", &["-g", "-O1"]).include(&include_dir()).link(
                &Path::new("xtask/path").join(file),
                &built("microusc-memory", "libmicrousc_memory.a")?,
                &program,
            )?;
            wrapper.push("--toggle-collect=measured");
            execute(&wrapper, &program, &[])?;
            Ok(Profile::parse(&sh().read_file(&log)?)?.walk("measured", BTreeMap::new()))
        }
        Program::Tool(arguments) => {
            wrapper.push("--toggle-collect=poolscope::main");
            execute(&wrapper, &built("poolscope", "poolscope")?, arguments)?;
            Ok(Profile::parse(&sh().read_file(&log)?)?.walk("poolscope::main", BTreeMap::new()))
        }
    }
}

/// Builds a package as the module's text says; the file that was built.
fn built(package: &str, file: &str) -> Result<PathBuf> {
    let dir = target_dir().join("path");
    cmd!("cargo build --quiet --package {package} --target-dir {dir} --config profile.dev.debug-assertions=false --config profile.dev.overflow-checks=false --config profile.dev.debug=1")
        .run()?;
    Ok(dir.join("debug").join(file))
}

/// What a function did: a line of a file was executed, or a function was called.
enum Event {
    Line(String, usize),
    Calls(String),
}

/// The content of callgrind's file: what each function did, with the line of the function where it did so.
#[derive(Default)]
struct Profile {
    functions: BTreeMap<String, Vec<(usize, Event)>>,
}

impl Profile {
    /// Reads the format without compression: `fl=`, `fi=` and `fe=` set the file of the lines that follow, `fn=` begins a
    /// function, and `cfn=` with `calls=` a call, whose own line of costs is that of the callee.
    fn parse(text: &str) -> Result<Self> {
        let mut profile = Self::default();
        let (mut function, mut file, mut own) = (String::new(), String::new(), String::new());
        let (mut callee, mut of_callee, mut at) = (None, false, 0);
        for line in text.lines() {
            if let Some((key, value)) = line.split_once('=') {
                match key {
                    "fl" | "fi" | "fe" => value.clone_into(&mut file),
                    "fn" => {
                        value.clone_into(&mut function);
                        file.clone_into(&mut own);
                    }
                    "cfn" => callee = Some(value.to_owned()),
                    "calls" => of_callee = true,
                    _ => {}
                }
                continue;
            }
            let Some(number) = line.split(' ').next().and_then(|number| number.parse().ok()) else {
                continue;
            };
            if file == own {
                at = number;
            }
            let events = profile.functions.entry(function.clone()).or_default();
            if std::mem::take(&mut of_callee) {
                events.push((at, Event::Calls(callee.take().context("a call of no function")?)));
            } else {
                events.push((at, Event::Line(file.clone(), number)));
            }
        }
        ensure!(!profile.functions.is_empty(), "callgrind collected nothing");
        // Instructions are in another order than the source.
        profile.functions.values_mut().for_each(|events| events.sort_by_key(|(at, _)| *at));
        Ok(profile)
    }

    /// The files of this repository that `start` reaches, without its own, in order, with the functions in each. Sources that
    /// are not given are read.
    fn walk<'p>(
        &'p self,
        start: &str,
        sources: BTreeMap<&'p str, Vec<String>>,
    ) -> Vec<(String, Vec<String>)> {
        let mut walk = Walk { profile: self, visited: BTreeSet::new(), sources, steps: Vec::new() };
        walk.function(start);
        walk.steps.retain(|(file, _)| file.starts_with("crates/"));
        walk.steps
    }
}

struct Walk<'p> {
    profile: &'p Profile,
    visited: BTreeSet<&'p str>,
    /// The lines of each source file.
    sources: BTreeMap<&'p str, Vec<String>>,
    steps: Vec<(String, Vec<String>)>,
}

impl<'p> Walk<'p> {
    fn function(&mut self, name: &str) {
        let Some((name, events)) = self.profile.functions.get_key_value(name) else { return };
        if !self.visited.insert(name) {
            return;
        }
        // The file of the function itself comes before those that are inlined into it.
        let own = events.iter().find_map(|(at, event)| match event {
            Event::Line(file, line) if at == line => Some((file, *line)),
            _ => None,
        });
        own.into_iter().for_each(|(file, line)| self.line(file, line));
        for (_, event) in events {
            match event {
                Event::Line(file, line) => self.line(file, *line),
                Event::Calls(callee) => self.function(callee),
            }
        }
    }

    /// Notes an executed line of this repository.
    fn line(&mut self, file: &'p str, line: usize) {
        let root = root();
        let Ok(inside) = Path::new(file).strip_prefix(&root) else { return };
        let lines = self.sources.entry(file).or_insert_with(|| {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            text.lines().map(str::to_owned).collect()
        });
        // Derived code stands outside of functions, and compiled helpers have line 0: a reader does not come there.
        let Some(function) = enclosing_function(lines, line).map(str::to_owned) else { return };
        let inside = inside.display().to_string();
        let at = self.steps.iter().position(|(known, _)| *known == inside).unwrap_or_else(|| {
            self.steps.push((inside, Vec::new()));
            self.steps.len() - 1
        });
        let functions = &mut self.steps[at].1;
        if !functions.contains(&function) {
            functions.push(function);
        }
    }
}

/// The name of the last function or macro that begins at a line or above it.
fn enclosing_function(lines: &[String], line: usize) -> Option<&str> {
    lines.iter().take(line).rev().find_map(|line| {
        let line = line.trim_start();
        let after = line.strip_prefix("macro_rules! ").or_else(|| {
            let (before, after) = line.split_once("fn ")?;
            let is_declaration = before.split_whitespace().all(|word| {
                word.starts_with("pub")
                    || ["const", "unsafe", "extern", "async", "\"C\""].contains(&word)
                    || word.ends_with(')')
            });
            is_declaration.then_some(after)
        })?;
        after.split(|c: char| !c.is_alphanumeric() && c != '_').next().filter(|name| !name.is_empty())
    })
}

/// Lines of the Rust files of `xtask`.
fn own_lines() -> Result<usize> {
    let listed = cmd!("git ls-files xtask/src").quiet().read()?;
    let rust = listed.lines().filter(|file| file.ends_with(".rs") && sh().path_exists(file));
    rust.map(|file| Ok(sh().read_file(file)?.lines().count())).sum()
}

#[cfg(test)]
mod tests {
    use super::{Event, Profile, by_crate, enclosing_function, root};

    #[test]
    fn files_are_listed_in_the_order_of_calls_and_inlined_ones_too() {
        let at = |file: &str| root().join(file).display().to_string();
        let (main, lib, other) = (at("xtask/path/alloc.c"), at("crates/a/lib.rs"), at("crates/b/other.rs"));
        let text = format!(
            "events: Ir\nfl={main}\nfn=measured\n1 5\ncfi={lib}\ncfn=a::first\ncalls=1 1\n2 40\n3 1\n\
             fl={lib}\nfn=a::first\n7 2\nfi=/rustc/core.rs\n9 1\nfi={other}\n4 1\nfe={lib}\n8 1\n"
        );
        let profile = Profile::parse(&text).unwrap();
        assert!(matches!(&profile.functions["measured"][1].1, Event::Calls(callee) if callee == "a::first"));
        let source = |name: &str| vec![format!("fn {name}() {{")];
        let sources = [(lib.as_str(), source("first")), (&other, source("inlined"))].into();
        let steps = profile.walk("measured", sources);
        assert_eq!(by_crate(&steps), "1 in a, 1 in b");
        let step = |file: &str, function: &str| (file.to_owned(), vec![function.to_owned()]);
        assert_eq!(steps, [step("crates/a/lib.rs", "first"), step("crates/b/other.rs", "inlined")]);
    }

    #[test]
    fn a_line_belongs_to_the_function_above_it() {
        let text =
            "pub(crate) unsafe extern \"C\" fn one() {\n    two(|fn_pointer| 1);\n}\n\nfn two<T>() {\n}\n";
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        assert_eq!(enclosing_function(&lines, 2), Some("one"));
        assert_eq!(enclosing_function(&lines, 6), Some("two"));
        assert_eq!(enclosing_function(&lines, 0), None);
    }
}
