//! The tables of `docs/architecture.md` that say why no safe program can misuse the crate name every unsafe implementation,
//! every public trait and every public unsafe function of it, and nothing that is not there.
#![cfg(not(any(loom, shuttle, miri)))]

use std::collections::BTreeSet;
use std::path::Path;

const PAGE: &str = include_str!("../../../docs/architecture.md");
const SECTION: &str = "## Why no safe program can misuse the pools";
/// Compiled in tests only, in place of what the others use.
const TESTS_ONLY: [&str; 3] = ["loom.rs", "shuttle.rs", "under_lock_tests.rs"];

/// The code of the crate, without comments, on one line.
fn code(folder: &Path) -> String {
    let mut all = String::new();
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all += &code(&path);
        } else if !TESTS_ONLY.iter().any(|name| path.ends_with(name)) {
            let text = std::fs::read_to_string(&path).unwrap();
            let lines = text.lines().map(str::trim).filter(|line| !line.starts_with("//"));
            all += &lines.collect::<Vec<_>>().join(" ");
            all.push(' ');
        }
    }
    all
}

/// What is behind a list of generic parameters, if there is one.
fn behind_generics(text: &str) -> &str {
    let Some(inside) = text.strip_prefix('<') else { return text };
    let mut depth = 1;
    let end = inside.char_indices().find(|(at, character)| {
        let arrow = *character == '>' && inside[..*at].ends_with('-');
        depth += match character {
            '<' => 1,
            '>' if !arrow => -1,
            _ => 0,
        };
        depth == 0
    });
    &inside[end.expect("generics end").0 + 1..]
}

/// The name that a type or trait begins with.
fn name(text: &str) -> &str {
    let text = text.trim().trim_start_matches('&');
    let end = text.find(|character: char| !character.is_alphanumeric() && character != '_');
    &text[..end.unwrap_or(text.len())]
}

/// What the tables have to name.
fn in_source() -> BTreeSet<String> {
    let code = code(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let mut found = BTreeSet::new();
    for (at, keyword) in code.match_indices("unsafe impl") {
        let header = behind_generics(&code[at + keyword.len()..]).split('{').next().unwrap();
        let (of, subject) = header.split_once(" for ").expect("an implementation of a trait");
        found.insert(format!("{} for {}", name(of), name(subject)));
    }
    for keyword in ["pub trait ", "pub unsafe trait "] {
        for (at, _) in code.match_indices(keyword) {
            found.insert(format!("trait {}", name(&code[at + keyword.len()..])));
        }
    }
    for keyword in ["pub unsafe fn ", "pub const unsafe fn "] {
        for (at, _) in code.match_indices(keyword) {
            found.insert(format!("fn {}", name(&code[at + keyword.len()..])));
        }
    }
    found
}

/// What the first columns of the tables name.
fn in_tables() -> BTreeSet<String> {
    let (_, section) = PAGE.split_once(SECTION).expect("the section is there");
    let rows = section.lines().filter_map(|line| line.strip_prefix("| "));
    let first = rows.map(|row| row.split(" | ").next().unwrap());
    first.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

#[test]
fn tables_of_unsafe_code_name_what_is_in_the_source() {
    let (source, tables) = (in_source(), in_tables());
    let missing: Vec<_> = source.difference(&tables).collect();
    let gone: Vec<_> = tables.difference(&source).collect();
    assert!(source.contains("Sync for GlobalSet") && source.contains("trait RawLock"), "{source:?}");
    assert!(missing.is_empty(), "docs/architecture.md says nothing of {missing:#?}");
    assert!(gone.is_empty(), "docs/architecture.md speaks of what is not there: {gone:#?}");
}
