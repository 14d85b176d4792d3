//! Every kind of pool against its model, on a long program of correct and wrong operations.

use core::ptr::NonNull;

use microusc_pool::{AtomicPool, InterruptLock, Pool, words_for};
use microusc_testkit::pool_model::MOST_BLOCKS;
use microusc_testkit::pools::{Dynamic, Static};
use microusc_testkit::sets::SetWithOneDrivenClass;
use microusc_testkit::{Counts, Operation, PoolModel, PoolUnderTest, Random, Refusal, Violation};

use crate::board::{self, println};

/// Operations on each pool.
const OPERATIONS: usize = 6000;

/// The content of a block. Blocks are small, because some boards have 16 KiB of memory.
type Block = [u32; 5];
type TypedPool = Pool<Block, MOST_BLOCKS, InterruptLock>;
type LockFreePool = AtomicPool<Block, MOST_BLOCKS, { words_for(MOST_BLOCKS) }>;

fn check(mut pool: impl PoolUnderTest) -> Result<(), Violation> {
    let mut bytes = Random::new(0x9E37_79B9).bytes();
    let mut model = PoolModel::new(&mut pool);
    for _ in 0..OPERATIONS {
        let Some(operation) = Operation::read(&mut bytes) else { break };
        model.step(&mut pool, with_small_blocks(operation))?;
    }
    model.drain(&mut pool)
}

/// The same operation with blocks no larger than those of the pools whose geometry is a constant.
fn with_small_blocks(operation: Operation) -> Operation {
    match operation {
        Operation::Restart(size, blocks) => {
            Operation::Restart(size % (1 + size_of::<Block>() - size_of::<usize>()) as u8, blocks)
        }
        other => other,
    }
}

fn report(name: &str, checked: Result<(), Violation>) -> bool {
    match &checked {
        Ok(()) => println!("{name}: no rule broken in {OPERATIONS} operations"),
        Err(violation) => println!("{name}: {violation}"),
    }
    checked.is_ok()
}

/// Checks each of them, and a pool with a flaw, which the model must find.
#[unsafe(no_mangle)]
pub extern "C" fn program_model() -> i32 {
    let sound = [
        report("typed pool", check(Static::new(TypedPool::new))),
        report("dynamic pool", check(Dynamic::<InterruptLock>::new(20, 8))),
        report("lock-free pool", check(Static::new(LockFreePool::new))),
        report("class of a set", check(SetWithOneDrivenClass::<InterruptLock>::new(24))),
    ];
    let Err(Violation { rule, .. }) = check(AcceptsEveryFree(Dynamic::new(20, 8))) else {
        return board::BROKEN;
    };
    println!("a pool that accepts every free: {rule}");
    if sound == [true; 4] { board::PASSED } else { board::BROKEN }
}

/// A pool with a flaw: it reports success for every free.
struct AcceptsEveryFree(Dynamic<InterruptLock>);

impl PoolUnderTest for AcceptsEveryFree {
    fn alloc(&mut self) -> Result<NonNull<u8>, Refusal> {
        self.0.alloc()
    }
    unsafe fn free(&mut self, block: *mut u8) -> Result<(), Refusal> {
        // SAFETY: as the caller promises.
        let _ignored = unsafe { self.0.free(block) };
        Ok(())
    }
    fn counts(&mut self) -> Counts {
        self.0.counts()
    }
    fn validate(&mut self) -> bool {
        self.0.validate()
    }
    fn repair(&mut self) -> usize {
        self.0.repair()
    }
    fn reset_lowest_free(&mut self) {
        self.0.reset_lowest_free();
    }
    fn restart(&mut self, block_size: usize, count: usize) {
        self.0.restart(block_size, count);
    }
}
