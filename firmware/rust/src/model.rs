//! Every kind of pool against the shadow model, on a long program of right and wrong operations.

use core::iter::from_fn;

use microusc_testkit::{Op, Shadow, Subject, Violation};

use crate::board::{self, println};
use crate::random::Random;
use crate::subjects::{BLOCK_BYTES, Dynamic, Forgetful, LockFree, SetClass, Typed};

/// Operations on each pool.
const OPERATIONS: usize = 6000;

fn judge(mut subject: impl Subject) -> Result<(), Violation> {
    let mut random = Random::new(0x9E37_79B9);
    let mut bytes = from_fn(|| random.next().map(|word| (word >> 11) as u8));
    let mut shadow = Shadow::new(&mut subject);
    for _ in 0..OPERATIONS {
        let Some(op) = Op::read(&mut bytes) else { break };
        shadow.step(&mut subject, small(op))?;
    }
    shadow.drain(&mut subject)
}

/// The same operation with blocks that the pools of a constant geometry have, and that fit the smallest board.
fn small(op: Op) -> Op {
    match op {
        Op::Restart(size, count) => Op::Restart(size % (1 + BLOCK_BYTES - size_of::<usize>()) as u8, count),
        other => other,
    }
}

fn verdict(name: &str, judged: Result<(), Violation>) -> bool {
    match &judged {
        Ok(()) => println!("{name}: no rule broken in {OPERATIONS} operations"),
        Err(violation) => println!("{name}: {violation}"),
    }
    judged.is_ok()
}

/// Judges them all; and a pool with a flaw, in which the model must find it.
#[unsafe(no_mangle)]
pub extern "C" fn program_model() -> i32 {
    let sound = [
        verdict("typed pool", judge(Typed::new())),
        verdict("dynamic pool", judge(Dynamic::new(20, 8))),
        verdict("lock-free pool", judge(LockFree::new())),
        verdict("class of a set", judge(SetClass::new())),
    ];
    let Err(Violation { rule, .. }) = judge(Forgetful::new()) else { return board::BROKEN };
    println!("a pool that believes every free: {rule}");
    if sound == [true; 4] { board::PASSED } else { board::BROKEN }
}
