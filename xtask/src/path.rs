//! `cargo xtask path`: through how many source files a reader follows three operations, and the lines of `xtask` itself.
//!
//! The operations run under Valgrind's callgrind, in a build without optimisation and without debug assertions, so that no
//! function is merged into another one. A file of this repository counts if a line inside one of its functions was executed.
//! Code that `#[derive]` generates has the lines of a type, which are outside of functions: a reader does not follow it, and
//! it does not count. That also leaves out the arguments of the other subcommands of `poolscope`. The standard library and
//! dependencies are passed through and not counted, nor is the program that calls the function. The order is that of the
//! calls in the source: depth first, from the function that is measured.
//!
//! The free is two calls, and the files of both are counted together: a free that serves a waiting task while call sites
//! are recorded, and a free that is refused and reported. The replay is measured by the files of `crates/poolscope`; those
//! of the crates below it are listed and summed apart.

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
    /// The crate whose files count; every crate if there is none.
    only: Option<&'static str>,
    most: usize,
}

enum Program {
    /// A file in `xtask/path`, whose function `measured` is measured, and the functions that it calls, if it makes several
    /// calls.
    C(&'static str, &'static [&'static str]),
    /// `poolscope` with these arguments, from `main` on.
    Tool(&'static [&'static str]),
}

const OPERATIONS: [Operation; 3] = [
    Operation { name: "a usual memory_pool_alloc", program: Program::C("alloc.c", &[]), only: None, most: 7 },
    Operation {
        name: "a recorded free that serves a waiting task, and a free that is reported",
        program: Program::C("free.c", &["serves_a_waiting_task", "is_refused_and_reported"]),
        only: None,
        most: 12,
    },
    Operation {
        name: "poolscope replay",
        program: Program::Tool(&["replay", "traces/lua.pooltrace", "--chip", "esp32"]),
        only: Some("poolscope"),
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
    for Operation { name, program, only, most } in OPERATIONS {
        let (start, parts) = match program {
            Program::C(_, parts) => ("measured", parts),
            Program::Tool(_) => ("poolscope::main", [].as_slice()),
        };
        // Each part runs alone: callgrind has one list of calls for a function that both parts call.
        let steps = |start| measure(&program, start).with_context(|| name.to_owned());
        let counts = |file: &str| only.is_none_or(|only| crate_of(file) == only);
        let (own, others): (Vec<_>, Vec<_>) = steps(start)?.into_iter().partition(|step| counts(&step.0));
        print(name, &own);
        for part in parts {
            println!("  of these, {part}: {} files", steps(part)?.len());
        }
        if !others.is_empty() {
            print(&format!("{name}, other crates"), &others);
        }
        println!();
        let whose = only.map(|only| format!(" of crates/{only}")).unwrap_or_default();
        row(&format!("files{whose}: {name}"), own.len(), most);
    }
    row("lines of xtask/src", own_lines()?, OWN_LINES);
    println!("{table}");
    Ok(())
}

/// The name of the crate's folder that has a file.
fn crate_of(file: &str) -> &str {
    file.split('/').nth(1).unwrap_or("")
}

fn print(name: &str, steps: &[Step]) {
    println!("{name}: {} files, {}", steps.len(), by_crate(steps));
    for (number, (file, functions)) in steps.iter().enumerate() {
        println!("{:>4}  {file:<44} {}", number + 1, functions.join(", "));
    }
}

/// How many of the files each crate has.
fn by_crate(steps: &[Step]) -> String {
    let mut counts = BTreeMap::<&str, usize>::new();
    steps.iter().for_each(|(file, _)| *counts.entry(crate_of(file)).or_default() += 1);
    counts.iter().map(|(name, count)| format!("{count} in {name}")).collect::<Vec<_>>().join(", ")
}

/// The files that a function of a program reaches, in the order in which they are entered, each with its functions that run.
fn measure(program: &Program, start: &str) -> Result<Vec<Step>> {
    let dir = work_dir("path")?;
    let log = dir.join("callgrind.out");
    let wrapper = [
        "valgrind".to_owned(),
        "--quiet".to_owned(),
        "--tool=callgrind".to_owned(),
        "--compress-strings=no".to_owned(),
        "--compress-pos=no".to_owned(),
        format!("--callgrind-out-file={}", log.display()),
        format!("--toggle-collect={start}"),
    ];
    let wrapper: Vec<&str> = wrapper.iter().map(String::as_str).collect();
    match program {
        Program::C(file, _) => {
            let program = dir.join(file).with_extension("");
            Compiler::new("gcc", &["-g", "-O1"]).include(&include_dir()).link(
                &Path::new("xtask/path").join(file),
                &built("microusc-memory", "libmicrousc_memory.a")?,
                &program,
            )?;
            execute(&wrapper, &program, &[])?;
        }
        Program::Tool(arguments) => {
            execute(&wrapper, &built("poolscope", "poolscope")?, arguments)?;
        }
    }
    Ok(Profile::parse(&sh().read_file(&log)?)?.walk(start, BTreeMap::new()))
}

/// Builds a package as the module's text says; the file that was built.
fn built(package: &str, file: &str) -> Result<PathBuf> {
    let dir = target_dir().join("path");
    cmd!("cargo build --quiet --package {package} --target-dir {dir} --config profile.dev.debug-assertions=false --config profile.dev.overflow-checks=false --config profile.dev.debug=1")
        .run()?;
    Ok(dir.join("debug").join(file))
}

/// A file, and its functions that run.
type Step = (String, Vec<String>);

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

    /// The files of crates that `start` reaches, in order. Sources that are not given are read.
    fn walk<'p>(&'p self, start: &str, sources: BTreeMap<&'p str, Vec<String>>) -> Vec<Step> {
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
    steps: Vec<Step>,
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
        // Derived code has the lines of its type, and helpers of the compiler have line 0.
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

/// The name of the innermost function or macro that a line is in; the text is formatted by rustfmt.
fn enclosing_function(lines: &[String], line: usize) -> Option<&str> {
    let above = lines.get(..line)?;
    let indent = |line: &str| line.len() - line.trim_start().len();
    above.iter().enumerate().rev().find_map(|(at, first)| {
        let name = declared_function(first)?;
        let ends = |line: &String| line.trim_start().starts_with('}') && indent(line) <= indent(first);
        // The last line is the one asked for: it may be the end of the function.
        let before = &above[at..line - 1];
        let is_one_line = |first: &String| first.ends_with(['}', ';']);
        let is_over = before.first().is_some_and(is_one_line) || before.iter().any(ends);
        (!is_over).then_some(name)
    })
}

/// The name of the function or macro that begins in a line.
fn declared_function(line: &str) -> Option<&str> {
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
        let source = |name: &str| [vec![format!("fn {name}() {{")], vec!["    1;".to_owned(); 8]].concat();
        let sources = [(lib.as_str(), source("first")), (&other, source("inlined"))].into();
        let steps = profile.walk("measured", sources);
        assert_eq!(by_crate(&steps), "1 in a, 1 in b");
        let step = |file: &str, function: &str| (file.to_owned(), vec![function.to_owned()]);
        assert_eq!(steps, [step("crates/a/lib.rs", "first"), step("crates/b/other.rs", "inlined")]);
    }

    #[test]
    fn a_line_belongs_to_the_function_that_it_is_in() {
        let text = "\
pub(crate) unsafe extern \"C\" fn one() {
    fn inner() {
    }
    two(|fn_pointer| 1);
}

#[derive(Clone)]
struct S {
    field: u32,
}
fn short() -> u32 { 1 }
#[derive(Clone)]
impl S {
    fn two<T>(
    ) {
    }
    #[derive(Clone)]
}
";
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let functions: Vec<_> = (0..=lines.len()).map(|line| enclosing_function(&lines, line)).collect();
        let named = |name, count| vec![Some(name); count];
        let none = |count| vec![None; count];
        let expected = [
            none(1),
            named("one", 1),
            named("inner", 2),
            named("one", 2),
            none(5),
            named("short", 1),
            none(2),
            named("two", 3),
            none(2),
        ];
        assert_eq!(functions, expected.concat());
        assert_eq!(enclosing_function(&lines, 99), None);
    }
}
