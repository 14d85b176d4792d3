//! Archives with one violation each, which must be found.

use std::process::Command;

use super::closure::{Closure, closure};

/// Compiles C into an archive with `pool_entry` in it, and walks that; `None` without a C compiler.
fn planted(name: &str, code: &str) -> Option<Closure> {
    let folder = std::env::temp_dir().join(format!("microusc-hotpath-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let at = |file: &str| folder.join(file);
    std::fs::write(at("planted.c"), code).unwrap();
    let ran = |program: &str, arguments: &[&std::ffi::OsStr]| {
        Command::new(program).args(arguments).status().is_ok_and(|status| status.success())
    };
    let compiled = ran(
        "gcc",
        &[
            "-O2".as_ref(),
            "-ffunction-sections".as_ref(),
            "-c".as_ref(),
            at("planted.c").as_ref(),
            "-o".as_ref(),
            at("planted.o").as_ref(),
        ],
    ) && ran("ar", &["rc".as_ref(), at("planted.a").as_ref(), at("planted.o").as_ref()]);
    if !compiled {
        assert!(!crate::tools::in_ci(), "gcc and ar are there in CI");
        println!("SKIPPED: no C compiler");
        return None;
    }
    let bytes = std::fs::read(at("planted.a")).unwrap();
    std::fs::remove_dir_all(folder).unwrap();
    Some(closure(&bytes, &["pool_entry"]).unwrap())
}

fn violations(name: &str, code: &str) -> Option<String> {
    planted(name, code).map(|closure| closure.violations.join("; "))
}

#[test]
fn plain_code_passes() {
    let found = violations("plain", "int pool_entry(int *a) { return a[0] ? a[1] * 3 : a[2] >> 1; }");
    assert!(found.is_none_or(|found| found.is_empty()));
}

#[test]
fn a_division_is_found() {
    let found =
        violations("division", "unsigned pool_entry(unsigned a, unsigned b) { return b ? a / b : 0; }");
    assert!(found.is_none_or(|found| found.contains("divides")));
}

#[test]
fn a_library_call_is_found() {
    let code = "#include <string.h>\nvoid pool_entry(char *a, char *b, unsigned long n) { memcpy(a, b, n); a[0] = 1; }";
    assert!(violations("memcpy", code).is_none_or(|found| found.contains("`memcpy`")));
}

#[test]
fn a_call_through_a_branch_is_found() {
    let code = "void abort(void); int pool_entry(int a) { if (a > 3) abort(); return a; }";
    assert!(violations("abort", code).is_none_or(|found| found.contains("`abort`")));
}

#[test]
fn a_jump_table_is_found() {
    let code = "int f0(int);int f1(int);int f2(int);int f3(int);int f4(int);int f5(int);\n\
        int pool_entry(int a, int b) { switch (a) {\n\
        case 0: return b * 7; case 1: return b << 3 ^ 1; case 2: return b - 9; case 3: return ~b;\n\
        case 4: return b * b; case 5: return b >> 2; case 6: return b & 5; case 7: return b | 9; default: return 0; } }";
    assert!(violations("table", code).is_none_or(|found| found.contains("table")));
}

#[test]
fn a_call_through_a_pointer_is_found() {
    let code = "int pool_entry(int (**f)(int)) { return f[0](1) + 1; }";
    assert!(violations("pointer", code).is_none_or(|found| found.contains("pointer")));
}
