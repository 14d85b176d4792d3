//! `cargo xtask header`: the C headers against the Rust code and the archive.
//!
//! * Each header compiles alone, in every standard, with every warning.
//! * On 32 bits, as on the chips, the struct of a pool has the documented size.
//! * The prototypes that cbindgen finds in the Rust code and those of the headers are compiled as one file: two that
//!   differ are an error. A prototype planted wrong shows that they are.
//! * Rust code, headers and archive have the same functions, but for those of other ports.
//!
//! Sizes, offsets and numbers are compared by the Rust test `abi` of `crates/capi`.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use cbindgen::{Builder, Config, ItemType, Language, Style};
use xshell::{Shell, cmd};

use crate::archive::{self, Profile};
use crate::compile::Compiler;
use crate::report::{Done, Report};
use crate::tools::{self, GCC, GXX, READELF, Tool};

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

/// Where the headers are.
const INCLUDE: &str = "crates/capi/include";

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

/// Runs every comparison.
pub(crate) fn run(sh: &Shell, _arguments: Vec<OsString>) -> Result<()> {
    let mut report = Report::default();
    steps(sh, &mut report);
    report.finish()
}

/// The comparisons, for a report of several commands.
pub(crate) fn steps(sh: &Shell, report: &mut Report) {
    report.step("headers compile alone", || compile_alone(sh));
    report.step("headers on 32 bits", || on_32_bits(sh));
    report.step("headers against Rust", || compare(sh));
}

/// Every header of ours, by the name it is included with.
fn headers(sh: &Shell) -> Result<Vec<String>> {
    let root = archive::include_dir(&sh.current_dir());
    let mut names = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for path in sh.read_dir(&folder)? {
            if path.is_dir() {
                folders.push(path);
            } else {
                names.push(path.strip_prefix(&root)?.display().to_string());
            }
        }
    }
    names.sort();
    Ok(names)
}

fn is_cxx(header: &str) -> bool {
    header.ends_with(".hpp")
}

fn skip_without(sh: &Shell, tools: &[Tool]) -> Result<Option<Done>> {
    for tool in tools {
        if let Some(why) = tools::missing(sh, *tool)? {
            return Ok(Some(Done::Skipped(why)));
        }
    }
    Ok(None)
}

fn compile_alone(sh: &Shell) -> Result<Done> {
    const WARNINGS: &[&str] =
        &["-Wall", "-Wextra", "-Werror", "-pedantic", "-Wconversion", "-Wshadow", "-Wundef"];
    if let Some(skipped) = skip_without(sh, &[GCC, GXX])? {
        return Ok(skipped);
    }
    let dir = archive::work_dir(sh, "header")?;
    let mut compiled = 0;
    for header in headers(sh)? {
        for standard in ["c99", "c11", "c17", "c++11", "c++17", "c++20"] {
            let in_cxx = standard.starts_with("c++");
            // The C++ header needs C++17; a C header serves both languages.
            if is_cxx(&header) && !matches!(standard, "c++17" | "c++20") {
                continue;
            }
            let source = dir.join(if in_cxx { "alone.cpp" } else { "alone.c" });
            sh.write_file(&source, format!("#include \"{header}\"\n#include \"{header}\"\nint alone;\n"))?;
            Compiler::new(if in_cxx { "g++" } else { "gcc" }, WARNINGS)
                .with([format!("-std={standard}")])
                .include(&archive::include_dir(&sh.current_dir()))
                .check(&source)
                .with_context(|| format!("{header} as {standard}"))?;
            compiled += 1;
        }
    }
    Ok(Done::Passed(format!("{compiled} compilations")))
}

/// The chips' sizes, by the compiler of this machine told to think in 32 bits.
fn on_32_bits(sh: &Shell) -> Result<Done> {
    const SIZES: &str = "#include \"MicroUSC/system/memory_pool.h\"\n\
        #include \"MicroUSC/internal/driverList.h\"\n\
        #include \"MicroUSC/system/memory_pool_trace.h\"\n\
        _Static_assert(sizeof(memory_placement_t) == 4, \"with any size of enumerations\");\n\
        _Static_assert(sizeof(memory_pool_wait_order_t) == 4, \"as well\");\n\
        _Static_assert(sizeof(microusc_driver_state_t) == 4, \"as well\");\n\
        _Static_assert(sizeof(memory_pool_checks_t) == 4, \"as well\");\n\
        _Static_assert(sizeof(memory_pool_trace_op_t) == 4, \"as well\");\n\
        _Static_assert(sizeof(void *) == 4, \"32 bits\");\n\
        _Static_assert(sizeof(memory_block_t) == 4, \"a link\");\n\
        _Static_assert(sizeof(memory_pool_t) == 24, \"five documented words and one\");\n\
        MEMORY_POOL_STATIC_BUFFER(buffer, 30, 10);\n";
    if std::env::consts::ARCH != "x86_64" {
        return Ok(Done::Skipped("needs a compiler that knows -m32".to_owned()));
    }
    if let Some(skipped) = skip_without(sh, &[GCC])? {
        return Ok(skipped);
    }
    let source = archive::work_dir(sh, "header")?.join("sizes.c");
    sh.write_file(&source, SIZES)?;
    let flags =
        ["-m32", "-fshort-enums", "-ffreestanding", "-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic"];
    Compiler::new("gcc", &flags).include(&archive::include_dir(&sh.current_dir())).check(&source)?;
    Done::passed()
}

