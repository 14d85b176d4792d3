//! The command line, as users see it. `TRYCMD=overwrite cargo test -p poolscope --test commands` accepts changes.

#[test]
fn commands() {
    trycmd::TestCases::new().case("tests/cmd/*.trycmd");
}
