use std::ptr::NonNull;

use microusc_chips::{Chip, ChipHeap, Engine};
use proptest::prelude::*;

use super::contender::{Allocator, BlockCost};
use super::overlap::BlockAddresses;
use super::*;
use crate::layout::derive::{Peaks, Survey};
use crate::layout::{Layout, Placement, PoolSpec};
use crate::trace::{BadFree, Context, Event, Meta, Writer};
use crate::{input, report};

const FRAGMENTATION: &str = include_str!("../../tests/fixtures/replay/fragmentation.csv");

fn derived(csv: &str) -> Layout {
    let open = || input::open(csv.as_bytes(), None).unwrap();
    let survey = Survey::take(&mut *open()).unwrap();
    Peaks::count(&survey, &mut *open()).unwrap().layout(&survey)
}

fn replay(plan: &Plan, csv: &str) -> Outcome {
    run(plan, &mut *input::open(csv.as_bytes(), None).unwrap()).unwrap()
}

/// `esp32c2` with all its RAM in one region of `bytes`.
fn small(bytes: usize, layout: Layout) -> Plan {
    let plan = Plan::new(Chip::Esp32C2, layout);
    Plan { heap: plan.heap.size("RAM0", bytes).size("RAM1", 0), verify: true, ..plan }
}

fn pool(name: &str, block_size: u32, blocks: u32, placement: Placement) -> PoolSpec {
    PoolSpec { name: name.into(), block_size, blocks, placement }
}

fn layout(pools: &[PoolSpec]) -> Layout {
    Layout { spill: false, heap_fallback: false, pools: pools.to_vec() }
}

fn csv(lines: &str) -> String {
    format!("time_us,op,id,size\n{lines}")
}

#[test]
fn the_heap_fragments_where_the_pools_do_not() {
    let outcome = replay(&small(13_312, derived(FRAGMENTATION)), FRAGMENTATION);
    assert!(outcome.is_good());
    assert_eq!(outcome.pools.unwrap().common.failed, 0);
    let failure = outcome.heap.first_failure.unwrap();
    assert_eq!((outcome.heap.failed, failure.kind, failure.size), (1, "fragmented", 1500));
    assert_eq!((failure.moment.event, failure.moment.ticks), (181, 40_750));
}

/// A verdict holds if another TLSF gives it, too; close to the edge it does not.
#[test]
fn another_engine_gives_the_same_verdict_away_from_the_edge() {
    for (bytes, both_fail) in [(12_300, true), (13_312, false)] {
        let plan = small(bytes, derived(FRAGMENTATION));
        let other = Plan { heap: plan.heap.clone().engine(Engine::Rlsf), ..plan.clone() };
        let (chips, other) = (replay(&plan, FRAGMENTATION), replay(&other, FRAGMENTATION));
        assert_eq!((chips.heap_engine, other.heap_engine), ("espressif", "rlsf"));
        assert_eq!((chips.heap.defects, other.heap.defects), (0, 0));
        let kind = |outcome: &Outcome| outcome.heap.first_failure.as_ref().map(|failure| failure.kind);
        assert_eq!((kind(&chips), kind(&other)), (Some("fragmented"), both_fail.then_some("fragmented")));
        assert_eq!(other.heap.available_bytes, chips.heap.available_bytes);
        let wasted =
            |outcome: &Outcome| outcome.heap.allocated_bytes_total - outcome.heap.requested_bytes_total;
        assert!(wasted(&other) < wasted(&chips), "rlsf does not cut to classes");
        assert!(report::replay_text(&other).starts_with("Replay on esp32c2 with the heap of rlsf: "));
        assert!(report::replay_text(&chips).starts_with("Replay on esp32c2: "));
    }
}

/// The missing bytes are right up to the heap's rounding.
#[test]
fn a_layout_fits_once_the_missing_bytes_are_there() {
    let layout = derived(FRAGMENTATION);
    for bytes in [3_000, 8_000, 11_000, 12_500] {
        let misfit = replay(&small(bytes, layout.clone()), FRAGMENTATION).misfit.unwrap();
        let missing = misfit.missing_bytes as usize;
        assert!(missing > 0 && misfit.needed_bytes > 12_000);
        assert!(replay(&small(bytes + missing * 7 / 8 - 8, layout.clone()), FRAGMENTATION).misfit.is_some());
        assert!(replay(&small(bytes + missing + 1_000, layout.clone()), FRAGMENTATION).is_good());
    }
}

