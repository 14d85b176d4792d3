//! What an archive for an Xtensa chip must be, besides right: code that the chip has instructions for, and that ESP-IDF's
//! linker script can place.
//!
//! ```text
//!   .iram1.f.literal    in front of .iram1.f: one pattern, .iram1.*, takes both in the order of the object, and L32R reaches
//!   .iram1.f            backwards only. Aligned: a constant at an odd address cannot be loaded.
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use object::elf::{EM_XTENSA, FileHeader32};
use object::read::elf::{ElfFile32, FileHeader};
use object::{LittleEndian, Object, ObjectSection, ObjectSymbol, RelocationTarget, SectionKind, SymbolKind};
use xshell::{Shell, cmd};

use crate::hotpath;

/// The instruction sets of the three, in so far as QEMU's core has them, too: `xtensa/config/core-isa.h` of each in ESP-IDF.
/// Not among them, since one of the four cores has it not: loops, booleans, floating point, MULUH, MAC16.
const COMMON: &[&[&str]] = &[
    // core
    &["abs", "add", "addi", "addmi", "addx2", "addx4", "addx8", "sub", "subx2", "subx4", "subx8", "neg"],
    &[
        "and", "or", "xor", "extui", "sll", "slli", "sra", "srai", "src", "srl", "srli", "ssa8l", "ssai",
        "ssl", "ssr",
    ],
    &[
        "ball", "bany", "bbc", "bbci", "bbs", "bbsi", "beq", "beqi", "beqz", "bge", "bgei", "bgeu", "bgeui",
        "bgez",
    ],
    &["blt", "blti", "bltu", "bltui", "bltz", "bnall", "bne", "bnei", "bnez", "bnone", "j", "jx"],
    &["l16si", "l16ui", "l32i", "l32r", "l8ui", "s16i", "s32i", "s8i", "movi", "nop", "extw", "memw"],
    &["moveqz", "movgez", "movltz", "movnez"],
    // 16-bit instructions
    &[
        "add.n", "addi.n", "beqz.n", "bnez.n", "l32i.n", "mov.n", "movi.n", "nop.n", "ret.n", "retw.n",
        "s32i.n",
    ],
    // register windows
    &["call4", "call8", "call12", "callx4", "callx8", "callx12", "entry", "movsp", "retw"],
    // arithmetic
    &["max", "maxu", "min", "minu", "nsa", "nsau", "sext", "clamps"],
    &["mul16s", "mul16u", "mull", "quos", "quou", "rems", "remu"],
];
/// Not in the S2, which has one core.
const COMPARE_AND_SWAP: &[&str] = &["s32c1i", "wsr"];

/// The description for rustc of the core that stands for the chip's.
pub(super) fn description(chip: &str) -> &'static str {
    if has_swap(chip) {
        "firmware/runtime/xtensa/targets/xtensa-esp32-qemu.json"
    } else {
        "firmware/runtime/xtensa/targets/xtensa-esp32s2-qemu.json"
    }
}

fn has_swap(chip: &str) -> bool {
    chip != "esp32s2"
}

/// All of it; the number of instructions that were looked at.
pub(super) fn check(sh: &Shell, chip: &str, archive: &Path) -> Result<usize> {
    for object in hotpath::members(&std::fs::read(archive)?)? {
        form(&object).with_context(|| format!("{}", archive.display()))?;
    }
    let listing =
        cmd!(sh, "llvm-objdump-22 --disassemble --no-show-raw-insn --mcpu=esp32 {archive}").quiet().read()?;
    let used = mnemonics(&listing);
    let foreign = foreign(&used, chip);
    ensure!(foreign.is_empty(), "{}: {chip} has no {foreign:?}", archive.display());
    let count = used.values().sum();
    ensure!(count > 1000, "only {count} instructions were found in {}", archive.display());
    Ok(count)
}

/// How often each instruction is in the code; literals, which are listed as if they were code, are left out.
fn mnemonics(listing: &str) -> BTreeMap<&str, usize> {
    let (mut used, mut is_code) = (BTreeMap::new(), false);
    for line in listing.lines() {
        if let Some(section) = line.strip_prefix("Disassembly of section ") {
            is_code = !is_literal(section.trim_end_matches(':'));
        } else if is_code && let Some((address, instruction)) = line.split_once(": ") {
            // `      12: \tl32r\ta8, 0x0`; a line with a name ends in `:`.
            let is_address =
                !address.trim().is_empty() && address.trim().chars().all(|c| c.is_ascii_hexdigit());
            if let (true, Some(name)) = (is_address, instruction.split_whitespace().next()) {
                *used.entry(name).or_insert(0) += 1;
            }
        }
    }
    used
}

