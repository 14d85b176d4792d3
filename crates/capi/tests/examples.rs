//! Each C program in `examples/` compiles without a warning, links with the archive, and prints what its last comment says.
#![cfg(feature = "diagnostics")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// The archive that Cargo built for this test, in the folder of the test's own program or in the one above.
fn archive() -> PathBuf {
    let program = std::env::current_exe().expect("the test has a path");
    let folders = program.ancestors().skip(1).take(2);
    let newest = folders
        .flat_map(|folder| std::fs::read_dir(folder).expect("a folder of Cargo's"))
        .map(|entry| entry.expect("a file of Cargo's").path())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("libmicrousc_memory") && name.ends_with(".a")
        })
        .max_by_key(|path| path.metadata().and_then(|metadata| metadata.modified()).ok());
    newest.expect("Cargo builds the archive with the crate")
}

/// The text after `Prints:` in the last comment of a program.
fn expected(source: &str) -> &str {
    let (_, comment) =
        source.rsplit_once("/* Prints:\n").expect("the last comment says what the program prints");
    comment.trim_end().strip_suffix("*/").expect("the comment ends the file")
}

#[test]
fn each_example_in_c_prints_what_it_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let examples = std::fs::read_dir(root.join("examples")).expect("there are examples");
    let mut run = 0;
    for example in examples.map(|entry| entry.expect("an example").path()) {
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(example.file_stem().expect("a name"));
        let compiled = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()))
            .args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic", "-I"])
            .arg(root.join("include"))
            .arg(&example)
            .arg(archive())
            .args(["-lpthread", "-ldl", "-lm", "-o"])
            .arg(&program)
            .output()
            .expect("there is a C compiler");
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
        let output = Command::new(&program).output().expect("the program runs");
        assert!(output.status.success(), "{}", example.display());
        let source = std::fs::read_to_string(&example).expect("it was compiled");
        assert_eq!(String::from_utf8_lossy(&output.stdout), expected(&source), "{}", example.display());
        run += 1;
    }
    assert!(run >= 2, "only {run} examples");
}
