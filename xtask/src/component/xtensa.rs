//! What an archive for an Xtensa chip must be beside correct: code of instructions that the chip has, and that ESP-IDF's
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

use super::data::DATA;
use crate::code;
use crate::code::listing::{self, Listed};

/// All of it; the number of instructions that were looked at.
pub(super) fn check(chip: &str, archive: &Path) -> Result<usize> {
    for object in code::members(&std::fs::read(archive)?)? {
        form(&object).with_context(|| format!("{}", archive.display()))?;
    }
    let listed = listing::list(archive)?;
    let used = mnemonics(&listed);
    let foreign = foreign(&used, chip);
    ensure!(foreign.is_empty(), "{}: {chip} has no {foreign:?}", archive.display());
    let count = used.values().sum();
    ensure!(count > 1000, "only {count} instructions were found in {}", archive.display());
    Ok(count)
}

/// How often each instruction is in the code; constants, which are listed as if they were code, are left out.
fn mnemonics(listed: &[Listed]) -> BTreeMap<&str, usize> {
    let mut used = BTreeMap::new();
    for code in listed.iter().filter(|listed| !is_literal(&listed.section)).flat_map(|listed| &listed.code) {
        *used.entry(code.name.as_str()).or_insert(0) += 1;
    }
    used
}

/// The instructions that a chip does not have.
fn foreign<'l>(used: &BTreeMap<&'l str, usize>, chip: &str) -> BTreeSet<&'l str> {
    let data = &DATA.on_xtensa;
    let swaps = if chip == "esp32s2" { "" } else { &data.compare_and_swap };
    let has: BTreeSet<&str> = data.instructions.split_whitespace().chain(swaps.split(' ')).collect();
    used.keys().filter(|name| !has.contains(**name)).copied().collect()
}

fn is_literal(section: &str) -> bool {
    section.starts_with(".literal.") || section.ends_with(".literal")
}

/// The form of an object: its kind, every function for the windowed ABI, literals where a linker can use them.
fn form(bytes: &[u8]) -> Result<()> {
    let object = ElfFile32::<LittleEndian>::parse(bytes)?;
    let header: &FileHeader32<LittleEndian> = object.elf_header();
    ensure!(header.e_machine(LittleEndian) == EM_XTENSA, "not of Xtensa");
    ensure!(header.e_flags(LittleEndian).0 & 0xf == 0, "a machine number that Espressif's linker rejects");
    let (mut functions, mut loads) = (0, 0);
    for symbol in object.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text) {
        let Some(section) = symbol.section_index() else { continue };
        let code = object.section_by_index(section)?.data()?;
        let first = code.get(symbol.address() as usize).context("a function without code")?;
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
    use crate::code::listing::list;
    use crate::code::tests::assembled;

    #[test]
    fn instructions_that_a_chip_lacks_are_found_in_code_and_not_in_constants() {
        let code = ".section .text.f,\"ax\",@progbits\n.literal .L0, 0x12345678\n.globl f\n.type f,@function\n\
            f: entry a1, 32\nl32r a2, .L0\ns32c1i a2, a3, 0\nrsr.ccount a2\nretw\n.size f, . - f\n";
        let Some(object) = assembled(code) else { return };
        let listed = list(object.path()).unwrap();
        let used = mnemonics(&listed);
        assert_eq!(used.values().sum::<usize>(), 5, "{used:?}");
        assert_eq!(foreign(&used, "esp32").into_iter().collect::<Vec<_>>(), ["rsr"]);
        assert_eq!(foreign(&used, "esp32s2").into_iter().collect::<Vec<_>>(), ["rsr", "s32c1i"]);
    }

    /// The verdict on an object, unless there is no assembler.
    fn verdict(assembly: &str) -> Option<String> {
        let object = std::fs::read(assembled(assembly)?.path()).unwrap();
        Some(form(&object).err().map_or(String::new(), |why| why.to_string()))
    }

    const CODE: &str = ".section .text.f,\"ax\",@progbits\n.literal .L0, 12345678\n.globl f\n.p2align 2\n.type f,@function\n\
        f: entry a1, 32\nl32r a2, .L0\nretw\n.size f, . - f\n";
    const POOL: &str = ".section .literal.f,\"ax\",@progbits\n";

    #[test]
    fn literals_behind_the_code_or_at_odd_places_are_found() {
        let aligned = format!("{POOL}.p2align 2\n{CODE}");
        let Some(verdict_on_aligned) = verdict(&aligned) else { return };
        assert_eq!(verdict_on_aligned, "");
        assert_eq!(verdict(&format!("{POOL}{CODE}")).unwrap(), ".literal.f is not aligned");
        assert_eq!(verdict(CODE).unwrap(), ".literal.f comes behind .text.f");
    }

    #[test]
    fn a_function_of_the_other_abi_is_found() {
        let other = CODE.replace("entry a1, 32", "addi a1, a1, -32");
        let Some(verdict) = verdict(&other) else { return };
        assert_eq!(verdict, "f does not begin as functions with windows do");
    }
}
