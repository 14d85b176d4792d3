//! `cargo xtask header`: the C headers against the Rust code and the archive.
//!
//! * Each header compiles alone, in every standard, with every warning.
//! * On 32 bits, as on the chips, the struct of a pool has the documented size.
//! * The prototypes that cbindgen finds in the Rust code and those of the headers are compiled as one file: two that
//!   differ are an error. A planted wrong prototype shows that they are.
//! * Rust code, headers and archive have the same functions, but for those of other ports.
//!
//! Sizes, offsets and numbers are compared by the Rust test `abi` of `crates/capi`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::process::{cmd, root, sh};
use anyhow::{Context, Result, ensure};
use cbindgen::{Builder, Config, ItemType, Language, Style};

use crate::archive::{self, INCLUDE, Profile};
use crate::compile::Compiler;
use crate::report::{Done, Report};
use crate::tools;

/// Functions of ours begin like this, in C and in the archive.
const PREFIXES: [&str; 2] = ["memory_pool_", "microusc_"];
/// Functions that one port has begin like this.
const PORTS: [&str; 3] = ["microusc_bare_", "microusc_freertos_", "microusc_host_"];
/// Functions whose documented names begin otherwise.
const OTHER_NAMES: [&str; 5] = [
    "show_memory_usage",
    "init_system_memory_space",
    "init_MicroUSC_system",
    "init_driver_list_memory_pool",
    "setUSCtaskSize",
];

/// Type aliases that Rust has and C writes out.
const ALIASES: &str = "typedef void (*memory_pool_report_callback_t)(const memory_pool_report_t *);\n\
    typedef void (*memory_pool_trace_callback_t)(const memory_pool_event_t *);\n\
    typedef void (*memory_pool_site_callback_t)(const memory_pool_site_t *, void *);\n\
    typedef microusc_driver_t Driver;\n\
    typedef void (*Entry)(Driver *);\n";

/// What the Rust code calls of C: beside the C files that are compiled with programs, and compared with the Rust code like
/// headers of ours.
const CALLED: [&str; 2] =
    ["crates/port/src/freertos/microusc_port_freertos.h", "crates/port/src/esp_idf/port_esp_idf.h"];

/// The comparisons, for a report of several commands.
pub(crate) fn steps(report: &mut Report) {
    report.step("headers compile alone", compile_alone);
    report.step("headers on 32 bits", on_32_bits);
    report.step("headers against Rust", compare);
}

fn is_cxx(header: &str) -> bool {
    header.ends_with(".hpp")
}

fn compile_alone() -> Result<Done> {
    const WARNINGS: &[&str] =
        &["-Wall", "-Wextra", "-Werror", "-pedantic", "-Wconversion", "-Wshadow", "-Wundef"];
    tools::need(&["gcc", "g++"])?;
    let dir = archive::work_dir("header")?;
    let mut compiled = 0;
    for header in archive::headers()? {
        for standard in ["c99", "c11", "c17", "c++11", "c++17", "c++20"] {
            let in_cxx = standard.starts_with("c++");
            // The C++ header needs C++17; a C header serves both languages.
            if is_cxx(&header) && !matches!(standard, "c++17" | "c++20") {
                continue;
            }
            let source = dir.join(if in_cxx { "alone.cpp" } else { "alone.c" });
            sh().write_file(&source, format!("#include \"{header}\"\n#include \"{header}\"\nint alone;\n"))?;
            Compiler::new(if in_cxx { "g++" } else { "gcc" }, WARNINGS)
                .with([format!("-std={standard}")])
                .include(&archive::include_dir())
                .check(&source)
                .with_context(|| format!("{header} as {standard}"))?;
            compiled += 1;
        }
    }
    Ok(Done::Passed(format!("{compiled} compilations")))
}

/// The sizes of the chips, by the compiler of this machine with -m32.
fn on_32_bits() -> Result<Done> {
    if std::env::consts::ARCH != "x86_64" {
        return Ok(Done::Skipped("needs a compiler with -m32".to_owned()));
    }
    tools::need(&["gcc"])?;
    let flags =
        ["-m32", "-fshort-enums", "-ffreestanding", "-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic"];
    Compiler::new("gcc", &flags)
        .include(&archive::include_dir())
        .check(Path::new("xtask/samples/sizes_32_bits.c"))?;
    Done::passed()
}

fn compare() -> Result<Done> {
    tools::need(&["gcc", "readelf"])?;
    let dir = archive::work_dir("header")?;
    let (prototypes, in_rust) = prototypes()?;
    let source = write_source(&dir, &prototypes)?;
    let gcc = Compiler::new("gcc", &["-std=c11"]).include(&archive::include_dir());
    gcc.check(&source).context("header and Rust code declare a function differently")?;

    let planted = write_source(&dir, &format!("{prototypes}\nchar memory_pool_owns(int);\n"))?;
    ensure!(gcc.check(&planted).is_err(), "a planted wrong prototype was not found");

    let in_headers = declared(&[INCLUDE, CALLED[0], CALLED[1]])?;
    same("the Rust code", &in_rust, "the headers", &in_headers)?;
    let count = against_archive(&archive::build(Profile::Release)?, "microusc_host_")?;
    Ok(Done::Passed(format!("{count} functions alike in Rust, headers and archive")))
}