/// The instructions that a chip has not.
fn foreign<'l>(used: &BTreeMap<&'l str, usize>, chip: &str) -> BTreeSet<&'l str> {
    let has = |name: &&str| {
        COMMON.iter().any(|group| group.contains(name)) || has_swap(chip) && COMPARE_AND_SWAP.contains(name)
    };
    used.keys().filter(|name| !has(name)).copied().collect()
}

fn is_literal(section: &str) -> bool {
    section.starts_with(".literal.") || section.ends_with(".literal")
}

/// The object: of what kind, every function for the windowed ABI, literals where a linker can use them.
fn form(bytes: &[u8]) -> Result<()> {
    let object = ElfFile32::<LittleEndian>::parse(bytes)?;
    let header: &FileHeader32<LittleEndian> = object.elf_header();
    ensure!(header.e_machine(LittleEndian) == EM_XTENSA, "not of Xtensa");
    ensure!(
        header.e_flags(LittleEndian).0 & 0xf == 0,
        "a machine number that Espressif's linker does not know"
    );
    let (mut functions, mut loads) = (0, 0);
    for symbol in object.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text) {
        let Some(section) = symbol.section_index() else { continue };
        let code = object.section_by_index(section)?.data()?;
        let first = code.get(symbol.address() as usize).context("a function without code")?;
        // ENTRY
        ensure!(*first == 0x36, "{} does not begin as functions with windows do", symbol.name()?);
        functions += 1;
    }
    for code in object.sections().filter(|section| section.kind() == SectionKind::Text) {
        let name = code.name()?;
        if is_literal(name) {
            continue;
        }
        for (_, relocation) in code.relocations() {
            let RelocationTarget::Symbol(symbol) = relocation.target() else { continue };
            let Some(pool) = object.symbol_by_index(symbol)?.section_index() else { continue };
            let pool = object.section_by_index(pool)?;
            if is_literal(pool.name()?) {
                loads += 1;
                ensure!(pool.index().0 < code.index().0, "{} comes behind {name}", pool.name()?);
                ensure!(pool.align().is_multiple_of(4), "{} is not aligned", pool.name()?);
            }
        }
    }
    ensure!(functions > 0 && loads > 0, "{functions} functions, {loads} loads of constants");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{foreign, form, mnemonics};
    use crate::hotpath;

    const LISTING: &str = "
Disassembly of section .literal.f:

00000000 <.literal.f>:
       0: \till\t

Disassembly of section .text.f:

00000000 <f>:
       0: \tentry\ta1, 32
       3: \ts32c1i\ta2, a3, 0
       6: \tloop\ta2, . +8
       9: \t<unknown>
       c: \tretw.n
";

    #[test]
    fn what_a_chip_has_not_is_found_in_code_and_not_in_constants() {
        let used = mnemonics(LISTING);
        assert_eq!(used.values().sum::<usize>(), 5);
        assert_eq!(foreign(&used, "esp32").into_iter().collect::<Vec<_>>(), ["<unknown>", "loop"]);
        assert_eq!(
            foreign(&used, "esp32s2").into_iter().collect::<Vec<_>>(),
            ["<unknown>", "loop", "s32c1i"]
        );
    }

    /// The verdict on an object, unless there is no assembler.
    fn verdict(name: &str, assembly: &str) -> Option<String> {
        let object = hotpath::assembled(name, assembly)?;
        Some(form(&object).err().map_or(String::new(), |why| why.to_string()))
    }

    const CODE: &str = ".section .text.f,\"ax\",@progbits\n.literal .L0, 12345678\n.globl f\n.p2align 2\n.type f,@function\n\
        f: entry a1, 32\nl32r a2, .L0\nretw\n.size f, . - f\n";
    const POOL: &str = ".section .literal.f,\"ax\",@progbits\n";

    #[test]
    fn literals_behind_the_code_or_at_odd_places_are_noticed() {
        let aligned = format!("{POOL}.p2align 2\n{CODE}");
        let Some(verdict_on_aligned) = verdict("aligned", &aligned) else { return };
        assert_eq!(verdict_on_aligned, "");
        assert_eq!(verdict("odd", &format!("{POOL}{CODE}")).unwrap(), ".literal.f is not aligned");
        assert_eq!(verdict("behind", CODE).unwrap(), ".literal.f comes behind .text.f");
    }

    #[test]
    fn a_function_of_the_other_abi_is_noticed() {
        let other = CODE.replace("entry a1, 32", "addi a1, a1, -32");
        let Some(verdict) = verdict("call0", &other) else { return };
        assert_eq!(verdict, "f does not begin as functions with windows do");
    }
}
