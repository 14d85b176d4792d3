//! `docs/costs.md`.

use std::collections::BTreeSet;
use std::fmt::{Display, Write};

use anyhow::Result;

use super::cores::{Core, Cost};
use super::field::{FIELD, Peer};
use crate::budgets::Numbers;

/// A column of the tables: what is measured, as the page calls it.
struct Subject {
    /// In the committed table.
    row: &'static str,
    title: &'static str,
    lock: &'static str,
    checks: &'static str,
}

const ALL_CHECKS: &str = "address, owner (double free), free list";

const SUBJECTS: [Subject; 7] = [
    Subject {
        row: "C functions",
        title: "C",
        lock: "interrupts masked; on two cores a flag as well",
        checks: "NULL, whether there is a pool, address, owner (double free), free list",
    },
    Subject { row: "C functions, unsynchronised", title: "C, no lock", lock: "none", checks: "the same" },
    Subject {
        row: "Pool, masked",
        title: "`Pool`",
        lock: "`InterruptLock`: interrupts masked",
        checks: ALL_CHECKS,
    },
    Subject {
        row: "Pool, unsynchronised, unchecked",
        title: "`Pool`, unchecked",
        lock: "`NoLock`",
        checks: "none (`Unchecked`): its handles own the blocks",
    },
    Subject {
        row: "FreeList, unchecked",
        title: "`FreeList`, unchecked",
        lock: "none",
        checks: "none (`NoChecks`)",
    },
    Subject {
        row: "AtomicPool",
        title: "`AtomicPool`",
        lock: "lock-free; interrupts masked where there is no compare-and-swap",
        checks: "address, owner (double free)",
    },
    Subject {
        row: "AtomicPool, addresses",
        title: "`AtomicPool`, addresses",
        lock: "the same",
        checks: "the same, by `alloc_raw` and `free_raw`",
    },
];

const INTRODUCTION: &str = "\
# What the pools cost

<!-- Written by `cargo xtask costs` from firmware/budgets.json and xtask/src/costs/field.rs: not to be edited. -->

![Instructions of an alloc and a free: the C functions on every emulated core, the other pools and the field on RISC-V](costs.svg)

";

const SUBJECTS_INTRODUCTION: &str = "\
## What was counted

| | lock | checked at every call |
|---|---|---|
";

const METHOD: &str = "
Every figure of ours is from `cargo xtask budgets`: QEMU writes down each instruction of a run, and the calls of the two functions
are counted in it, from their first instruction to the return, which is included; so are functions that they call. The call
itself is not. A pool of 40 blocks of 32 bytes is emptied, filled, and used in LIFO, FIFO and mixed order, with a pair at every
fill level; a range says that the calls differ, a single number that they are all the same. Compiled for size (`-Os`,
`opt-level = \"s\"`), ";

const METHOD_LIMITS: &str = "; for Xtensa, LLVM 22 makes the instructions.

These are instructions of an emulated core, not cycles of a chip. A chip adds waiting for its flash cache, its bus and its
pipeline, and nothing here says how much. Nobody else used the pool meanwhile: what waiting for another core costs is not in
here. On Xtensa interrupts are masked by two functions, whose instructions are counted; Espressif's compiler would write
them inline. `AtomicPool` keeps blocks in words of 32; an alloc whose first word is all in use looks at the others, which is the upper
end of its range, here with two words.

`Pool` has the lock of a single core here, also where there are two, where it must not be shared between them: that takes
`MaskedSpinLock`, which is not in the table. The time with interrupts masked is that of blocks that were used before.

The table binds: `cargo xtask test` counts again, target by target, and fails when a number is higher, and when this page says
something else than the table. Compilers differ, and so does a `core` that came compiled for speed, as rustup has it: numbers that
anything else made than what made the table's are shown, reported as not compared, and not judged.
";

const CODE_INTRODUCTION: &str = "
### Bytes of code, alloc + free

Of the functions themselves, with what is compiled into them. \"…\": goes on in another function, which is not counted here.

";

const RAM_INTRODUCTION: &str = "
### Bytes of RAM of a pool, besides its blocks

And one byte for each block where the owner is checked; `AtomicPool` has a bit instead, whose words (two, for 40 blocks) are
included.

";

const ARCHIVE_INTRODUCTION: &str = "
### The whole archive of the C functions

Bytes, if a program calls every function there is; a linker leaves out what is not called. And what `cargo xtask budgets --target`
calls each core.

| | | code | constants |
|---|---|---|---|
";

const FIELD_INTRODUCTION: &str = "
## The field, on RISC-V

Others on rv32imac, beside ours. \"For size\" is `-Os` or `opt-level = \"s\"`, as ours; \"for speed\" is `-O2` or `opt-level = 3`. Most:
of one call in any order, compiled for size.

| | lock | checked | for size | for speed | most |
|---|---|---|---|---|---|
";

const FIELD_METHOD: &str = "
How the field's figures were obtained: by us, once, not by their authors. Each allocator's own source was compiled alone for rv32imac (GCC
12.2; heapless and atomic-pool by rustc 1.96) and run by QEMU 7.2 with `-icount shift=0`; `minstret` was read before and
after each call, the call left out and the return included. Blocks of 32 bytes, 1000 of them, LIFO for the two columns of pairs;
`most` is over LIFO, FIFO and random order. The programs are not in this repository, so `cargo xtask` does not repeat
these. What to know when comparing:

