//! The station on a host: a thread takes readings as the interrupt does on a chip.

use core::mem::MaybeUninit;
use std::thread;
use std::time::Duration;

use microusc_pool::{AllocSlice, DynPool};
use station::{Lock, PACKET_BYTES, READINGS, WAITING, describe, fill, measure, report};

const PACKETS: usize = 50;
const IN_A_PACKET: usize = PACKET_BYTES / 8;

/// One test, since the pools are statics.
#[test]
fn readings_are_sent_in_order_or_counted() {
    // A byte a block for marks, and what aligning to a pointer may take.
    let mut memory = [MaybeUninit::uninit(); 2 * (PACKET_BYTES + 1) + align_of::<usize>() - 1];
    let packets = DynPool::<Lock>::new(&mut memory, PACKET_BYTES, 4).unwrap();

    // Taken by one thread and sent by another, none is lost as long as the one waits for the other.
    let interrupt = thread::spawn(|| {
        for number in 0..(PACKETS * IN_A_PACKET) as u64 {
            while READINGS.stats().free == 0 {
                thread::sleep(Duration::from_micros(50));
            }
            measure(number * 10_000);
        }
    });
    for number in 0..PACKETS {
        let mut packet = (&packets).alloc_vec(PACKET_BYTES).unwrap();
        while !fill(&mut packet).unwrap() {
            thread::yield_now();
        }
        let sent: Vec<u64> = packet.as_chunks().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect();
        let first = (number * IN_A_PACKET) as u64;
        assert_eq!(sent, Vec::from_iter((first..first + IN_A_PACKET as u64).map(|number| number * 10_000)));
        let line = describe(number, &packet).unwrap();
        assert_eq!(*line, *format!("packet {number}: 8 readings, at most 10 ms apart"));
    }
    interrupt.join().unwrap();
    assert_eq!((READINGS.stats().used(), packets.stats().used()), (0, 0));

    // Nobody looks: as many wait as there are blocks, and the others are counted.
    READINGS.reset_lowest_free();
    (0..WAITING as u64 + 14).for_each(measure);
    let mut text = String::new();
    report(&mut text, &packets).unwrap();
    assert_eq!(
        text,
        "readings [############] 16 of 16 blocks of 8 B used, lowest free 0, exhausted 14, refused 0, damaged 0\n\
         packets  [............] 0 of 2 blocks of 64 B used, lowest free 1, exhausted 0, refused 0, damaged 0\n\
         lines    2 of 2 free, exhausted 0\n"
    );

    // What waited is what came first.
    let mut packet = (&packets).alloc_vec(PACKET_BYTES).unwrap();
    assert!(fill(&mut packet).unwrap());
    assert_eq!(packet[PACKET_BYTES - 8..], 7u64.to_le_bytes());
    assert_eq!(*describe(0, &packet).unwrap(), *"packet 0: 8 readings, at most 0 ms apart");
    assert_eq!(READINGS.stats().free, IN_A_PACKET);
}