fn compare(sh: &Shell) -> Result<Done> {
    if let Some(skipped) = skip_without(sh, &[GCC, READELF])? {
        return Ok(skipped);
    }
    let dir = archive::work_dir(sh, "header")?;
    let (prototypes, in_rust) = prototypes(sh)?;
    let source = write_source(sh, &dir, &prototypes)?;
    let gcc = Compiler::new("gcc", &["-std=c11"]).include(&archive::include_dir(&sh.current_dir()));
    gcc.check(&source).context("header and Rust code declare a function differently")?;

    let planted = write_source(sh, &dir, &format!("{prototypes}\nchar memory_pool_owns(int);\n"))?;
    ensure!(gcc.check(&planted).is_err(), "a prototype that was planted wrong was not noticed");

    let in_headers = declared(sh, &[INCLUDE, CALLED[0], CALLED[1]])?;
    same("the Rust code", &in_rust, "the headers", &in_headers)?;
    let count = against_archive(sh, &archive::build(sh, Profile::Release)?, "microusc_host_")?;
    Ok(Done::Passed(format!("{count} functions alike in Rust, headers and archive")))
}

/// Whether an archive has the functions that the headers declare, those of other ports left out; their number.
pub(crate) fn against_archive(sh: &Shell, archive: &Path, port: &str) -> Result<usize> {
    let elsewhere = |name: &String| PORTS.iter().any(|other| *other != port && name.starts_with(other));
    let in_headers: BTreeSet<_> =
        declared(sh, &[INCLUDE])?.into_iter().filter(|name| !elsewhere(name)).collect();
    same("the archive", &exported(sh, archive)?, "the headers", &in_headers)?;
    Ok(in_headers.len())
}

/// All headers of C, then the prototypes of the Rust code.
fn write_source(sh: &Shell, dir: &Path, prototypes: &str) -> Result<PathBuf> {
    let mut text = String::new();
    for header in headers(sh)?.iter().filter(|header| !is_cxx(header)) {
        text.push_str(&format!("#include \"{header}\"\n"));
    }
    for header in CALLED {
        let path = sh.current_dir().join(header);
        text.push_str(&format!("#include \"{}\"\n", path.display()));
    }
    let path = dir.join("compare.c");
    sh.write_file(&path, format!("{text}{ALIASES}{prototypes}"))?;
    Ok(path)
}

/// The prototypes of the Rust functions as cbindgen writes them, and their names.
fn prototypes(sh: &Shell) -> Result<(String, BTreeSet<String>)> {
    let mut config =
        Config { language: Language::C, style: Style::Type, no_includes: true, ..Config::default() };
    config.export.item_types = vec![ItemType::Functions];
    let mut text = Vec::new();
    for package in ["crates/capi", "crates/port"] {
        let bindings = Builder::new()
            .with_config(config.clone())
            .with_crate(sh.current_dir().join(package))
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
fn declared(sh: &Shell, folders: &[&str]) -> Result<BTreeSet<String>> {
    let dir = archive::work_dir(sh, "header")?;
    let gcc = Compiler::new("gcc", &["-std=c11"]).include(&archive::include_dir(&sh.current_dir()));
    let source = write_source(sh, &dir, "")?;
    let list = dir.join("declared.txt");
    gcc.with(["-aux-info".to_owned(), list.display().to_string()]).check(&source)?;
    let text = sh.read_file(&list)?;
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

/// The functions of ours that the archive has. By `readelf`, because `nm` lets a plugin of an installed LLVM look at
/// the bitcode first, and shows nothing when that is older than the Rust compiler's.
pub(crate) fn exported(sh: &Shell, archive: &Path) -> Result<BTreeSet<String>> {
    let symbols = cmd!(sh, "readelf --wide --symbols {archive}").ignore_stderr().quiet().read()?;
    let functions = symbols.lines().filter_map(|line| {
        // `84: 0000 235 FUNC GLOBAL DEFAULT 15 memory_pool_free`
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, _, _, "FUNC", "GLOBAL", _, section, name] = words[..] else { return None };
        (section != "UND").then_some(name)
    });
    Ok(functions.filter(|name| is_ours(name)).map(str::to_owned).collect())
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
