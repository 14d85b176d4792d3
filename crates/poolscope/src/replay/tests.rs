use std::ptr::NonNull;

use microusc_chips::{Chip, ChipHeap, Engine};
use proptest::prelude::*;

use super::contender::{Defect, Grant, Outcome, Reason};
use super::*;
use crate::input;
use crate::layout::derive::{Peaks, Survey};
use crate::layout::{Placement, PoolSpec};
use crate::trace::{BadFree, Context, Event, Meta, Writer};

const FRAGMENTATION: &str = include_str!("../../tests/fixtures/replay/fragmentation.csv");

fn derived(csv: &str) -> Layout {
    let open = || input::open(csv.as_bytes(), None).unwrap();
    let survey = Survey::take(&mut *open()).unwrap();
    Peaks::count(&survey, &mut *open()).unwrap().layout(&survey)
}

fn replay(setup: &Setup, csv: &str) -> Report {
    run(setup, &mut *input::open(csv.as_bytes(), None).unwrap()).unwrap()
}

/// `esp32c2` with all its RAM in one region of `bytes`.
fn small(bytes: usize, layout: Layout) -> Setup {
    let setup = Setup::new(Chip::Esp32C2, layout);
    Setup { heap: setup.heap.size("RAM0", bytes).size("RAM1", 0), verify: true, ..setup }
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
    let report = replay(&small(13_312, derived(FRAGMENTATION)), FRAGMENTATION);
    assert!(report.is_good());
    assert_eq!(report.pools.unwrap().side.failed, 0);
    let failure = report.heap.first_failure.unwrap();
    assert_eq!((report.heap.failed, failure.kind, failure.size), (1, "fragmented", 1500));
    assert_eq!((failure.moment.event, failure.moment.ticks), (181, 40_750));
}

/// A verdict holds if another TLSF gives it, too; close to the edge it does not.
#[test]
fn the_verdict_can_be_checked_with_another_heap() {
    for (bytes, both_fail) in [(12_300, true), (13_312, false)] {
        let setup = small(bytes, derived(FRAGMENTATION));
        let other = Setup { heap: setup.heap.clone().engine(Engine::Rlsf), ..setup.clone() };
        let (chips, other) = (replay(&setup, FRAGMENTATION), replay(&other, FRAGMENTATION));
        assert_eq!((chips.heap_engine, other.heap_engine), ("espressif", "rlsf"));
        assert_eq!((chips.heap.defects, other.heap.defects), (0, 0));
        let kind = |report: &Report| report.heap.first_failure.as_ref().map(|failure| failure.kind);
        assert_eq!((kind(&chips), kind(&other)), (Some("fragmented"), both_fail.then_some("fragmented")));
        assert_eq!(other.heap.ram_available, chips.heap.ram_available);
        let wasted = |report: &Report| report.heap.given_bytes_sum - report.heap.asked_bytes_sum;
        assert!(wasted(&other) < wasted(&chips), "rlsf does not cut to classes");
        assert!(other.render().starts_with("Replay on esp32c2 with the heap of rlsf: "));
        assert!(chips.render().starts_with("Replay on esp32c2: "));
    }
}

