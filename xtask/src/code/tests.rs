//! Objects with one violation each, which must be found.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Reached, reached, swaps};
use crate::process::Run;
use crate::tools;

/// A file with an object, removed at the end.
pub(crate) struct Object(std::path::PathBuf);

impl Object {
    /// The file.
    pub(crate) fn path(&self) -> &std::path::Path {
        &self.0
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        let _it_may_be_gone = std::fs::remove_file(&self.0);
    }
}

const XTENSA: &str = "llvm-mc-22 -triple=xtensa -mcpu=esp32 -filetype=obj";
const RISCV: &str = "llvm-mc-22 -triple=riscv32 -mattr=+m,+c -filetype=obj";
const X86_64: &str = "gcc -O2 -ffunction-sections -c";

/// Assembles or compiles; `None` where that is not installed (in CI it is).
fn made(by: &str, source: &str) -> Option<Object> {
    if let Err(why) = tools::need(&["llc-22", "gcc"]) {
        println!("SKIPPED: {why}");
        return None;
    }
    let end = if by == X86_64 { "c" } else { "s" };
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let at =
        |end: &str| std::env::temp_dir().join(format!("microusc-code-{}-{number}.{end}", std::process::id()));
    std::fs::write(at(end), source).unwrap();
    let mut words = by.split(' ');
    Command::new(words.next()?).args(words).arg("-o").arg(at("o")).arg(at(end)).captured().unwrap();
    std::fs::remove_file(at(end)).unwrap();
    Some(Object(at("o")))
}

/// An object for Xtensa.
pub(crate) fn assembled(assembly: &str) -> Option<Object> {
    made(XTENSA, assembly)
}

fn walked(object: Option<Object>) -> Option<Reached> {
    object.map(|object| reached(&[object.path()], &["pool_entry".to_owned()], &[], &[]).unwrap())
}

/// The violations of each case are the expected ones; nothing else is, for an empty text.
fn check(by: &str, cases: &[(&str, String, &str)]) {
    for (name, source, expected) in cases {
        let Some(reached) = walked(made(by, source)) else { return };
        let found = reached.violations.join("; ");
        let is_it = if expected.is_empty() { found.is_empty() } else { found.contains(expected) };
        assert!(is_it, "{name}: {found}");
    }
}

#[test]
fn violations_on_this_machine_are_found() {
    if !cfg!(target_arch = "x86_64") {
        return;
    }
    let switch = "int pool_entry(int a, int b) { switch (a) {\n\
        case 0: return b * 7; case 1: return b << 3 ^ 1; case 2: return b - 9; case 3: return ~b;\n\
        case 4: return b * b; case 5: return b >> 2; case 6: return b & 5; case 7: return b | 9; default: return 0; } }";
    let copy = "#include <string.h>\nvoid pool_entry(char *a, char *b, unsigned long n) { memcpy(a, b, n); a[0] = 1; }";
    let own = "__attribute__((noinline)) int pool_entry_inner(int a) { return a + 1; } int pool_entry(int a) { return pool_entry_inner(a) * 2; }";
    let cases = [
        ("plain", "int pool_entry(int *a) { return a[0] ? a[1] * 3 : a[2] >> 1; }", ""),
        ("own", own, ""),
        ("divides", "unsigned pool_entry(unsigned a, unsigned b) { return b ? a / b : 0; }", "divides"),
        ("library", copy, "`memcpy`"),
        ("branch", "void abort(void); int pool_entry(int a) { if (a > 3) abort(); return a; }", "`abort`"),
        ("traps", "int pool_entry(int a) { if (a > 3) __builtin_trap(); return a; }", "traps"),
        ("table", switch, "table"),
        ("pointer", "int pool_entry(int (**f)(int)) { return f[0](1) + 1; }", "pointer"),
    ];
    check(X86_64, &cases.map(|(name, source, expected)| (name, source.to_owned(), expected)));
}

fn riscv(name: &str, section: &str, code: &str) -> String {
    format!(
        ".section {section},\"ax\",@progbits\n.globl {name}\n.type {name},@function\n\
         {name}:\n{code}\nret\n.size {name}, . - {name}\n"
    )
}

