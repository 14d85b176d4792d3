use proptest::prelude::*;

use super::*;
use crate::Error;
use crate::error::Fault;

/// Turns arbitrary numbers into a trace that is possible.
fn possible(steps: &[(u8, u64, u32)]) -> Vec<Event> {
    let mut slots = SlotMap::new();
    let mut events = Vec::new();
    let mut live = Vec::new();
    for (i, &(op, size, dt)) in steps.iter().enumerate() {
        let dt = u64::from(dt);
        match op % 5 {
            0 | 1 => {
                events.push(Event::Alloc { slot: slots.alloc(i).slot, size: size >> 16, dt });
                live.push(i);
            }
            2 if !live.is_empty() => {
                let key = live.swap_remove(size as usize % live.len());
                events.push(slots.free(key).event(dt));
            }
            3 => events.push(Event::BadFree { kind: BadFree::DoubleFree, dt }),
            _ => events.push(Event::BadFree { kind: BadFree::NeverAllocated, dt }),
        }
    }
    events
}

fn write(events: &[Event]) -> (Vec<u8>, Totals) {
    let mut writer = Writer::new(Vec::new(), &Meta::new("test", 1000)).unwrap();
    for event in events {
        writer.write(*event).unwrap();
    }
    writer.finish().unwrap()
}

fn read(bytes: &[u8]) -> Result<(Vec<Event>, Totals), Error> {
    let mut reader = Reader::new(bytes)?;
    let mut events = Vec::new();
    while reader.next_batch(&mut events)? {}
    Ok((events, reader.totals().unwrap().clone()))
}

proptest! {
    #[test]
    fn what_is_written_is_read(steps in prop::collection::vec(any::<(u8, u64, u32)>(), 0..2000)) {
        let events = possible(&steps);
        let (bytes, totals) = write(&events);
        let (again, read_totals) = read(&bytes).unwrap();
        prop_assert_eq!(again, events);
        prop_assert_eq!(read_totals, totals);
    }

    #[test]
    fn random_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..400), magic: bool) {
        let mut file = if magic { MAGIC.to_vec() } else { Vec::new() };
        file.extend(bytes);
        prop_assert!(read(&file).is_err());
    }

    #[test]
    fn every_flipped_bit_is_noticed(at in 0usize..10_000, bit in 0u8..8) {
        let (mut bytes, _) = write(&possible(&[(0, 99 << 16, 5), (1, 7 << 16, 1), (2, 0, 3), (3, 0, 1)]));
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        prop_assert!(read(&bytes).is_err());
    }
}

#[test]
fn every_truncation_is_noticed() {
    let (bytes, _) = write(&possible(&[(0, 99 << 16, 5), (1, 7 << 16, 1), (2, 0, 3)]));
    for len in 0..bytes.len() {
        match read(&bytes[..len]) {
            Err(Error::Truncated { offset }) => assert_eq!(offset, len as u64),
            other => panic!("{len}: {other:?}"),
        }
    }
}

#[test]
fn trailing_bytes_are_refused() {
    let (mut bytes, _) = write(&[]);
    bytes.push(0);
    assert!(matches!(read(&bytes), Err(Error::Corrupt { .. })));
}

#[test]
fn events_over_several_frames_are_read_back() {
    let events: Vec<_> = (0..200_000u64).map(|i| Event::Alloc { slot: i as u32, size: i, dt: i }).collect();
    let (bytes, totals) = write(&events);
    assert_eq!(read(&bytes).unwrap(), (events, totals));
}

#[test]
fn contexts_are_read_back() {
    let isr = Context { name: "timer".into(), core: 1, in_isr: true };
    let long = Context { name: "é".repeat(200), core: 0, in_isr: false };
    let mut writer = Writer::new(Vec::new(), &Meta::new("test", 1)).unwrap();
    assert!(matches!(
        writer.write(Event::Switch { context: 0 }),
        Err(Error::ImpossibleEvent(Fault::UnknownContext(0)))
    ));
    assert_eq!(writer.define_context(&isr).unwrap(), 0);
    assert_eq!(writer.define_context(&long).unwrap(), 1);
    writer.write(Event::Switch { context: 1 }).unwrap();
    writer.remark("overflowed");
    writer.remark("x".repeat(70_000));
    let (bytes, _) = writer.finish().unwrap();
    let mut reader = Reader::new(&bytes[..]).unwrap();
    let mut events = Vec::new();
    while reader.next_batch(&mut events).unwrap() {}
    assert_eq!(events, [Event::Switch { context: 1 }]);
    assert_eq!(reader.contexts()[0], isr);
    assert_eq!(reader.contexts()[1].name, "é".repeat(128));
    assert_eq!(reader.remarks(), ["overflowed"]);
}

