//! Objects with one violation each, which must be found.

use std::process::Command;

use xshell::Shell;

use super::super::reached;
use crate::tools::{self, LLC};

/// What is found in an entry of these instructions, with what else there is; `None` where the assembler is not installed
/// (in CI it is).
fn violations(name: &str, code: &str, others: &str) -> Option<String> {
    if let Some(why) = tools::missing(&Shell::new().unwrap(), LLC).unwrap() {
        println!("SKIPPED: {why}");
        return None;
    }
    let at =
        |end: &str| std::env::temp_dir().join(format!("microusc-riscv-{name}-{}.{end}", std::process::id()));
    let assembly = function("pool_entry", ".iram1.pool_entry", code) + others;
    std::fs::write(at("s"), assembly).unwrap();
    let mut assembler = Command::new("llvm-mc-22");
    assembler.args(["-triple=riscv32", "-mattr=+m,+c", "-filetype=obj", "-o"]).arg(at("o")).arg(at("s"));
    assert!(assembler.status().unwrap().success());
    let object = std::fs::read(at("o")).unwrap();
    std::fs::remove_file(at("s")).unwrap();
    std::fs::remove_file(at("o")).unwrap();
    Some(reached(&[object], &["pool_entry"], &[]).unwrap().violations.join("; "))
}

fn function(name: &str, section: &str, code: &str) -> String {
    format!(
        ".section {section},\"ax\",@progbits\n.globl {name}\n.type {name},@function\n\
         {name}:\n{code}\nret\n.size {name}, . - {name}\n"
    )
}

const DATA: &str = ".section .bss.counter,\"aw\",@nobits\n.globl counter\ncounter: .zero 4\n\
    .section .rodata.table,\"a\",@progbits\n.globl table\ntable: .word 1\n";

#[test]
fn calls_into_ram_and_data_in_ram_pass() {
    let code = "call helper\nlui a0, %hi(counter)\nlw a1, %lo(counter)(a0)\nbeqz a1, 1f\nmul a0, a0, a1\n1: tail helper";
    let others = function("helper", ".iram1.helper", "lbu a0, 0(a0)") + DATA;
    let Some(found) = violations("plain", code, &others) else { return };
    assert_eq!(found, "");
}

#[test]
fn each_violation_is_found() {
    let flash = function("helper", ".text.helper", "nop");
    let deep =
        function("helper", ".iram1.helper", "call deeper") + &function("deeper", ".text.deeper", "nop");
    for (name, code, others, expected) in [
        ("flash", "call helper", flash.as_str(), "`helper` lies in .text.helper, not in instruction RAM"),
        ("tail", "tail helper", &flash, "`helper` lies in .text.helper, not in instruction RAM"),
        ("deep", "call helper", &deep, "`deeper` lies in .text.deeper, not in instruction RAM"),
        ("foreign", "call memcpy", "", "calls `memcpy`, which is not part of the library"),
        (
            "constant",
            "lui a0, %hi(table)\nlw a0, %lo(table)(a0)",
            DATA,
            "`pool_entry` refers to a constant in .rodata.table",
        ),
        (
            "relative",
            "1: auipc a0, %pcrel_hi(table)\nlw a0, %pcrel_lo(1b)(a0)",
            DATA,
            "`pool_entry` refers to a constant in .rodata.table",
        ),
        ("pointer", "jalr a1", "", "`pool_entry` calls through a pointer"),
        ("jump", "jr a1", "", "`pool_entry` calls through a pointer"),
        ("division", "divu a0, a0, a1", "", "`pool_entry` divides"),
        ("remainder", "rem a0, a0, a1", "", "`pool_entry` divides"),
        (
            "taken",
            "lui a0, %hi(helper)\naddi a0, a0, %lo(helper)",
            &flash,
            "`helper` lies in .text.helper, not in instruction RAM",
        ),
    ] {
        let Some(found) = violations(name, code, others) else { return };
        assert_eq!(found, expected, "{name}");
    }
}