#[test]
fn violations_on_riscv_are_found() {
    const DATA: &str = ".section .bss.counter,\"aw\",@nobits\n.globl counter\ncounter: .zero 4\n\
        .section .rodata.table,\"a\",@progbits\n.globl table\ntable: .word 1\n";
    let entry = |code: &str| riscv("pool_entry", ".iram1.pool_entry", code);
    let flash = riscv("helper", ".text.helper", "nop");
    let deep = riscv("helper", ".iram1.helper", "call deeper") + &riscv("deeper", ".text.deeper", "nop");
    let plain = "call helper\nlui a0, %hi(counter)\nlw a1, %lo(counter)(a0)\nbeqz a1, 1f\nmul a0, a0, a1\n1: tail helper";
    let helper = riscv("helper", ".iram1.helper", "lbu a0, 0(a0)") + DATA;
    let in_flash = "`helper` lies in .text.helper, not in instruction RAM";
    let cases = [
        ("plain", plain, helper.as_str(), ""),
        ("flash", "call helper", &flash, in_flash),
        ("tail", "tail helper", &flash, in_flash),
        ("deep", "call helper", &deep, "`deeper` lies in .text.deeper, not in instruction RAM"),
        ("foreign", "call memcpy", "", "calls `memcpy`, which is not part of the library"),
        (
            "constant",
            "lui a0, %hi(table)\nlw a0, %lo(table)(a0)",
            DATA,
            "refers to a constant in .rodata.table",
        ),
        (
            "relative",
            "1: auipc a0, %pcrel_hi(table)\nlw a0, %pcrel_lo(1b)(a0)",
            DATA,
            "refers to a constant in .rodata.table",
        ),
        ("pointer", "jalr a1", "", "`pool_entry` calls through a pointer"),
        ("jump", "jr a1", "", "`pool_entry` calls through a pointer"),
        ("division", "divu a0, a0, a1", "", "`pool_entry` divides"),
        ("remainder", "rem a0, a0, a1", "", "`pool_entry` divides"),
        ("taken", "lui a0, %hi(helper)\naddi a0, a0, %lo(helper)", &flash, in_flash),
    ];
    check(RISCV, &cases.map(|(name, code, others, expected)| (name, entry(code) + others, expected)));
}

/// A function of these instructions in this section, its literals beside it.
fn xtensa(name: &str, section: &str, literals: &str, code: &str) -> String {
    format!(
        ".section {section},\"ax\",@progbits\n{literals}\n.globl {name}\n.type {name},@function\n\
         {name}: entry a1, 32\n{code}\nretw\n.size {name}, . - {name}\n"
    )
}

#[test]
fn violations_on_xtensa_are_found() {
    const CALL: &str = "l32r a8, .L0\ncallx8 a8";
    let entry = |literals: &str, code: &str| xtensa("pool_entry", ".iram1.pool_entry", literals, code);
    let to_helper = ".literal .L0, helper";
    let helper = xtensa("helper", ".iram1.helper", "", "nop");
    let flash = xtensa("helper", ".text.helper", "", "nop");
    let table = ".section .rodata.table,\"a\",@progbits\ntable: .long 1\n";
    let in_flash = "`helper` lies in .text.helper, not in instruction RAM";
    let pointer = "`pool_entry` calls through a pointer";
    // As LLVM places literals by itself.
    let before = xtensa("before", ".text.before", "", "nop") + ".literal .L0, helper\n";
    check(
        XTENSA,
        &[
            ("flash", entry(to_helper, CALL) + &flash, in_flash),
            (
                "entry",
                xtensa("pool_entry", ".text.pool_entry", "", "nop"),
                "`pool_entry` lies in .text.pool_entry",
            ),
            (
                "literal",
                before + &entry("", CALL) + &helper,
                "`pool_entry` takes a constant from .literal.before, not from instruction RAM",
            ),
            (
                "constant",
                entry(".literal .L0, table", "l32r a9, .L0\nl32i a2, a9, 0") + table,
                "`pool_entry` refers to a constant in .rodata.table",
            ),
            (
                "foreign",
                entry(".literal .L0, memcpy", CALL),
                "calls `memcpy`, which is not part of the library",
            ),
            ("direct", entry("", "call8 helper") + &flash, in_flash),
            ("pointer", entry("", "l32i a8, a2, 0\ncallx8 a8"), pointer),
            // The address of a function was loaded, and overwritten before the call.
            ("overwritten", entry(to_helper, "l32r a8, .L0\nadd a8, a8, a2\ncallx8 a8") + &helper, pointer),
            ("called twice", entry(to_helper, &format!("{CALL}\ncallx8 a8")) + &helper, pointer),
            ("division", entry("", "quou a2, a2, a3"), "`pool_entry` divides"),
        ],
    );
}

#[test]
fn code_and_constants_in_ram_pass_on_xtensa_and_narrow_accesses_are_counted() {
    let literals = ".literal .L0, helper\n.literal .L1, counter\n.literal .L2, 12345678";
    let code = "l32r a8, .L0\ns32i a8, a1, 0\ncallx8 a8\nl32r a9, .L1\nl32r a10, .L2\nl8ui a3, a9, 0\ns16i a3, a9, 2";
    let entry = xtensa("pool_entry", ".iram1.pool_entry", literals, code);
    let data = ".section .bss.counter,\"aw\",@nobits\n.globl counter\ncounter: .zero 4\n";
    let source = entry + &xtensa("helper", ".iram1.helper", "", "nop") + data;
    let Some(reached) = walked(assembled(&source)) else { return };
    assert_eq!(reached.violations, Vec::<String>::new());
    assert!(reached.functions.contains_key("helper"));
    assert_eq!(reached.functions["pool_entry"].1, 2);
}

#[test]
fn compare_and_swap_is_counted() {
    for (code, count) in [("s32c1i a2, a3, 0", 1), ("s32i a2, a3, 0", 0)] {
        let Some(object) = assembled(&xtensa("f", ".text.f", "", code)) else { return };
        assert_eq!(swaps(object.path()).unwrap(), count);
    }
}
