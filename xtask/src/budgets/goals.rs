//! What the numbers shall be at most. The committed table binds; these say how far there is to go.

use super::Row;

/// At most so many, as the sum of numbers of one row.
struct Goal {
    targets: &'static [&'static str],
    name: &'static str,
    what: &'static str,
    of: &'static [&'static str],
    most: u64,
}

const RISCV: &[&str] = &["riscv32imc", "riscv32imac"];

const GOALS: &[Goal] = &[
    Goal { targets: RISCV, name: "C functions", what: "pair", of: &["alloc, most", "free, most"], most: 60 },
    Goal {
        targets: RISCV,
        name: "C functions",
        what: "code",
        of: &["alloc, bytes of code", "free, bytes of code"],
        most: 280,
    },
    Goal { targets: RISCV, name: "FreeList, unchecked", what: "alloc", of: &["alloc, most"], most: 10 },
    Goal { targets: RISCV, name: "FreeList, unchecked", what: "free", of: &["free, most"], most: 8 },
    Goal {
        targets: &["riscv32imac"],
        name: "AtomicPool, addresses",
        what: "pair",
        of: &["alloc, least", "free, most"],
        most: 60,
    },
    Goal {
        targets: &["riscv32imac"],
        name: "AtomicPool",
        what: "pair",
        of: &["alloc, least", "free, most"],
        most: 60,
    },
];

/// Rows whose most is to be their least.
const CONSTANT: &[&str] =
    &["C functions", "C functions, unsynchronised", "Pool, masked", "Pool, unsynchronised, unchecked"];

/// Which goals a row meets, and by how much it misses others.
pub(super) fn verdict(target: &str, name: &str, row: &Row) -> String {
    let number = |what: &str| row.get(what).copied().unwrap_or(u64::MAX);
    let goals = GOALS.iter().filter(|goal| goal.name == name && goal.targets.contains(&target));
    let mut said: Vec<String> = goals
        .map(|goal| {
            let sum = goal.of.iter().map(|what| number(what)).fold(0, u64::saturating_add);
            let Goal { what, most, .. } = goal;
            if sum <= *most {
                format!("{what} {most} ok")
            } else {
                format!("{what} {most} MISSED by {}", sum - most)
            }
        })
        .collect();
    let varies = |what: &str| number(&format!("{what}, least")) != number(&format!("{what}, most"));
    if CONSTANT.contains(&name) && (varies("alloc") || varies("free")) {
        said.push("constant MISSED".to_owned());
    }
    said.join(", ")
}