* **The C original** does not count: the line in its free is commented out. With a count that counts back its free would be 9, by hand.
* **ThreadX and Zephyr** return the block through a pointer; the few instructions that make a return value of it are included
  (ThreadX's alloc is 15 without). ThreadX's and FreeRTOS's free have a shim of two. ThreadX is the `_tx_` core; its error-checking
  shell, which does look at the pool, was not measured.
* **Zephyr** is alloc and free for one core, with assertions, tracing and `CONFIG_MEM_SLAB_POINTER_VALIDATE` off. With that option it
  also checks range and stride; not measured.
* **Mynewt** is with `OS_MEMPOOL_CHECK` and poisoning off. With the check on, free walks the whole list.
* **heapless** takes the value, not just the block: 32 bytes are copied, for size by `memcpy`. Ours take the block alone.
* **atomic-pool** looks at its words one after another, so an alloc grows with the blocks in use.
* **`heap_4` and TLSF** are heaps, for blocks of any size. The real functions that suspend FreeRTOS's scheduler cost more than the stubs.

### Code and RAM

Bytes, on rv32imac. Code is that of the two functions, compiled for size, in brackets for speed.

| | code | RAM of a pool | RAM of a block beyond its payload |
|---|---|---|---|
";

const FIELD_END: &str = "
heapless's code also needs a `memcpy` of 340 bytes when compiled for size. Ours for C is `memory_pool_t` and its control block.
";

/// The whole page.
pub(super) fn write(numbers: &Numbers, cores: &[Core<'_>]) -> Result<String> {
    let mut page = INTRODUCTION.to_owned() + SUBJECTS_INTRODUCTION;
    for Subject { title, lock, checks, .. } in SUBJECTS {
        writeln!(page, "| {title} | {lock} | {checks} |")?;
    }
    write!(page, "{METHOD}by rustc {}, with `core` compiled along{METHOD_LIMITS}", compilers(numbers))?;

    page += "\n## On each core\n\n### Instructions of an alloc + a free\n\n";
    table(&mut page, cores, |cost| both(range(cost.alloc), range(cost.free)))?;
    page += "\n### Instructions of an alloc when the block is used for the first time\n\n";
    table(&mut page, cores, |cost| cost.first_use.to_string())?;
    page += "\n### Instructions with interrupts masked, alloc + free\n\n";
    table(&mut page, cores, |cost| match cost.masked {
        (0, 0) => "0".to_owned(),
        (alloc, free) => both(alloc, free),
    })?;
    page += CODE_INTRODUCTION;
    table(&mut page, cores, |cost| both(code(cost.code.0, cost.alloc.0), code(cost.code.1, cost.free.0)))?;
    page += RAM_INTRODUCTION;
    table(&mut page, cores, |cost| cost.ram.to_string())?;
    page += ARCHIVE_INTRODUCTION;
    for core in cores {
        let (name, target) = (core.name(), core.target.name);
        let of = |what| core.number("C functions, whole archive", what);
        writeln!(page, "| {name} | `{target}` | {} | {} |", of("bytes of code")?, of("bytes of data")?)?;
    }
    field(&mut page, numbers)?;
    Ok(page)
}

/// The versions of rustc that made the table.
fn compilers(numbers: &Numbers) -> String {
    let versions = numbers.made_by.values().filter_map(|made_by| made_by.get("rustc"));
    versions.collect::<BTreeSet<_>>().into_iter().cloned().collect::<Vec<_>>().join(" and ")
}

/// A row for each core, a column for each subject.
fn table(page: &mut String, cores: &[Core<'_>], cell: impl Fn(&Cost) -> String) -> Result<()> {
    let titles = SUBJECTS.map(|subject| subject.title).join(" | ");
    writeln!(page, "| | {titles} |\n|---|{}", "---|".repeat(SUBJECTS.len()))?;
    for core in cores {
        write!(page, "| {} |", core.name())?;
        for Subject { row, .. } in SUBJECTS {
            write!(page, " {} |", cell(&core.cost(row)?))?;
        }
        page.push('\n');
    }
    Ok(())
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

fn field(page: &mut String, numbers: &Numbers) -> Result<()> {
    let core = Core::compared(numbers)?;
    *page += FIELD_INTRODUCTION;
    let ours = SUBJECTS.iter().filter(|subject| ["C", "`FreeList`, unchecked"].contains(&subject.title));
    for Subject { row, title, lock, checks } in ours.clone() {
        let cost = core.cost(row)?;
        let most = (cost.alloc.1.max(cost.first_use), cost.free.1);
        let pair = sum((cost.alloc.1, cost.free.1));
        writeln!(page, "| **ours: {title}** | {lock} | {checks} | {pair} | not counted | {} |", sum(most))?;
    }
    for Peer { name, version, lock, checks, small, fast, worst, .. } in FIELD {
        writeln!(
            page,
            "| {name}, {version} | {lock} | {checks} | {} | {} | {} |",
            sum(*small),
            sum(*fast),
            sum(*worst)
        )?;
    }
    *page += FIELD_METHOD;
    for Subject { row, title, .. } in ours {
        let cost = core.cost(row)?;
        let block = if *title == "C" { "1" } else { "0" };
        writeln!(page, "| **ours: {title}** | {} | {} | {block} |", sum(cost.code), cost.ram)?;
    }
    for Peer { name, code, code_fast, ram, ram_of_block, .. } in FIELD {
        let fast = code_fast.map_or(String::new(), |code| format!(" ({})", code.0 + code.1));
        writeln!(page, "| {name} | {}{fast} | {ram} | {ram_of_block} |", sum(*code))?;
    }
    *page += FIELD_END;
    Ok(())
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
