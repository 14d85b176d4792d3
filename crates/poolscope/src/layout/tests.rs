use super::*;

fn error(text: &str) -> (usize, String) {
    let error = Layout::parse(text).unwrap_err();
    assert!(!error.help.is_empty());
    (error.line, error.what)
}

const GOOD: &str = "[[pool]]\nname = 'a'\nblock_size = 32\nblocks = 4\n";

#[test]
fn what_is_left_out_is_off_and_in_dram() {
    let layout = Layout::parse(GOOD).unwrap();
    let pool = PoolSpec { name: "a".into(), block_size: 32, blocks: 4, placement: Placement::Dram };
    assert_eq!(layout, Layout { spill: false, heap_fallback: false, pools: vec![pool] });
}

#[test]
fn what_is_written_is_read_back() {
    let pool =
        |name: &str, block_size, placement| PoolSpec { name: name.into(), block_size, blocks: 7, placement };
    let pools = vec![
        pool("x-1", 4, Placement::Iram),
        pool("y_2", 60, Placement::Psram),
        pool("Z", 8, Placement::Dram),
    ];
    for (spill, heap_fallback) in [(false, true), (true, false)] {
        let layout = Layout { spill, heap_fallback, pools: pools.clone() };
        assert_eq!(Layout::parse(&layout.to_toml()), Ok(layout));
    }
}

#[test]
fn layout_errors_name_their_line() {
    assert_eq!(error(""), (1, "there is no pool in this layout".into()));
    assert_eq!(error("spill = true\n\n").0, 3);
    assert_eq!(error("spill = maybe\n").0, 1);
    assert_eq!(error(&format!("{GOOD}align = 4\n")).0, 5);
    assert!(error(&format!("{GOOD}align = 4\n")).1.contains("align"));
    assert_eq!(error("[[pool]]\nname = 'a'\nblocks = 4\n").0, 1);
    assert_eq!(error(&GOOD.replace("32", "3")), (3, "block_size is 3".into()));
    assert_eq!(error(&GOOD.replace("32", "-8")), (3, "block_size is -8".into()));
    assert_eq!(error(&GOOD.replace("32", "'x'")).0, 3);
    assert_eq!(error(&GOOD.replace("= 4", "= 0")), (4, "blocks is 0".into()));
    assert_eq!(error(&GOOD.replace("= 4", "= 99999999999")), (4, "blocks is 99999999999".into()));
    assert_eq!(error(&format!("{GOOD}placement = 'flash'\n")).0, 5);
    assert_eq!(error(&GOOD.replace("'a'", "'a b'")).0, 2);
    assert_eq!(error(&GOOD.replace("'a'", "''")).0, 2);
    assert_eq!(error(&GOOD.replace("'a'", "'sixteen-is-a-lot'")).0, 2);
    assert_eq!(error(&format!("{GOOD}{GOOD}")), (6, "`a` is there twice".into()));
}

#[test]
fn two_pools_of_one_size_need_spill() {
    let twins = format!("{GOOD}{}", GOOD.replace("'a'", "'b'"));
    assert_eq!(error(&twins), (6, "`b` has blocks of 32 bytes like `a`".into()));
    assert_eq!(Layout::parse(&format!("spill = true\n{twins}")).unwrap().pools.len(), 2);
}

#[test]
fn the_number_of_pools_is_bounded() {
    let pools = |n| {
        (0..n).map(|i| format!("[[pool]]\nname='p{i}'\nblock_size={}\nblocks=1\n", 8 + i)).collect::<String>()
    };
    assert!(Layout::parse(&pools(MAX_POOLS)).is_ok());
    assert_eq!(error(&pools(MAX_POOLS + 1)).0, MAX_POOLS * 4 + 2);
}