/// The bytes said to be missing are, up to the heap's rounding.
#[test]
fn what_is_missing_is_missing() {
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
fn the_first_failure_is_placed_in_its_task() {
    let mut writer = Writer::new(Vec::new(), &Meta::new("test", 1000)).unwrap();
    for (name, core) in [("net", 0), ("GPIO", 1)] {
        writer.define_context(&Context { name: name.into(), core, in_isr: core == 1 }).unwrap();
    }
    let alloc = |slot| Event::Alloc { slot, size: 20, dt: 3 };
    let events =
        [Event::Switch { context: 0 }, alloc(0), alloc(1), Event::Switch { context: 1 }, alloc(2), alloc(3)];
    events.into_iter().for_each(|event| writer.write(event).unwrap());
    let (trace, _) = writer.finish().unwrap();
    let setup = Setup::new(Chip::Esp32, layout(&[pool("a", 24, 2, Placement::Dram)]));
    let report = run(&setup, &mut *input::open(&trace[..], None).unwrap()).unwrap();
    assert!(!report.is_good() && report.heap.failed == 0);
    let side = report.pools.unwrap().side;
    let Failure { moment, size, kind, reason } = side.first_failure.unwrap();
    assert_eq!((side.served, side.failed, size, kind), (2, 2, 20, "exhausted"));
    assert_eq!((moment.event, moment.ticks, moment.ms), (3, 9, Some(9.0)));
    assert_eq!(moment.context.unwrap(), Context { name: "GPIO".into(), core: 1, in_isr: true });
    assert!(reason.contains("all 2 blocks of pool `a`"), "{reason}");
}

#[test]
fn wrong_frees_are_refused_and_counted() {
    let trace = csv("0,alloc,a,8\n1,free,a,\n2,free,a,\n3,free,b,\n4,alloc,a,8\n5,free,c,\n");
    let report = replay(&Setup::new(Chip::Esp32C3, derived(&trace)), &trace);
    let pools = &report.pools.as_ref().unwrap().side;
    // Only the double free is the program's; the others are of blocks older than the recording.
    assert_eq!(
        (pools.wrong_frees, pools.wrong_frees_refused, pools.older_frees, pools.defects),
        (1, 1, 2, 0)
    );
    assert_eq!(
        (report.heap.wrong_frees, report.heap.wrong_frees_refused, report.heap.older_frees),
        (1, 0, 2)
    );
    let text = report.render();
    assert!(
        text.contains("1 wrong free: ") && text.contains("2 frees of blocks older than the recording"),
        "{text}"
    );
    assert_eq!(report.heap.first_wrong_free.as_ref().unwrap().event, 3);
    assert!(report.is_good());
}

#[test]
fn spill_goes_one_pool_up_and_then_to_the_heap() {
    let pools = [16, 24, 32].map(|size| pool(&format!("b{size}"), size, 1, Placement::Dram));
    let trace = csv("0,alloc,a,16\n0,alloc,b,16\n0,alloc,c,16\n0,alloc,d,99\n0,free,b,\n0,alloc,e,20\n");
    let run = |spill, heap_fallback| {
        let layout = Layout { spill, heap_fallback, pools: pools.to_vec() };
        let report = replay(&Setup { verify: true, ..Setup::new(Chip::Esp32H2, layout) }, &trace);
        let side = report.pools.unwrap();
        assert_eq!(side.side.defects, 0);
        (side.side.failed, side.heap_overflow, side.heap_too_large, side.each.map_spilled())
    };
    assert_eq!(run(false, false), (3, 0, 0, vec![0, 0, 0]));
    assert_eq!(run(true, false), (2, 0, 0, vec![0, 1, 0]));
    assert_eq!(run(false, true), (0, 2, 1, vec![0, 0, 0]));
    assert_eq!(run(true, true), (0, 1, 1, vec![0, 1, 0]));
}

trait Spilled {
    fn map_spilled(&self) -> Vec<u64>;
}

impl Spilled for Vec<PoolReport> {
    fn map_spilled(&self) -> Vec<u64> {
        self.iter().map(|pool| pool.spilled_in).collect()
    }
}

/// Blocks of one word of the chip, which are half a word of the host.
#[test]
fn blocks_are_accounted_as_on_the_chip() {
    let trace = csv("0,alloc,a,4\n0,alloc,b,3\n0,alloc,c,7\n");
    let pools = [pool("words", 4, 10, Placement::Dram), pool("odd", 7, 3, Placement::Dram)];
    let report = replay(&Setup { verify: true, ..Setup::new(Chip::Esp32C3, layout(&pools)) }, &trace);
    assert!(report.is_good());
    let side = report.pools.unwrap().side;
    let Peak { asked_bytes, given_bytes, overhead_bytes, reserved_bytes } = side.peak;
    assert_eq!((asked_bytes, given_bytes, reserved_bytes), (14, 4 + 4 + 8, 8 * 4 + 2 * 8));
    // Two structs of 24 and control blocks of 100 bytes, 13 marks, four headers, and what the heap rounds up.
    assert!((2 * 124 + 13 + 16..2 * 124 + 13 + 16 + 40).contains(&overhead_bytes), "{overhead_bytes}");
    assert_eq!(side.ram_peak, given_bytes + overhead_bytes + reserved_bytes);
}

#[test]
fn placements_are_honoured() {
    let trace = csv("0,alloc,a,40\n1,alloc,b,400\n2,alloc,c,4000\n");
    let pools = layout(&[
        pool("iram", 40, 2, Placement::Iram),
        pool("dram", 400, 2, Placement::Dram),
        pool("psram", 4000, 2, Placement::Psram),
    ]);
    let report = replay(&Setup { verify: true, ..Setup::new(Chip::Esp32, pools.clone()) }, &trace);
    assert!(report.is_good(), "{:?}", report.misfit);
    // Whole cache lines of 32 bytes.
    assert_eq!(report.pools.unwrap().side.peak.given_bytes, 40 + 400 + 4000);
    let odd = layout(&[pool("psram", 4001, 2, Placement::Psram)]);
    let report = replay(&Setup { verify: true, ..Setup::new(Chip::Esp32, odd) }, &csv("0,alloc,a,1\n"));
    assert_eq!(report.pools.unwrap().side.peak.given_bytes, 4032);

    let misfit = |chip, psram: Option<usize>| {
        let mut setup = Setup::new(chip, pools.clone());
        if let Some(bytes) = psram {
            setup.heap = setup.heap.psram(bytes);
        }
        replay(&setup, &trace).misfit.map(|misfit| misfit.pool)
    };
    assert_eq!(misfit(Chip::Esp32S3, None).as_deref(), Some("iram"));
    assert_eq!(misfit(Chip::Esp32C3, None).as_deref(), Some("iram"));
    assert_eq!(misfit(Chip::Esp32, Some(0)).as_deref(), Some("psram"));
    assert_eq!(misfit(Chip::Esp32, Some(8192)).as_deref(), Some("psram"));
    assert_eq!(misfit(Chip::Esp32, Some(16_384)), None);
    // More instruction RAM than there is: no other memory takes its place.
    let too_much = layout(&[pool("iram", 1024, 70, Placement::Iram)]);
    let misfit = replay(&Setup::new(Chip::Esp32, too_much), &trace).misfit.unwrap();
    assert!(misfit.placement == Placement::Iram && misfit.missing_bytes > 0, "{misfit:?}");
}

#[test]
fn malloc_reaches_external_ram_if_it_is_let() {
    let trace = csv("0,alloc,a,20\n1,alloc,b,1000000\n");
    let setup = Setup::new(Chip::Esp32S3, Layout { heap_fallback: true, ..layout(&[]) });
    let internal = replay(&setup, &trace);
    let open = Setup { heap: setup.heap.clone().malloc_internal_up_to(16_384), malloc_psram: true, ..setup };
    let external = replay(&open, &trace);
    assert!(!internal.is_good() && external.is_good());
    assert_eq!((internal.heap.failed, external.heap.failed), (1, 0));
    assert!(external.heap.ram_available > internal.heap.ram_available + (1 << 20));
}

/// Blocks that lay in external RAM are there again, and get no pool in internal RAM.
#[test]
fn blocks_of_external_ram_are_placed_there() {
    let trace =
        csv("0,alloc,0x3f800010,393216\n1,alloc,0x3ffb8000,64\n2,alloc,0x3f900010,64\n3,free,0x3f800010,\n");
    let survey = Survey::take(&mut *input::open(trace.as_bytes(), None).unwrap()).unwrap();
    assert_eq!((survey.external(), survey.large()), (2, 0));
    let layout = derived(&trace);
    assert_eq!((layout.pools.len(), layout.pools[0].blocks, layout.heap_fallback), (1, 1, true));
    let report = replay(&Setup { verify: true, ..Setup::new(Chip::Esp32, layout.clone()) }, &trace);
    let pools = report.pools.as_ref().unwrap();
    assert!(report.is_good() && report.heap.failed == 0, "{}", report.render());
    assert_eq!((report.heap.external_requests, pools.heap_external, pools.heap_too_large), (2, 2, 0));
    assert!(report.heap.ram_peak < report.heap.ram_available);
    assert!(report.render().contains("2 requests were served from PSRAM in the recording"));
    // A chip without any: internal RAM is asked, and the report says so.
    let without = replay(&Setup::new(Chip::Esp32C3, layout), &trace);
    assert_eq!(without.heap.failed, 1);
    assert!(without.render().contains("esp32c3 has none here"), "{}", without.render());
    // A pool in external RAM serves them.
    let pools = Layout {
        heap_fallback: true,
        ..self::layout(&[pool("a", 64, 1, Placement::Dram), pool("b", 400_000, 2, Placement::Psram)])
    };
    let report = replay(&Setup { verify: true, ..Setup::new(Chip::Esp32, pools) }, &trace);
    let peaks: Vec<u64> = report.pools.as_ref().unwrap().each.iter().map(|pool| pool.peak_blocks).collect();
    assert_eq!((peaks, report.is_good()), (vec![1, 2], true));
}

/// Regions are separate: what is free in another is no fragmentation.
#[test]
fn an_empty_heap_is_not_fragmented() {
    for chip in Chip::ALL {
        for engine in Engine::ALL.into_iter().filter(|engine| engine.runs_on(chip)) {
            let setup = Setup::new(chip, layout(&[pool("a", 8, 1, Placement::Dram)]));
            let report = replay(
                &Setup { heap: setup.heap.clone().engine(engine), ..setup },
                &csv("0,alloc,a,8\n1,free,a,\n"),
            );
            assert!(!report.fragmentation.is_empty());
            assert!(
                report.fragmentation.iter().all(|region| region.percent == 0.0),
                "{chip}: {:?}",
                report.fragmentation
            );
            assert!(report.samples.iter().all(|sample| sample.heap.fragmented == 0));
            assert!(report.render().contains("heap fragmentation 0 %"));
        }
    }
    let report = replay(&small(14_000, derived(FRAGMENTATION)), FRAGMENTATION);
    let worst = report.fragmentation.iter().max_by(|a, b| a.percent.total_cmp(&b.percent)).unwrap();
    assert_eq!(worst.region, "RAM0");
    let share = 100.0 - worst.largest_block as f64 * 100.0 / worst.free_bytes as f64;
    assert!((share - worst.percent).abs() < 1e-9 && worst.percent > 80.0, "{worst:?}");
}

#[test]
fn requests_for_nothing_and_for_everything() {
    let trace = csv(&format!("0,alloc,a,0\n0,alloc,b,{}\n0,alloc,c,8\n0,free,a,\n0,free,b,\n", u64::MAX - 9));
    let pools = Layout { heap_fallback: true, ..layout(&[pool("a", 8, 1, Placement::Dram)]) };
    let report = replay(&Setup { verify: true, ..Setup::new(Chip::Esp32P4, pools) }, &trace);
    let side = report.pools.unwrap().side;
    for side in [side, report.heap] {
        assert_eq!((side.zero_requests, side.served, side.failed, side.defects), (1, 1, 1, 0));
        assert_eq!(side.first_failure.unwrap().kind, "refused");
    }
}

#[test]
fn a_replay_is_deterministic_but_for_the_clock() {
    let run = || Report { timing: None, ..replay(&small(14_000, derived(FRAGMENTATION)), FRAGMENTATION) };
    let (first, second) = (run(), run());
    assert_eq!(first.to_json(), second.to_json());
    assert_eq!(first.render(), second.render());
    assert!(first.to_json().starts_with("{\n  \"schema\": \"poolscope.replay/1\",\n"));
    assert!(!first.to_json().contains("timing") && !first.render().contains("million"));
    let timed = replay(&small(14_000, derived(FRAGMENTATION)), FRAGMENTATION);
    assert!(timed.to_json().contains("events_per_second") && timed.render().contains("million events/s"));
}

proptest! {
    /// With the layout derived from it, every recording runs, whatever it is; and the books are those of the heap.
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
        let report = replay(&Setup { verify: true, ..Setup::new(Chip::Esp32S3, derived(&trace)) }, &trace);
        if report.misfit.is_none() && report.heap.failed == 0 {
            prop_assert!(report.is_good(), "{}", report.render());
            let pools = report.pools.unwrap();
            prop_assert!(pools.each.iter().all(|pool| pool.peak_blocks == pool.blocks));
            let Peak { asked_bytes, given_bytes, overhead_bytes, reserved_bytes } = pools.side.peak;
            prop_assert!(asked_bytes <= given_bytes);
            prop_assert!(pools.ram_static <= given_bytes + overhead_bytes + reserved_bytes);
            prop_assert!(given_bytes + overhead_bytes + reserved_bytes <= pools.side.ram_peak);
            let last = report.samples.last().unwrap();
            let live: u64 = report.heap.ram_available - last.heap.free;
            prop_assert!(live <= report.heap.ram_peak);
            prop_assert_eq!(live > 0, report.heap.live_at_end > 0);
        }
    }
}

