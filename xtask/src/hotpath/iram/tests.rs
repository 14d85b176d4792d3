//! Objects with one violation each, which must be found.

use std::process::Command;

use xshell::Shell;

use super::{Reached, reached, swaps};
use crate::tools::{self, LLC};

/// Assembles; `None` where the assembler is not installed (in CI it is).
pub(crate) fn assembled(name: &str, assembly: &str) -> Option<Vec<u8>> {
    if let Some(why) = tools::missing(&Shell::new().unwrap(), LLC).unwrap() {
        println!("SKIPPED: {why}");
        return None;
    }
    let at =
        |end: &str| std::env::temp_dir().join(format!("microusc-iram-{name}-{}.{end}", std::process::id()));
    std::fs::write(at("s"), assembly).unwrap();
    let mut assembler = Command::new("llvm-mc-22");
    assembler.args(["-triple=xtensa", "-mcpu=esp32", "-filetype=obj", "-o"]).arg(at("o")).arg(at("s"));
    assert!(assembler.status().unwrap().success());
    let object = std::fs::read(at("o")).unwrap();
    std::fs::remove_file(at("s")).unwrap();
    std::fs::remove_file(at("o")).unwrap();
    Some(object)
}

/// A function of these instructions in this section, its literals beside it.
fn function(name: &str, section: &str, literals: &str, code: &str) -> String {
    format!(
        ".section {section},\"ax\",@progbits\n{literals}\n.globl {name}\n.type {name},@function\n\
         {name}: entry a1, 32\n{code}\nretw\n.size {name}, . - {name}\n"
    )
}

fn walked(name: &str, assembly: &str) -> Option<Reached> {
    assembled(name, assembly).map(|object| reached(&[object], &["pool_entry"], &[]).unwrap())
}

/// The violations of an entry in instruction RAM, with what else there is in the object.
fn violations(name: &str, literals: &str, code: &str, others: &str) -> Option<String> {
    let entry = function("pool_entry", ".iram1.pool_entry", literals, code);
    walked(name, &(entry + others)).map(|reached| reached.violations.join("; "))
}

const CALL: &str = "l32r a8, .L0\ncallx8 a8";

#[test]
fn code_and_constants_in_ram_pass() {
    let literals = ".literal .L0, helper\n.literal .L1, counter\n.literal .L2, 12345678";
    let code = format!("{CALL}\nl32r a9, .L1\nl32r a10, .L2\nl8ui a3, a9, 0\ns16i a3, a9, 2");
    let helper = function("helper", ".iram1.helper", "", "nop");
    let data = ".section .bss.counter,\"aw\",@nobits\n.globl counter\ncounter: .zero 4\n";
    let entry = function("pool_entry", ".iram1.pool_entry", literals, &code);
    let Some(reached) = walked("plain", &(entry + &helper + data)) else { return };
    assert_eq!(reached.violations, Vec::<String>::new());
    assert!(reached.functions.contains_key("helper"));
    assert_eq!(reached.functions["pool_entry"].1, 2);
}

#[test]
fn code_in_flash_is_found() {
    let helper = function("helper", ".text.helper", "", "nop");
    let found = violations("flash", ".literal .L0, helper", CALL, &helper);
    assert!(found.is_none_or(|found| found == "`helper` lies in .text.helper, not in instruction RAM"));
}

#[test]
fn an_entry_in_flash_is_found() {
    let found = walked("entry", &function("pool_entry", ".text.pool_entry", "", "nop"));
    assert!(
        found
            .is_none_or(|found| found.violations.join(";").contains("`pool_entry` lies in .text.pool_entry"))
    );
}

/// As LLVM places them by itself.
#[test]
fn a_literal_in_flash_is_found() {
    let before = function("before", ".text.before", "", "nop") + ".literal .L0, helper\n";
    let entry = function("pool_entry", ".iram1.pool_entry", "", CALL);
    let helper = function("helper", ".iram1.helper", "", "nop");
    let found = walked("literal", &(before + &entry + &helper));
    assert!(found.is_none_or(|found| {
        found.violations == ["`pool_entry` takes a constant from .literal.before, not from instruction RAM"]
    }));
}

#[test]
fn a_constant_in_flash_is_found() {
    let data = ".section .rodata.table,\"a\",@progbits\ntable: .long 1\n";
    let found = violations("constant", ".literal .L0, table", "l32r a9, .L0\nl32i a2, a9, 0", data);
    assert!(found.is_none_or(|found| found == "`pool_entry` refers to a constant in .rodata.table"));
}

#[test]
fn a_library_call_is_found() {
    let found = violations("memcpy", ".literal .L0, memcpy", CALL, "");
    assert!(found.is_none_or(|found| found == "calls `memcpy`, which is not part of the library"));
}

#[test]
fn a_direct_call_is_followed() {
    let helper = function("helper", ".text.helper", "", "nop");
    let found = violations("direct", "", "call8 helper", &helper);
    assert!(found.is_none_or(|found| found == "`helper` lies in .text.helper, not in instruction RAM"));
}

#[test]
fn a_call_through_a_pointer_is_found() {
    let found = violations("pointer", "", "l32i a8, a2, 0\ncallx8 a8", "");
    assert!(found.is_none_or(|found| found == "`pool_entry` calls through a pointer"));
}

/// A function's address that was loaded, but overwritten before the call.
#[test]
fn a_call_through_an_overwritten_register_is_found() {
    let helper = function("helper", ".iram1.helper", "", "nop");
    let code = "l32r a8, .L0\nadd a8, a8, a2\ncallx8 a8";
    let found = violations("overwritten", ".literal .L0, helper", code, &helper);
    assert!(found.is_none_or(|found| found == "`pool_entry` calls through a pointer"));
}

#[test]
fn a_division_is_found() {
    let found = violations("division", "", "quou a2, a2, a3", "");
    assert!(found.is_none_or(|found| found == "`pool_entry` divides"));
}

#[test]
fn compare_and_swap_is_counted() {
    let Some(with) = assembled("swap", &function("f", ".text.f", "", "s32c1i a2, a3, 0")) else { return };
    assert_eq!(swaps(&with).unwrap(), 1);
    let without = assembled("no-swap", &function("f", ".text.f", "", "s32i a2, a3, 0")).unwrap();
    assert_eq!(swaps(&without).unwrap(), 0);
}
