//! Literal pools, put where the code that loads them is.
//!
//! An Xtensa instruction has no room for a 32-bit constant: L32R loads it from the function's pool, which must lie in
//! front of the code, within 256 KiB. LLVM 22 prints the pool of a function before it switches to the function's section,
//! so that the assembler puts it beside the function before:
//!
//! ```text
//!   .section .text.one                       .section .text.one
//!   ...                                      ...
//!   .literal .LCPI1_0, address               .section .text.one
//!   .section .text.one               ->      .section .iram1.two
//!   .section .iram1.two                      .literal .LCPI1_0, address
//!   two:  l32r a8, .LCPI1_0                  two:  l32r a8, .LCPI1_0
//! ```
//!
//! On the left the code of `two` is in instruction RAM and its constants are in flash. On the right both are where they
//! belong: the assembler names the pool's section after the current one.

use anyhow::{Result, ensure};

/// The same assembly, each pool after the section switch that follows it.
pub(super) fn placed(assembly: &str) -> Result<String> {
    let mut text = String::with_capacity(assembly.len());
    let mut held = String::new();
    for line in assembly.lines() {
        let first = line.split_whitespace().next().unwrap_or("");
        let to = match first {
            ".literal" | ".literal_position" => &mut held,
            // Neither of these is in a section; what comes next decides.
            "" | "#" => &mut text,
            _ if is_section_switch(first) => &mut text,
            _ => {
                text.push_str(&held);
                held.clear();
                &mut text
            }
        };
        to.push_str(line);
        to.push('\n');
    }
    ensure!(held.is_empty(), "literals of no function:\n{held}");
    Ok(text)
}

fn is_section_switch(directive: &str) -> bool {
    [".section", ".text", ".data", ".bss", ".pushsection", ".popsection", ".previous"].contains(&directive)
}

#[cfg(test)]
mod tests {
    use super::placed;

    #[test]
    fn a_pool_follows_the_switch_to_its_function() {
        let before = "\t.section\t.text.one\none:\n\tret\n\t.literal_position\n\t.literal .LCPI1_0, 7\n\n\t.section\t.text.one\n\t.section\t.iram1.two\n\t.globl\ttwo\n";
        let after = "\t.section\t.text.one\none:\n\tret\n\n\t.section\t.text.one\n\t.section\t.iram1.two\n\t.literal_position\n\t.literal .LCPI1_0, 7\n\t.globl\ttwo\n";
        assert_eq!(placed(before).unwrap(), after);
    }

    #[test]
    fn a_pool_without_a_switch_stays_before_its_function() {
        let text = "\t.text\n\tret\n\t.literal .LCPI1_0, 7\n# %bb.0:\n\t.p2align 2\n";
        assert_eq!(placed(text).unwrap(), "\t.text\n\tret\n# %bb.0:\n\t.literal .LCPI1_0, 7\n\t.p2align 2\n");
    }

    #[test]
    fn a_pool_of_nothing_is_an_error() {
        assert!(placed("\t.text\n\t.literal .LCPI1_0, 7\n\t.section\t.text.one\n").is_err());
    }
}
