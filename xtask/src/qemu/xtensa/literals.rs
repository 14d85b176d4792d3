//! Literal pools, put where the code that loads them is.
//!
//! An Xtensa instruction has no room for a 32-bit constant: L32R loads it from the function's pool, which must lie in
//! front of the code, within 256 KiB. LLVM 22 prints the pool of a function before it switches to the function's section,
//! so that the assembler puts it beside the function before:
//!
//! ```text
//!   .section .text.one                       .section .text.one
//!   ...                                      ...
//!   .literal .LCPI1_0, address
//!   .section .text.one               ->      .section .iram1.two
//!   .section .iram1.two                      .section .iram1.two.literal
//!   two:  l32r a8, .LCPI1_0                  .p2align 2
//!                                            .section .iram1.two
//!                                            .literal .LCPI1_0, address
//!                                            two:  l32r a8, .LCPI1_0
//! ```
//!
//! On the left the code of `two` is in instruction RAM and its constants are in flash. On the right both are where they
//! belong: the assembler names the pool's section after the current one. That section is mentioned before the code's, and
//! aligned, which LLVM's assembler does not do: so a linker script that names no more than `.iram1.*`, as
//! that of ESP-IDF, puts the pool in front of the code, and every constant at an address that can be loaded from.

use anyhow::{Result, ensure};

/// The same assembly, each pool after the section switch that follows it.
pub(super) fn placed(assembly: &str) -> Result<String> {
    let mut text = String::with_capacity(assembly.len());
    let mut held = String::new();
    // The last switch behind a pool; those before it were to sections that nothing was put into.
    let mut switch = None;
    for line in assembly.lines() {
        let first = line.split_whitespace().next().unwrap_or("");
        let to = match first {
            ".literal" | ".literal_position" => &mut held,
            // Neither of these is in a section; what comes next decides.
            "" | "#" => &mut text,
            _ if is_section_switch(first) && !held.is_empty() => {
                switch = Some(line);
                continue;
            }
            _ if is_section_switch(first) => &mut text,
            _ => {
                if let Some(switch) = switch.take() {
                    text.push_str(&pool_section(switch));
                    text.push_str(switch);
                    text.push('\n');
                }
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

/// The mention of a pool's section, as assemblers name it after that of the code; nothing for a switch without a name.
fn pool_section(switch: &str) -> String {
    let Some((_, name)) = switch.split_once(".section") else { return String::new() };
    let name = name.trim().split(',').next().unwrap_or("");
    let pool = match name.strip_prefix(".text") {
        Some(rest) => format!(".literal{rest}"),
        None => format!("{name}.literal"),
    };
    format!("\t.section\t{pool},\"ax\",@progbits\n\t.p2align\t2\n")
}

fn is_section_switch(directive: &str) -> bool {
    [".section", ".text", ".data", ".bss", ".pushsection", ".popsection", ".previous"].contains(&directive)
}

#[cfg(test)]
mod tests {
    use super::{placed, pool_section};

    #[test]
    fn a_pool_follows_the_switch_to_its_function() {
        let before = "\t.section\t.text.one\none:\n\tret\n\t.literal_position\n\t.literal .LCPI1_0, 7\n\n\t.section\t.text.one\n\t.section\t.iram1.two\n\t.globl\ttwo\n";
        let after = "\t.section\t.text.one\none:\n\tret\n\n\t.section\t.iram1.two.literal,\"ax\",@progbits\n\t.p2align\t2\n\t.section\t.iram1.two\n\t.literal_position\n\t.literal .LCPI1_0, 7\n\t.globl\ttwo\n";
        assert_eq!(placed(before).unwrap(), after);
    }

    #[test]
    fn a_pool_without_a_switch_stays_before_its_function() {
        let text = "\t.text\n\tret\n\t.literal .LCPI1_0, 7\n# %bb.0:\n\t.p2align 2\n";
        assert_eq!(placed(text).unwrap(), "\t.text\n\tret\n# %bb.0:\n\t.literal .LCPI1_0, 7\n\t.p2align 2\n");
    }

    #[test]
    fn the_section_of_a_pool_is_named_after_that_of_the_code() {
        let named = |switch| pool_section(switch).lines().next().unwrap_or("").to_owned();
        assert_eq!(named("\t.section\t.text.f,\"ax\",@progbits"), "\t.section\t.literal.f,\"ax\",@progbits");
        assert_eq!(
            named("\t.section\t.iram1.f,\"ax\",@progbits"),
            "\t.section\t.iram1.f.literal,\"ax\",@progbits"
        );
        assert_eq!(named("\t.text"), "");
    }

    #[test]
    fn a_pool_of_nothing_is_an_error() {
        assert!(placed("\t.text\n\t.literal .LCPI1_0, 7\n\t.section\t.text.one\n").is_err());
    }
}