#[test]
fn impossible_events_are_refused_and_change_nothing() {
    let mut live = LiveBlocks::new();
    let ok = |live: &mut LiveBlocks, event| live.apply(&event).unwrap();
    ok(&mut live, Event::Alloc { slot: 0, size: 10, dt: 1 });
    let before = live.totals().clone();
    let cases = [
        (Event::Alloc { slot: 0, size: 1, dt: 1 }, Fault::SlotLive(0)),
        (Event::Alloc { slot: 2, size: 1, dt: 1 }, Fault::SlotSkipped { slot: 2, next: 1 }),
        (Event::Alloc { slot: 1, size: u64::MAX - 9, dt: 1 }, Fault::BytesOverflow),
        (Event::Free { slot: 1, dt: 1 }, Fault::SlotDead(1)),
        (Event::Free { slot: 0, dt: u64::MAX }, Fault::TimeOverflow),
        (Event::Switch { context: 0 }, Fault::UnknownContext(0)),
    ];
    for (event, fault) in cases {
        assert_eq!(live.apply(&event), Err(fault));
        assert_eq!(*live.totals(), before);
    }
    ok(&mut live, Event::Free { slot: 0, dt: 1 });
    assert_eq!(live.apply(&Event::Free { slot: 0, dt: 1 }), Err(Fault::SlotDead(0)));
    assert_eq!(live.apply(&Event::Alloc { slot: 0, size: u64::MAX, dt: 0 }), Err(Fault::BytesOverflow));
    assert_eq!(live.totals().peak_bytes_at, 1);
}

#[test]
fn old_versions_and_damage_have_errors_of_their_own() {
    let (mut bytes, _) = write(&[]);
    bytes[8] = 9;
    assert!(matches!(read(&bytes), Err(Error::Version { found: 9, .. })));
    let mut unix = MAGIC.to_vec();
    unix.remove(4);
    unix.push(0);
    assert!(matches!(read(&unix), Err(Error::TextModeDamage)));
    assert!(matches!(read(b"time_us,op,id,size"), Err(Error::NotATrace)));
}

#[test]
fn slots_are_dense_and_wrong_frees_are_classified() {
    let mut slots = SlotMap::new();
    assert_eq!(slots.alloc(7).slot, 0);
    assert_eq!(slots.alloc(8).slot, 1);
    assert_eq!(slots.free(7), Release::Slot(0));
    assert_eq!(slots.free(7), Release::Bad(BadFree::DoubleFree));
    assert_eq!(slots.free(9), Release::Bad(BadFree::NeverAllocated));
    assert_eq!(slots.alloc(9), Admission { slot: 0, replaced: None });
    assert_eq!(slots.alloc(9), Admission { slot: 0, replaced: Some(0) });
}

#[test]
fn only_recent_frees_are_remembered() {
    let mut slots = SlotMap::new();
    for key in 0..70_000 {
        assert_eq!(slots.alloc(key).slot, 0);
        slots.free(key);
    }
    assert_eq!(slots.free(69_999), Release::Bad(BadFree::DoubleFree));
    assert_eq!(slots.free(0), Release::Bad(BadFree::NeverAllocated));
    // Freed twice within the window, once outside: the recent one counts.
    slots.alloc(10_000);
    slots.free(10_000);
    for key in 70_000..90_000 {
        slots.alloc(key);
        slots.free(key);
    }
    assert_eq!(slots.free(10_000), Release::Bad(BadFree::DoubleFree));
}

/// The example of `docs/trace-format.md`.
#[test]
fn records_are_as_documented() {
    let mut raw = Vec::new();
    for event in [Event::Alloc { slot: 0, size: 24, dt: 10 }, Event::Free { slot: 0, dt: 5 }] {
        raw = postcard::to_extend(&wire::Record::from(event), raw).unwrap();
    }
    assert_eq!(raw, [0x00, 0x00, 0x18, 0x0a, 0x01, 0x00, 0x05]);
    assert_eq!(wire::MAX_PACKED, 1_052_736);
}