#[test]
fn the_first_failure_names_its_task() {
    let mut writer = Writer::new(Vec::new(), &Meta::new("test", 1000)).unwrap();
    for (name, core) in [("net", 0), ("GPIO", 1)] {
        writer.define_context(&Context { name: name.into(), core, in_isr: core == 1 }).unwrap();
    }
    let alloc = |slot| Event::Alloc { slot, size: 20, dt: 3 };
    let events =
        [Event::Switch { context: 0 }, alloc(0), alloc(1), Event::Switch { context: 1 }, alloc(2), alloc(3)];
    events.into_iter().for_each(|event| writer.write(event).unwrap());
    let (trace, _) = writer.finish().unwrap();
    let plan = Plan::new(Chip::Esp32, layout(&[pool("a", 24, 2, Placement::Dram)]));
    let outcome = run(&plan, &mut *input::open(&trace[..], None).unwrap()).unwrap();
    assert!(!outcome.is_good() && outcome.heap.failed == 0);
    let pools = outcome.pools.unwrap().common;
    let Failure { moment, size, kind, reason } = pools.first_failure.unwrap();
    assert_eq!((pools.served, pools.failed, size, kind), (2, 2, 20, "exhausted"));
    assert_eq!((moment.event, moment.ticks, moment.ms), (3, 9, Some(9.0)));
    assert_eq!(moment.context.unwrap(), Context { name: "GPIO".into(), core: 1, in_isr: true });
    assert!(reason.contains("all 2 blocks of pool `a`"), "{reason}");
}

#[test]
fn double_frees_are_refused_and_older_frees_left_out() {
    let trace = csv("0,alloc,a,8\n1,free,a,\n2,free,a,\n3,free,b,\n4,alloc,a,8\n5,free,c,\n");
    let outcome = replay(&Plan::new(Chip::Esp32C3, derived(&trace)), &trace);
    let pools = &outcome.pools.as_ref().unwrap().common;
    // Only the double free is the program's; the others are of blocks older than the recording.
    assert_eq!(
        (pools.double_frees, pools.double_frees_refused, pools.older_frees, pools.defects),
        (1, 1, 2, 0)
    );
    assert_eq!(
        (outcome.heap.double_frees, outcome.heap.double_frees_refused, outcome.heap.older_frees),
        (1, 0, 2)
    );
    let text = report::replay_text(&outcome);
    assert!(
        text.contains("1 double free in the recording: ")
            && text.contains("2 frees of blocks older than the recording"),
        "{text}"
    );
    assert_eq!(outcome.heap.first_double_free.as_ref().unwrap().event, 3);
    assert!(outcome.is_good());
}

#[test]
fn spill_goes_one_pool_up_and_then_to_the_heap() {
    let pools = [16, 24, 32].map(|size| pool(&format!("b{size}"), size, 1, Placement::Dram));
    let trace = csv("0,alloc,a,16\n0,alloc,b,16\n0,alloc,c,16\n0,alloc,d,99\n0,free,b,\n0,alloc,e,20\n");
    let run = |spill, heap_fallback| {
        let layout = Layout { spill, heap_fallback, pools: pools.to_vec() };
        let outcome = replay(&Plan { verify: true, ..Plan::new(Chip::Esp32H2, layout) }, &trace);
        let pools = outcome.pools.unwrap();
        assert_eq!(pools.common.defects, 0);
        (pools.common.failed, pools.heap_pool_exhausted, pools.heap_too_large, pools.each.map_spilled())
    };
    assert_eq!(run(false, false), (3, 0, 0, vec![0, 0, 0]));
    assert_eq!(run(true, false), (2, 0, 0, vec![0, 1, 0]));
    assert_eq!(run(false, true), (0, 2, 1, vec![0, 0, 0]));
    assert_eq!(run(true, true), (0, 1, 1, vec![0, 1, 0]));
}

trait Spilled {
    fn map_spilled(&self) -> Vec<u64>;
}

impl Spilled for Vec<PoolOutcome> {
    fn map_spilled(&self) -> Vec<u64> {
        self.iter().map(|pool| pool.spilled_in).collect()
    }
}

