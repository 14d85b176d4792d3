//! The linked program: where its pools lie, and which functions an alloc and a free reach.
//!
//! A linked program has no relocations: `llvm-objdump` shows where calls and jumps lead. Branches stay in their function.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use object::{Object, ObjectSection, ObjectSymbol, SectionKind, Symbol};

use crate::code::listing::{self, Listed};
use crate::process::sh;
use crate::report::Done;

// Parts of mangled names, in either way to mangle them: a compiler that may use unstable features takes the newer one.

/// Pools that are statics.
const POOLS: [&str; 2] = ["7station8READINGS", "7station5LINES"];
/// The functions that allocate and free a block, which the example keeps out of line.
const HOT: [&str; 2] = ["7station4take", "7station9give_back"];
/// Each check must be able to fail: here is a static with content, and the interrupt's handler, whose queue and timer lie in
/// a `RefCell`, which may panic.
const WITH_CONTENT: &str = "esp_app_desc";
const PANICS: &str = "__esp_hal_internal_tick";

/// Code of the pools and of the example; and of `core`, which is made for types of ours. How much of it is compiled into its
/// caller is the compiler's choice: what is not is walked in turn.
const ALLOWED: [&str; 3] = ["13microusc_pool", "7station", "4core"];
/// And what may not be reached, though it is of `core`, or made for a type of the example's.
const NEVER: [&str; 2] = ["9panicking", "4core3fmt"];

pub(super) fn check(program: &Path) -> Result<Done> {
    let data = sh().read_binary_file(program)?;
    let file = object::File::parse(&*data)?;
    for pool in POOLS {
        let section = content(&file, pool)?;
        ensure!(
            section.is_none(),
            "`{pool}` is in {}, which is stored in flash",
            section.unwrap_or_default()
        );
    }
    ensure!(content(&file, WITH_CONTENT)?.is_some(), "a static with content does not fail the check");

    let functions = listing::list(program)?;
    let mut reached = BTreeMap::new();
    for name in HOT {
        let walk = walk(&functions, name)?;
        ensure!(walk.wrong.is_empty(), "{}", walk.wrong.join("; "));
        reached.extend(walk.reached);
    }
    ensure!(!walk(&functions, PANICS)?.wrong.is_empty(), "a function that may panic does not fail the check");
    for (name, instructions) in &reached {
        println!("{instructions:>6} instructions  {name}");
    }
    Ok(Done::Passed(format!("{} pools in .bss, hot paths of {} functions", POOLS.len(), reached.len())))
}

/// The one symbol with this in its name.
fn symbol<'f, 'd>(file: &'f object::File<'d>, part: &str) -> Result<Symbol<'d, 'f>> {
    let mut named = file.symbols().filter(|symbol| symbol.name().is_ok_and(|name| name.contains(part)));
    match (named.next(), named.next()) {
        (Some(symbol), None) => Ok(symbol),
        (None, _) => bail!("the program has no `{part}`"),
        (Some(_), Some(_)) => bail!("the program has more than one `{part}`"),
    }
}

/// The section of a static, if its content is stored.
fn content(file: &object::File<'_>, part: &str) -> Result<Option<String>> {
    let index = symbol(file, part)?.section_index().context("a static without a section")?;
    let section = file.section_by_index(index)?;
    let is_stored = section.kind() != SectionKind::UninitializedData;
    Ok(if is_stored { Some(section.name()?.to_owned()) } else { None })
}

/// What was found on a walk.
#[derive(Default)]
struct Walk<'d> {
    /// Functions, with the number of their instructions.
    reached: BTreeMap<&'d str, usize>,
    wrong: Vec<String>,
}

