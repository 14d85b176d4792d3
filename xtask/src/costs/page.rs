//! `docs/costs.md`, from the template `page.md`.

use std::collections::BTreeSet;
use std::fmt::Display;

use anyhow::{Result, ensure};

use super::cores::{Core, Cost};
use super::peers::{PEERS, Peer};
use crate::budgets::Numbers;

const TEMPLATE: &str = include_str!("page.md");

/// A column of the tables: a pair of functions, as the page calls it.
struct Column {
    /// In the committed table.
    row: &'static str,
    title: &'static str,
    lock: &'static str,
    checks: &'static str,
}

const ALL_CHECKS: &str = "address, owner (double free), free list";

const COLUMNS: [Column; 7] = [
    Column {
        row: "C functions",
        title: "C",
        lock: "interrupts masked; on two cores a flag as well",
        checks: "NULL, whether there is a pool, address, owner (double free), free list",
    },
    Column { row: "C functions, unsynchronised", title: "C, no lock", lock: "none", checks: "the same" },
    Column {
        row: "Pool, masked",
        title: "`Pool`",
        lock: "`InterruptLock`: interrupts masked",
        checks: ALL_CHECKS,
    },
    Column {
        row: "Pool, unsynchronised, unchecked",
        title: "`Pool`, unchecked",
        lock: "`NoLock`",
        checks: "none (`Unchecked`): its handles own the blocks",
    },
    Column {
        row: "FreeList, unchecked",
        title: "`FreeList`, unchecked",
        lock: "none",
        checks: "none (`NoChecks`)",
    },
    Column {
        row: "AtomicPool",
        title: "`AtomicPool`",
        lock: "lock-free; interrupts masked where there is no compare-and-swap",
        checks: "address, owner (double free)",
    },
    Column {
        row: "AtomicPool, addresses",
        title: "`AtomicPool`, addresses",
        lock: "the same",
        checks: "the same, by `alloc_raw` and `free_raw`",
    },
];

/// The whole page.
pub(super) fn write(numbers: &Numbers, cores: &[Core<'_>]) -> Result<String> {
    let of_code = |cost: &Cost| both(code(cost.code.0, cost.alloc.0), code(cost.code.1, cost.free.0));
    let of_mask = |cost: &Cost| match cost.masked {
        (0, 0) => "0".to_owned(),
        (alloc, free) => both(alloc, free),
    };
    let (peers, peers_code) = peers(&Core::compared(numbers)?)?;
    let parts = [
        ("rustc", compilers(numbers)),
        ("pools", lines(COLUMNS.iter().map(|it| format!("| {} | {} | {} |", it.title, it.lock, it.checks)))),
        ("pair", table(cores, |cost| both(range(cost.alloc), range(cost.free)))?),
        ("first use", table(cores, |cost| cost.first_use.to_string())?),
        ("masked", table(cores, of_mask)?),
        ("code", table(cores, of_code)?),
        ("ram", table(cores, |cost| cost.ram.to_string())?),
        ("archive", archives(cores)?),
        ("peers", peers),
        ("peers, code and RAM", peers_code),
    ];
    let mut page = TEMPLATE.to_owned();
    for (name, text) in parts {
        let place = format!("{{{{{name}}}}}");
        ensure!(page.contains(&place), "page.md has no {place}");
        page = page.replace(&place, &text);
    }
    ensure!(!page.contains("{{"), "page.md has a place that nothing fills");
    Ok(page)
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.map(|line| line + "\n").collect()
}

/// The versions of rustc that made the table.
fn compilers(numbers: &Numbers) -> String {
    let versions = numbers.made_by.values().filter_map(|made_by| made_by.get("rustc"));
    versions.collect::<BTreeSet<_>>().into_iter().cloned().collect::<Vec<_>>().join(" and ")
}

/// A row for each core, a column for each pair of functions.
fn table(cores: &[Core<'_>], cell: impl Fn(&Cost) -> String) -> Result<String> {
    let titles = COLUMNS.map(|column| column.title).join(" | ");
    let mut table = format!("| | {titles} |\n|---|{}\n", "---|".repeat(COLUMNS.len()));
    for core in cores {
        let cells = COLUMNS.iter().map(|column| Ok(cell(&core.cost(column.row)?)));
        table += &format!("| {} | {} |\n", core.name(), cells.collect::<Result<Vec<_>>>()?.join(" | "));
    }
    Ok(table)
}

/// A row for each core: the size of the whole archive.
fn archives(cores: &[Core<'_>]) -> Result<String> {
    let mut rows = String::new();
    for core in cores {
        let (name, target) = (core.name(), &core.target.name);
        let of = |what| core.number("C functions, whole archive", what);
        rows += &format!("| {name} | `{target}` | {} | {} |\n", of("bytes of code")?, of("bytes of data")?);
    }
    Ok(rows)
}

/// The rows of both tables that compare with other allocators.
fn peers(core: &Core<'_>) -> Result<(String, String)> {
    let (mut rows, mut code) = (String::new(), String::new());
    for Column { row, title, lock, checks } in COLUMNS {
        let block = match title {
            "C" => "1",
            "`FreeList`, unchecked" => "0",
            _ => continue,
        };
        let cost = core.cost(row)?;
        let most = sum((cost.alloc.1.max(cost.first_use), cost.free.1));
        let pair = sum((cost.alloc.1, cost.free.1));
        rows += &format!("| **ours: {title}** | {lock} | {checks} | {pair} | not counted | {most} |\n");
        code += &format!("| **ours: {title}** | {} | {} | {block} |\n", sum(cost.code), cost.ram);
    }
    for peer in PEERS.iter() {
        let Peer { name, version, lock, checks, .. } = peer;
        let (small, fast, worst) = (sum(peer.small), sum(peer.fast), sum(peer.worst));
        rows += &format!("| {name}, {version} | {lock} | {checks} | {small} | {fast} | {worst} |\n");
        let fast = peer.code_fast.map_or(String::new(), |code| format!(" ({})", code.0 + code.1));
        code += &format!("| {name} | {}{fast} | {} | {} |\n", sum(peer.code), peer.ram, peer.ram_of_block);
    }
    Ok((rows, code))
}

/// `alloc + free`, never on two lines.
fn both(alloc: impl Display, free: impl Display) -> String {
    format!("{alloc}\u{a0}+\u{a0}{free}")
}

fn range((least, most): (u64, u64)) -> String {
    if least == most { least.to_string() } else { format!("{least}\u{a0}to\u{a0}{most}") }
}

/// Bytes of a function, unless it is seen to go on in another: no instruction here has less than two bytes.
fn code(bytes: u64, instructions: u64) -> String {
    if bytes < 2 * instructions { "…".to_owned() } else { bytes.to_string() }
}

/// `alloc + free = both`.
fn sum((alloc, free): (u64, u64)) -> String {
    format!("{}\u{a0}= {}", both(alloc, free), alloc + free)
}

#[cfg(test)]
mod tests {
    use super::{code, range};

    #[test]
    fn a_constant_is_one_number() {
        assert_eq!(range((20, 20)), "20");
        assert_eq!(range((20, 21)), "20\u{a0}to\u{a0}21");
    }

    #[test]
    fn a_function_that_goes_on_elsewhere_has_no_size() {
        assert_eq!(code(8, 22), "…");
        assert_eq!(code(14, 7), "14");
    }
}