/// Blocks of one word of the chip, which are half a word of the host.
#[test]
fn blocks_are_accounted_as_on_the_chip() {
    let trace = csv("0,alloc,a,4\n0,alloc,b,3\n0,alloc,c,7\n");
    let pools = [pool("words", 4, 10, Placement::Dram), pool("odd", 7, 3, Placement::Dram)];
    let outcome = replay(&Plan { verify: true, ..Plan::new(Chip::Esp32C3, layout(&pools)) }, &trace);
    assert!(outcome.is_good());
    let pools = outcome.pools.unwrap().common;
    let Peak { requested_bytes, allocated_bytes, overhead_bytes, reserved_bytes } = pools.peak;
    assert_eq!((requested_bytes, allocated_bytes, reserved_bytes), (14, 4 + 4 + 8, 8 * 4 + 2 * 8));
    // Two structs of 24 and control blocks of 100 bytes, 13 marks, four headers, and what the heap rounds up.
    assert!((2 * 124 + 13 + 16..2 * 124 + 13 + 16 + 40).contains(&overhead_bytes), "{overhead_bytes}");
    assert_eq!(pools.peak_use_bytes, allocated_bytes + overhead_bytes + reserved_bytes);
}

#[test]
fn pools_are_placed_where_the_layout_says() {
    let trace = csv("0,alloc,a,40\n1,alloc,b,400\n2,alloc,c,4000\n");
    let pools = layout(&[
        pool("iram", 40, 2, Placement::Iram),
        pool("dram", 400, 2, Placement::Dram),
        pool("psram", 4000, 2, Placement::Psram),
    ]);
    let outcome = replay(&Plan { verify: true, ..Plan::new(Chip::Esp32, pools.clone()) }, &trace);
    assert!(outcome.is_good(), "{:?}", outcome.misfit);
    // Whole cache lines of 32 bytes.
    assert_eq!(outcome.pools.unwrap().common.peak.allocated_bytes, 40 + 400 + 4000);
    let odd = layout(&[pool("psram", 4001, 2, Placement::Psram)]);
    let outcome = replay(&Plan { verify: true, ..Plan::new(Chip::Esp32, odd) }, &csv("0,alloc,a,1\n"));
    assert_eq!(outcome.pools.unwrap().common.peak.allocated_bytes, 4032);

    let misfit = |chip, psram: Option<usize>| {
        let mut plan = Plan::new(chip, pools.clone());
        if let Some(bytes) = psram {
            plan.heap = plan.heap.psram(bytes);
        }
        replay(&plan, &trace).misfit.map(|misfit| misfit.pool)
    };
    assert_eq!(misfit(Chip::Esp32S3, None).as_deref(), Some("iram"));
    assert_eq!(misfit(Chip::Esp32C3, None).as_deref(), Some("iram"));
    assert_eq!(misfit(Chip::Esp32, Some(0)).as_deref(), Some("psram"));
    assert_eq!(misfit(Chip::Esp32, Some(8192)).as_deref(), Some("psram"));
    assert_eq!(misfit(Chip::Esp32, Some(16_384)), None);
    // More instruction RAM than there is: no other memory takes its place.
    let too_much = layout(&[pool("iram", 1024, 70, Placement::Iram)]);
    let misfit = replay(&Plan::new(Chip::Esp32, too_much), &trace).misfit.unwrap();
    assert!(misfit.placement == Placement::Iram && misfit.missing_bytes > 0, "{misfit:?}");
}

#[test]
fn malloc_uses_external_ram_only_if_allowed() {
    let trace = csv("0,alloc,a,20\n1,alloc,b,1000000\n");
    let plan = Plan::new(Chip::Esp32S3, Layout { heap_fallback: true, ..layout(&[]) });
    let internal = replay(&plan, &trace);
    let open = Plan { heap: plan.heap.clone().malloc_internal_up_to(16_384), malloc_psram: true, ..plan };
    let external = replay(&open, &trace);
    assert!(!internal.is_good() && external.is_good());
    assert_eq!((internal.heap.failed, external.heap.failed), (1, 0));
    assert!(external.heap.available_bytes > internal.heap.available_bytes + (1 << 20));
}