/// Whether an archive has the functions that the headers declare, those of other ports left out; their number.
pub(crate) fn against_archive(archive: &Path, port: &str) -> Result<usize> {
    let elsewhere = |name: &String| PORTS.iter().any(|other| *other != port && name.starts_with(other));
    let in_headers: BTreeSet<_> = declared(&[INCLUDE])?.into_iter().filter(|name| !elsewhere(name)).collect();
    same("the archive", &exported(archive)?, "the headers", &in_headers)?;
    Ok(in_headers.len())
}

/// All headers of C, then the prototypes of the Rust code.
fn write_source(dir: &Path, prototypes: &str) -> Result<PathBuf> {
    let mut text = String::new();
    for header in archive::headers()?.iter().filter(|header| !is_cxx(header)) {
        text.push_str(&format!("#include \"{header}\"\n"));
    }
    for header in CALLED {
        let path = root().join(header);
        text.push_str(&format!("#include \"{}\"\n", path.display()));
    }
    let path = dir.join("compare.c");
    sh().write_file(&path, format!("{text}{ALIASES}{prototypes}"))?;
    Ok(path)
}

/// The prototypes of the Rust functions as cbindgen writes them, and their names.
fn prototypes() -> Result<(String, BTreeSet<String>)> {
    let mut config =
        Config { language: Language::C, style: Style::Type, no_includes: true, ..Config::default() };
    config.export.item_types = vec![ItemType::Functions];
    let mut text = Vec::new();
    for package in ["crates/capi", "crates/port"] {
        let bindings = Builder::new()
            .with_config(config.clone())
            .with_crate(root().join(package))
            .generate()
            .with_context(|| format!("cbindgen cannot read {package}"))?;
        bindings.write(&mut text);
    }
    let text = String::from_utf8(text)?;
    let names = text.split(['(', ' ', '*', '\n']).filter(|word| is_ours(word)).map(str::to_owned).collect();
    Ok((text, names))
}

fn is_ours(name: &str) -> bool {
    let ours = PREFIXES.iter().any(|prefix| name.starts_with(prefix)) || OTHER_NAMES.contains(&name);
    ours && !name.ends_with("_t")
}

/// The functions that the headers in these folders declare, as the compiler sees them.
fn declared(folders: &[&str]) -> Result<BTreeSet<String>> {
    let dir = archive::work_dir("header")?;
    let gcc = Compiler::new("gcc", &["-std=c11"]).include(&archive::include_dir());
    let source = write_source(&dir, "")?;
    let list = dir.join("declared.txt");
    gcc.with(["-aux-info".to_owned(), list.display().to_string()]).check(&source)?;
    let text = sh().read_file(&list)?;
    // What is inline is no function of the archive.
    let ours = text
        .lines()
        .filter(|line| !line.contains(" static ") && folders.iter().any(|folder| line.contains(folder)));
    ours.map(|line| {
        // `/* FILE:LINE:NC */ extern bool memory_pool_init (memory_pool_t *, …);`
        let declaration = line.split_once("*/").map_or(line, |(_, declaration)| declaration);
        let name = declaration.split([' ', '*', '(']).find(|word| is_ours(word));
        name.map(str::to_owned).with_context(|| format!("no function name of ours in `{line}`"))
    })
    .collect()
}

/// Global names that an archive defines, and those that it needs.
pub(crate) struct Names {
    pub(crate) defined: BTreeSet<String>,
    pub(crate) needed: BTreeSet<String>,
    functions: BTreeSet<String>,
}

/// By `readelf`, because `nm` lets a plugin of an installed LLVM look at the bitcode first, and shows nothing when that is
/// older than the Rust compiler's.
pub(crate) fn names(archive: &Path) -> Result<Names> {
    let symbols = cmd!("readelf --wide --symbols {archive}").ignore_stderr().quiet().read()?;
    let mut names = Names { defined: BTreeSet::new(), needed: BTreeSet::new(), functions: BTreeSet::new() };
    for line in symbols.lines() {
        // `84: 0000 235 FUNC GLOBAL DEFAULT 15 memory_pool_free`
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, _, _, kind, binding @ ("GLOBAL" | "WEAK"), _, section, name] = words[..] else { continue };
        let is_defined = section != "UND";
        if is_defined && kind == "FUNC" && binding == "GLOBAL" {
            names.functions.insert(name.to_owned());
        }
        if is_defined { &mut names.defined } else { &mut names.needed }.insert(name.to_owned());
    }
    ensure!(!names.defined.is_empty(), "{} has no names at all", archive.display());
    Ok(names)
}

/// The functions of ours that the archive has.
pub(crate) fn exported(archive: &Path) -> Result<BTreeSet<String>> {
    Ok(names(archive)?.functions.into_iter().filter(|name| is_ours(name)).collect())
}

fn same(left: &str, in_left: &BTreeSet<String>, right: &str, in_right: &BTreeSet<String>) -> Result<()> {
    let list = |names: Vec<&String>| names.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let (only_left, only_right) =
        (list(in_left.difference(in_right).collect()), list(in_right.difference(in_left).collect()));
    ensure!(only_left.is_empty(), "in {left}, and not in {right}: {only_left}");
    ensure!(only_right.is_empty(), "in {right}, and not in {left}: {only_right}");
    ensure!(!in_left.is_empty(), "no function found at all");
    Ok(())
}