/// Walks everything that the function with this in its name calls or jumps to.
fn walk<'d>(functions: &'d [Listed], part: &str) -> Result<Walk<'d>> {
    let mut named = functions.iter().filter(|function| function.name.contains(part));
    let (Some(start), None) = (named.next(), named.next()) else {
        bail!("`{part}` is not one function of the program");
    };
    let by_name: BTreeMap<&str, &Listed> =
        functions.iter().map(|function| (function.name.as_str(), function)).collect();
    let mut walk = Walk::default();
    let mut pending = BTreeSet::from([start.name.as_str()]);
    while let Some(name) = pending.pop_last() {
        let Some(function) = by_name.get(name) else {
            walk.wrong.push(format!("`{part}` reaches `{name}`, which is not listed"));
            continue;
        };
        let is_allowed = ALLOWED.iter().any(|allowed| name.contains(allowed));
        if NEVER.iter().any(|never| name.contains(never)) || !is_allowed {
            walk.wrong.push(format!("`{part}` reaches `{name}`"));
            continue;
        }
        if walk.reached.insert(&function.name, function.code.len()).is_some() {
            continue;
        }
        for code in &function.code {
            let is_jump = ["j", "jal", "jr", "jalr"].contains(&code.name.trim_start_matches("c."));
            match &code.target {
                _ if !is_jump => {}
                Some((target, _)) if target == name => {}
                Some((target, 0)) => drop(pending.insert(target)),
                Some((target, _)) => {
                    walk.wrong
                        .push(format!("`{part}` reaches the inside of `{target}`, where no function begins"));
                }
                None => walk.wrong.push(format!("`{name}` goes where a register says")),
            }
        }
    }
    Ok(walk)
}

#[cfg(test)]
mod tests {
    use super::walk;
    use crate::code::listing::{Instruction, Listed};

    const FREE: &str = "_ZN13microusc_pool4pool4free17h0E";

    /// A function that calls another one, goes where a register says for "", or only returns.
    fn function(name: &str, callee: Option<&str>) -> Listed {
        let code = callee.map(|callee| Instruction {
            at: 0,
            name: "jalr".into(),
            operands: "0x288(ra)".into(),
            target: (!callee.is_empty())
                .then(|| (callee.trim_end_matches('+').to_owned(), callee.ends_with('+').into())),
        });
        Listed { name: name.to_owned(), code: code.into_iter().collect(), ..Listed::default() }
    }

    /// What is wrong with `station::take`, which calls the first of these, which calls the next.
    fn wrong(names: &[&str]) -> Vec<String> {
        let all: Vec<&str> = ["_ZN7station4take17h0E"].iter().chain(names).copied().collect();
        let functions = all.iter().enumerate().map(|(at, name)| function(name, all.get(at + 1).copied()));
        walk(&functions.collect::<Vec<_>>(), "7station4take").unwrap().wrong
    }

    /// An identifier that begins with `_` has one more in front of it in the newer way to mangle names.
    #[test]
    fn the_handler_is_found_by_either_name() {
        for name in
            ["_ZN7station23__esp_hal_internal_tick17h0E", "_RNvCs0_7station23___esp_hal_internal_tick"]
        {
            assert!(walk(&[function(name, None)], super::PANICS).is_ok(), "{name}");
        }
    }

    /// Which function of `core` is compiled into its caller differs from compiler to compiler.
    #[test]
    fn a_function_of_core_that_was_not_inlined_is_walked() {
        let drop =
            "_ZN4core3ptr181drop_in_place$LT$microusc_pool..handle..PoolBox$LT$station..Reading$GT$$GT$17h0E";
        assert_eq!(wrong(&[drop, FREE]), Vec::<String>::new());
        assert_eq!(wrong(&[FREE, drop]), Vec::<String>::new());
        let panics = wrong(&[drop, "_ZN4core9panicking5panic17h0E"]);
        assert!(panics.len() == 1 && panics[0].contains("9panicking"), "{panics:?}");
    }

    #[test]
    fn functions_that_are_neither_ours_nor_of_core_are_found() {
        for name in ["memcpy", "__udivsi3", "_ZN4core3fmt5write17h0E", "_ZN7esp_hal4time3now17h0E"] {
            assert_eq!(wrong(&[FREE, name]), [format!("`7station4take` reaches `{name}`")]);
        }
    }

    #[test]
    fn a_jump_through_a_register_or_into_a_function_is_found() {
        let take = "_ZN7station4take17h0E";
        for (callee, expected) in
            [("", "where a register says"), ("_ZN4core3abc17h0E+", "no function begins")]
        {
            let walk = walk(&[function(take, Some(callee))], "7station4take").unwrap().wrong;
            assert!(walk.len() == 1 && walk[0].contains(expected), "{walk:?}");
        }
    }
}