/// Blocks that lay in external RAM are there again, and get no pool in internal RAM.
#[test]
fn blocks_of_external_ram_are_replayed_in_external_ram() {
    let trace =
        csv("0,alloc,0x3f800010,393216\n1,alloc,0x3ffb8000,64\n2,alloc,0x3f900010,64\n3,free,0x3f800010,\n");
    let survey = Survey::take(&mut *input::open(trace.as_bytes(), None).unwrap()).unwrap();
    assert_eq!((survey.external(), survey.large()), (2, 0));
    let layout = derived(&trace);
    assert_eq!((layout.pools.len(), layout.pools[0].blocks, layout.heap_fallback), (1, 1, true));
    let outcome = replay(&Plan { verify: true, ..Plan::new(Chip::Esp32, layout.clone()) }, &trace);
    let pools = outcome.pools.as_ref().unwrap();
    assert!(outcome.is_good() && outcome.heap.failed == 0, "{}", report::replay_text(&outcome));
    assert_eq!((outcome.heap.external_requests, pools.heap_external, pools.heap_too_large), (2, 2, 0));
    assert!(outcome.heap.peak_use_bytes < outcome.heap.available_bytes);
    assert!(report::replay_text(&outcome).contains("2 requests were served from PSRAM in the recording"));
    // A chip without any: internal RAM is asked, and the outcome says so.
    let without = replay(&Plan::new(Chip::Esp32C3, layout), &trace);
    assert_eq!(without.heap.failed, 1);
    assert!(
        report::replay_text(&without).contains("esp32c3 has none here"),
        "{}",
        report::replay_text(&without)
    );
    // A pool in external RAM serves them.
    let pools = Layout {
        heap_fallback: true,
        ..self::layout(&[pool("a", 64, 1, Placement::Dram), pool("b", 400_000, 2, Placement::Psram)])
    };
    let outcome = replay(&Plan { verify: true, ..Plan::new(Chip::Esp32, pools) }, &trace);
    let peaks: Vec<u64> = outcome.pools.as_ref().unwrap().each.iter().map(|pool| pool.peak_blocks).collect();
    assert_eq!((peaks, outcome.is_good()), (vec![1, 2], true));
}

/// Regions are separate: what is free in another is no fragmentation.
#[test]
fn an_empty_heap_is_not_fragmented() {
    for chip in Chip::ALL {
        for engine in Engine::ALL.into_iter().filter(|engine| engine.runs_on(chip)) {
            let plan = Plan::new(chip, layout(&[pool("a", 8, 1, Placement::Dram)]));
            let outcome = replay(
                &Plan { heap: plan.heap.clone().engine(engine), ..plan },
                &csv("0,alloc,a,8\n1,free,a,\n"),
            );
            assert!(!outcome.fragmentation.is_empty());
            assert!(
                outcome.fragmentation.iter().all(|region| region.percent == 0.0),
                "{chip}: {:?}",
                outcome.fragmentation
            );
            assert!(outcome.samples.iter().all(|sample| sample.heap.fragmented_bytes == 0));
            assert!(report::replay_text(&outcome).contains("Heap fragmentation: 0 %"));
        }
    }
    let outcome = replay(&small(14_000, derived(FRAGMENTATION)), FRAGMENTATION);
    let worst = outcome.fragmentation.iter().max_by(|a, b| a.percent.total_cmp(&b.percent)).unwrap();
    assert_eq!(worst.region, "RAM0");
    let share = 100.0 - worst.largest_block as f64 * 100.0 / worst.free_bytes as f64;
    assert!((share - worst.percent).abs() < 1e-9 && worst.percent > 80.0, "{worst:?}");
}

#[test]
fn requests_for_zero_and_for_all_bytes_are_counted() {
    let trace = csv(&format!("0,alloc,a,0\n0,alloc,b,{}\n0,alloc,c,8\n0,free,a,\n0,free,b,\n", u64::MAX - 9));
    let pools = Layout { heap_fallback: true, ..layout(&[pool("a", 8, 1, Placement::Dram)]) };
    let outcome = replay(&Plan { verify: true, ..Plan::new(Chip::Esp32P4, pools) }, &trace);
    let pools = outcome.pools.unwrap().common;
    for one in [pools, outcome.heap] {
        assert_eq!((one.zero_requests, one.served, one.failed, one.defects), (1, 1, 1, 0));
        assert_eq!(one.first_failure.unwrap().kind, "refused");
    }
}