/// A program that writes into a block it has freed.
#[test]
fn a_damaged_pool_says_so() {
    let layout = layout(&[pool("a", 16, 2, Placement::Dram)]);
    let carved = Carved::new(ChipHeap::new(Chip::Esp32C3).unwrap(), &layout).unwrap();
    let mut arenas = Arenas::new(&layout, &carved);
    let Carved { heap, storage, strides, .. } = carved;
    let mut pools = Pools::new(&layout, (heap, &storage, &strides), &mut arenas, false).unwrap();
    let (block, tag) = contender::Allocator::alloc(&mut pools, 10, false).unwrap();
    // SAFETY: just allocated; that it is written to afterwards is the fault to be found, and the memory is still ours.
    unsafe {
        contender::Allocator::free(&mut pools, block, tag).unwrap();
        block.cast::<usize>().write(0x1234);
    }
    // The damaged link is met behind the block that it is in.
    contender::Allocator::alloc(&mut pools, 10, false).unwrap();
    let refusal = contender::Allocator::alloc(&mut pools, 10, false).unwrap_err();
    let reason = contender::Allocator::explain(&pools, 10, false, refusal);
    assert_eq!((reason.kind, reason.message.as_str()), ("corrupt", "corrupt: pool `a` is damaged"));
    assert!(matches!(contender::Allocator::audit(&pools, 1, 0), Err(Defect::Books(_))));
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

impl contender::Allocator for Broken {
    type Refusal = ();

    fn alloc(&mut self, _: u64, _: bool) -> Result<(NonNull<u8>, u32), ()> {
        let stride = match self.way {
            Way::Twice => 0,
            Way::Overlap => 1,
            _ => 2,
        };
        let at = self.next;
        self.next += stride;
        Ok((NonNull::from(&mut self.memory[at]).cast(), at as u32))
    }

    unsafe fn free(&mut self, _: NonNull<u8>, tag: u32) -> Result<(), Defect> {
        if self.way == Way::Overwrite {
            self.memory[tag as usize + 2] = 0;
        }
        if self.way == Way::Refuse { Err(Defect::RightFreeRefused("no".into())) } else { Ok(()) }
    }

    fn double_free(&mut self) -> Result<Outcome, Defect> {
        if self.way == Way::Accept { Err(Defect::WrongFreeAccepted) } else { Ok(Outcome::Refused) }
    }

    fn grant(&self, _: u32) -> Grant {
        Grant { given: 12, header: 0, ram: 0 }
    }

    fn explain(&self, _: u64, _: bool, (): ()) -> Reason {
        Reason { kind: "refused", message: String::new() }
    }

    fn place(&self, _: NonNull<u8>, tag: u32) -> overlap::Place {
        let start = 8 * tag + if self.way == Way::Outside { 1000 } else { 0 };
        overlap::Place { block: start..start + 12, within: 0..512 }
    }

    fn room(&self) -> Room {
        Room::default()
    }

    fn audit(&self, blocks: u64, _: u64) -> Result<(), Defect> {
        let right = self.way != Way::Miscount || blocks != 1;
        if right { Ok(()) } else { Err(Defect::Books("wrong".into())) }
    }
}

/// Verification finds each kind of fault, and at the right event; a sound allocator passes.
#[test]
fn verification_finds_what_is_broken() {
    let alloc = |slot| Event::Alloc { slot, size: 16, dt: 0 };
    let free = |slot| Event::Free { slot, dt: 0 };
    let events =
        [alloc(0), alloc(1), alloc(2), Event::BadFree { kind: BadFree::DoubleFree, dt: 0 }, free(0), free(1)];
    let found = |way, verify| {
        let mut side = Side::new(Broken { memory: Box::new([0; 64]), next: 0, way }, verify);
        side.run(&events);
        side.finish(99);
        side.defect.map(|incident| (incident.at, incident.what))
    };
    assert_eq!(found(Way::Not, true), None);
    assert_eq!(found(Way::Twice, true), Some((1, Defect::Overlap { address: 0, other: 0 })));
    assert_eq!(found(Way::Twice, false), Some((4, Defect::Overwritten)));
    assert_eq!(found(Way::Overlap, true), Some((1, Defect::Overlap { address: 8, other: 0 })));
    assert_eq!(found(Way::Overlap, false), Some((4, Defect::Overwritten)));
    assert_eq!(found(Way::Outside, true), Some((0, Defect::OutsideRegion { address: 1000 })));
    assert_eq!(found(Way::Outside, false), None);
    assert_eq!(found(Way::Overwrite, false), Some((5, Defect::Overwritten)));
    assert_eq!(found(Way::Refuse, false), Some((4, Defect::RightFreeRefused("no".into()))));
    assert_eq!(found(Way::Accept, false), Some((3, Defect::WrongFreeAccepted)));
    assert_eq!(found(Way::Miscount, false), Some((99, Defect::Books("wrong".into()))));
}

/// What the heap has and what the books say is compared, in blocks and in bytes.
#[test]
fn books_that_are_wrong_are_noticed() {
    let heap = || {
        let mut heap = Side::new(Heap::new(ChipHeap::new(Chip::Esp32C3).unwrap(), false), true);
        heap.run(&[Event::Alloc { slot: 0, size: 10, dt: 0 }]);
        heap
    };
    let wrong = |mut side: Side<Heap>| {
        side.finish(0);
        side.defect.map(|incident| incident.what)
    };
    assert_eq!(wrong(heap()), None);
    let (mut blocks, mut bytes) = (heap(), heap());
    blocks.books.blocks += 1;
    bytes.books.live.ram += 4;
    for side in [blocks, bytes] {
        assert!(matches!(wrong(side), Some(Defect::Books(_))));
    }
}
