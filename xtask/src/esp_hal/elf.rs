//! The linked program: where its pools lie, and what taking and returning a block reach.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use object::{Object, ObjectSection, ObjectSymbol, SectionKind, Symbol, SymbolKind};
use xshell::Shell;

use super::calls::{Goes, Reader};
use crate::report::Done;

// Parts of mangled names, in either way to mangle them: a compiler that may use unstable features takes the newer one.

/// Pools that are statics.
const POOLS: [&str; 2] = ["7station8READINGS", "7station5LINES"];
/// What takes a block and what returns one, which the example keeps out of line.
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

pub(super) fn check(sh: &Shell, program: &Path) -> Result<Done> {
    let data = sh.read_binary_file(program)?;
    let file = object::File::parse(&*data)?;
    for pool in POOLS {
        let section = content(&file, pool)?;
        ensure!(
            section.is_none(),
            "`{pool}` is in {}, which is stored in flash",
            section.unwrap_or_default()
        );
    }
    ensure!(content(&file, WITH_CONTENT)?.is_some(), "a static with content is not told from one without");

    let functions = Functions::new(&file);
    let mut reached = BTreeMap::new();
    for name in HOT {
        let walk = functions.walk(name)?;
        ensure!(walk.wrong.is_empty(), "{}", walk.wrong.join("; "));
        reached.extend(walk.reached);
    }
    ensure!(!functions.walk(PANICS)?.wrong.is_empty(), "a function that may panic is not told from others");
    for (name, bytes) in &reached {
        println!("{bytes:>6} B  {name}");
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

/// Every function of a program, by where it begins.
struct Functions<'d> {
    at: BTreeMap<u32, Function<'d>>,
}

struct Function<'d> {
    name: &'d str,
    code: &'d [u8],
}

/// What was found on a walk.
#[derive(Default)]
struct Walk<'d> {
    /// Functions, with their bytes.
    reached: BTreeMap<&'d str, usize>,
    wrong: Vec<String>,
}

impl<'d> Functions<'d> {
    fn new(file: &object::File<'d>) -> Self {
        let text = file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() > 0);
        let at = text.filter_map(|symbol| {
            let section = file.section_by_index(symbol.section_index()?).ok()?;
            let code = section.data_range(symbol.address(), symbol.size()).ok()??;
            Some((symbol.address() as u32, Function { name: symbol.name().ok()?, code }))
        });
        Self { at: at.collect() }
    }

    /// Walks everything that the function with this in its name calls or jumps to.
    fn walk(&self, part: &str) -> Result<Walk<'d>> {
        let mut named = self.at.iter().filter(|(_, function)| function.name.contains(part));
        let (Some((&start, _)), None) = (named.next(), named.next()) else {
            bail!("`{part}` is not one function of the program");
        };
        let mut walk = Walk::default();
        let mut pending = vec![start];
        while let Some(start) = pending.pop() {
            let Some(function) = self.at.get(&start) else {
                walk.wrong.push(format!("`{part}` reaches {start:#x}, where no function begins"));
                continue;
            };
            let name = function.name;
            if NEVER.iter().any(|never| name.contains(never))
                || !ALLOWED.iter().any(|allowed| name.contains(allowed))
            {
                walk.wrong.push(format!("`{part}` reaches `{name}`"));
                continue;
            }
            if walk.reached.insert(name, function.code.len()).is_some() {
                continue;
            }
            let inside = start..start + function.code.len() as u32;
            for goes in Reader::new(function.code, start) {
                match goes {
                    Goes::On => {}
                    Goes::To(there) if inside.contains(&there) => {}
                    Goes::To(there) => pending.push(there),
                    Goes::Anywhere => walk.wrong.push(format!("`{name}` goes where a register says")),
                }
            }
        }
        Ok(walk)
    }
}

#[cfg(test)]
mod tests {
    use super::{Function, Functions};

    /// Calls what lies 0x100 further on, and returns.
    const CALLS: &[u8] = &[0xef, 0x00, 0x00, 0x10, 0x82, 0x80];
    const RETURNS: &[u8] = &[0x82, 0x80];
    const FREE: &str = "_ZN13microusc_pool4pool4free17h0E";

    /// An identifier that begins with `_` has one more in front of it in the newer way.
    #[test]
    fn the_handler_is_found_by_either_name() {
        for name in
            ["_ZN7station23__esp_hal_internal_tick17h0E", "_RNvCs0_7station23___esp_hal_internal_tick"]
        {
            let at = [(0x1000, Function { name, code: RETURNS })].into();
            assert!(Functions { at }.walk(super::PANICS).is_ok(), "{name}");
        }
    }

    /// What is wrong with `station::take`, which calls the first of these, which calls the next.
    fn wrong(names: &[&str]) -> Vec<String> {
        let all: Vec<&str> = ["_ZN7station4take17h0E"].iter().chain(names).copied().collect();
        let code = |index| if index + 1 < all.len() { CALLS } else { RETURNS };
        let at = all
            .iter()
            .enumerate()
            .map(|(index, name)| (0x1000 + 0x100 * index as u32, Function { name, code: code(index) }));
        Functions { at: at.collect() }.walk("7station4take").unwrap().wrong
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
    fn what_is_neither_ours_nor_of_core_is_found() {
        for name in ["memcpy", "__udivsi3", "_ZN4core3fmt5write17h0E", "_ZN7esp_hal4time3now17h0E"] {
            assert_eq!(wrong(&[FREE, name]), [format!("`7station4take` reaches `{name}`")]);
        }
    }
}