#[test]
fn a_replay_is_deterministic_but_for_the_clock() {
    let run = || Outcome { timing: None, ..replay(&small(14_000, derived(FRAGMENTATION)), FRAGMENTATION) };
    let (first, second) = (run(), run());
    assert_eq!(report::json(&first), report::json(&second));
    assert_eq!(report::replay_text(&first), report::replay_text(&second));
    assert!(report::json(&first).starts_with("{\n  \"schema\": \"poolscope.replay/2\",\n"));
    assert!(!report::json(&first).contains("timing") && !report::replay_text(&first).contains("million"));
    let timed = replay(&small(14_000, derived(FRAGMENTATION)), FRAGMENTATION);
    assert!(
        report::json(&timed).contains("events_per_second")
            && report::replay_text(&timed).contains("million events/s")
    );
}

proptest! {
    /// With the layout derived from it, every recording runs, whatever it is; and the counters agree with the heap.
    #[test]
    fn derived_layouts_serve_everything(
        steps in prop::collection::vec((any::<bool>(), 0..5_000_u64, any::<usize>()), 1..300),
    ) {
        let (mut live, mut lines) = (Vec::new(), String::new());
        for (id, &(alloc, size, pick)) in steps.iter().enumerate() {
            if alloc || live.is_empty() {
                lines += &format!("{id},alloc,{id},{size}\n");
                live.push(id);
            } else {
                lines += &format!("{id},free,{},\n", live.swap_remove(pick % live.len()));
            }
        }
        let trace = csv(&lines);
        let outcome = replay(&Plan { verify: true, ..Plan::new(Chip::Esp32S3, derived(&trace)) }, &trace);
        if outcome.misfit.is_none() && outcome.heap.failed == 0 {
            prop_assert!(outcome.is_good(), "{}", report::replay_text(&outcome));
            let pools = outcome.pools.unwrap();
            prop_assert!(pools.each.iter().all(|pool| pool.peak_blocks == pool.blocks));
            let Peak { requested_bytes, allocated_bytes, overhead_bytes, reserved_bytes } = pools.common.peak;
            prop_assert!(requested_bytes <= allocated_bytes);
            prop_assert!(pools.static_bytes <= allocated_bytes + overhead_bytes + reserved_bytes);
            prop_assert!(allocated_bytes + overhead_bytes + reserved_bytes <= pools.common.peak_use_bytes);
            let last = outcome.samples.last().unwrap();
            let live: u64 = outcome.heap.available_bytes - last.heap.free_bytes;
            prop_assert!(live <= outcome.heap.peak_use_bytes);
            prop_assert_eq!(live > 0, outcome.heap.live_at_end > 0);
        }
    }
}

/// A program that writes into a block that it has freed.
#[test]
fn a_damaged_pool_is_the_reason_of_the_failure() {
    let layout = layout(&[pool("a", 16, 2, Placement::Dram)]);
    let placed = PlacedPools::new(ChipHeap::new(Chip::Esp32C3).unwrap(), &layout).unwrap();
    let mut memory = PoolMemory::new(&layout, &placed);
    let mut pools = Pools::new(&layout, placed, &mut memory, false).unwrap();
    let (block, tag) = pools.alloc(10, false).unwrap();
    // SAFETY: just allocated; the write after the free is the fault to be found, and the memory is still the pool's.
    unsafe {
        pools.free(block, tag).unwrap();
        block.cast::<usize>().write(0x1234);
    }
    // The damaged link is met behind the block that it is in.
    pools.alloc(10, false).unwrap();
    assert!(pools.alloc(10, false).is_none());
    assert_eq!(pools.why_failed(10, false), ("corrupt", "corrupt: pool `a` is damaged".to_owned()));
    assert!(matches!(pools.check(1, 0), Err(Defect::CountsDiffer(_))));
}

fn chunk(events: &[Event]) -> Chunk<'_> {
    Chunk { events, start: Clock::default(), tick_hz: 0, contexts: &[] }
}

/// An allocator that is broken in a chosen way.
struct Broken {
    memory: Box<[u64; 64]>,
    next: usize,
    way: Way,
}

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Not,
    /// Every block is the same one.
    Twice,
    /// Blocks overlap by their last word.
    Overlap,
    /// The chip address is outside the region.
    Outside,
    /// Frees write over the block before.
    Overwrite,
    /// Frees are refused.
    Refuse,
    /// Wrong frees are accepted.
    Accept,
    /// Its own count is wrong.
    Miscount,
}

impl Allocator for Broken {
    fn alloc(&mut self, _: u64, _: bool) -> Option<(NonNull<u8>, u32)> {
        let stride = match self.way {
            Way::Twice => 0,
            Way::Overlap => 1,
            _ => 2,
        };
        let at = self.next;
        self.next += stride;
        Some((NonNull::from(&mut self.memory[at]).cast(), at as u32))
    }

    unsafe fn free(&mut self, _: NonNull<u8>, tag: u32) -> Result<(), Defect> {
        if self.way == Way::Overwrite {
            self.memory[tag as usize + 2] = 0;
        }
        if self.way == Way::Refuse { Err(Defect::FreeRefused("no".into())) } else { Ok(()) }
    }

    fn double_free(&mut self) -> Result<bool, Defect> {
        if self.way == Way::Accept { Err(Defect::DoubleFreeAccepted) } else { Ok(true) }
    }

    fn cost(&self, _: u32) -> BlockCost {
        BlockCost { allocated: 12, header: 0, ram: 0 }
    }

    fn why_failed(&self, _: u64, _: bool) -> (&'static str, String) {
        ("refused", String::new())
    }

    fn addresses(&self, _: NonNull<u8>, tag: u32) -> BlockAddresses {
        let start = 8 * tag + if self.way == Way::Outside { 1000 } else { 0 };
        BlockAddresses { block: start..start + 12, within: 0..512 }
    }

    fn free_memory(&self) -> FreeMemory {
        FreeMemory::default()
    }

    fn check(&self, blocks: u64, _: u64) -> Result<(), Defect> {
        let right = self.way != Way::Miscount || blocks != 1;
        if right { Ok(()) } else { Err(Defect::CountsDiffer("wrong".into())) }
    }
}

/// Verification finds each kind of fault, and at the right event; a sound allocator passes.
#[test]
fn verification_finds_each_fault_at_its_event() {
    let alloc = |slot| Event::Alloc { slot, size: 16, dt: 0 };
    let free = |slot| Event::Free { slot, dt: 0 };
    let events =
        [alloc(0), alloc(1), alloc(2), Event::BadFree { kind: BadFree::DoubleFree, dt: 0 }, free(0), free(1)];
    let found = |way, verify| {
        let mut broken = Contender::new(Broken { memory: Box::new([0; 64]), next: 0, way }, verify);
        broken.run(&chunk(&events));
        let mut end = Clock::default();
        events.iter().for_each(|event| end.advance(event));
        broken.finish(&Chunk { start: end, ..chunk(&[]) });
        broken.first_defect.map(|defect| (defect.moment.event, defect.what))
    };
    let at = |event, defect: Defect| Some((event, defect.to_string()));
    assert_eq!(found(Way::Not, true), None);
    assert_eq!(found(Way::Twice, true), at(2, Defect::Overlap { address: 0, other: 0 }));
    assert_eq!(found(Way::Twice, false), at(5, Defect::Overwritten));
    assert_eq!(found(Way::Overlap, true), at(2, Defect::Overlap { address: 8, other: 0 }));
    assert_eq!(found(Way::Overlap, false), at(5, Defect::Overwritten));
    assert_eq!(found(Way::Outside, true), at(1, Defect::OutsideRegion { address: 1000 }));
    assert_eq!(found(Way::Outside, false), None);
    assert_eq!(found(Way::Overwrite, false), at(6, Defect::Overwritten));
    assert_eq!(found(Way::Refuse, false), at(5, Defect::FreeRefused("no".into())));
    assert_eq!(found(Way::Accept, false), at(4, Defect::DoubleFreeAccepted));
    assert_eq!(found(Way::Miscount, false), at(6, Defect::CountsDiffer("wrong".into())));
}

/// What the heap counts and what the program has is compared, in blocks and in bytes.
#[test]
fn counters_that_differ_from_the_heap_are_a_defect() {
    let heap = || {
        let mut heap = Contender::new(Heap::new(ChipHeap::new(Chip::Esp32C3).unwrap(), false), true);
        heap.run(&chunk(&[Event::Alloc { slot: 0, size: 10, dt: 0 }]));
        heap
    };
    let found = |mut heap: Contender<Heap>| {
        heap.finish(&chunk(&[]));
        heap.first_defect.map(|defect| defect.what)
    };
    assert_eq!(found(heap()), None);
    let (mut blocks, mut bytes) = (heap(), heap());
    blocks.counters.blocks += 1;
    bytes.counters.live.ram += 4;
    for heap in [blocks, bytes] {
        assert!(found(heap).unwrap().starts_with("the counts differ: the heap counts "));
    }
}
