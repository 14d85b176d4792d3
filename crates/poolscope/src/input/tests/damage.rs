//! Damaged, endless and failing input.

use super::*;

#[test]
fn every_sample_is_recognised_and_survives_as_a_native_trace() {
    for (format, bytes) in samples() {
        let said = auto(&bytes);
        assert_eq!(read(&bytes[..], Some(format)).unwrap(), said);
        let again = auto(&native(&said));
        assert_eq!(again, said);
    }
    assert!(matches!(read(&b"hello, world"[..], None), Err(Error::UnknownFormat)));
}

/// Cutting a sample anywhere is an error, or leaves a shorter recording where the format has no end mark.
#[test]
fn every_truncation_is_survived() {
    for (format, bytes) in samples() {
        let whole = auto(&bytes);
        let marked = !matches!(format, Format::Csv | Format::HeapTrace | Format::Hooks | Format::Mtrace)
            && whole.meta.lifetimes != Lifetimes::Exact
            || matches!(format, Format::Native | Format::Sysview);
        for len in 0..bytes.len() {
            let cut = read(&bytes[..len], None);
            let lost = bytes[len..].iter().any(|byte| !byte.is_ascii_whitespace());
            if marked && lost {
                // heaptrack's mark is a comment; cutting behind its first character loses nothing.
                let comment = format == Format::Heaptrack && cut.as_ref().is_ok_and(|cut| *cut == whole);
                assert!(cut.is_err() || comment, "{format:?} {len}");
            } else if let Ok(cut) = cut {
                assert!(cut.totals.events() <= whole.totals.events());
            }
        }
    }
}

#[test]
fn every_truncation_of_packed_files_is_noticed() {
    for packed in [HEAPTRACK, HEAPTRACK_GZ, HEAPTRACK_RAW] {
        for len in 1..packed.len() {
            assert!(read(&packed[..len], None).is_err(), "{len}");
        }
    }
}

#[test]
fn damage_to_packed_files_is_noticed() {
    let mut zst = HEAPTRACK.to_vec();
    let last = zst.len() - 1;
    zst[last] ^= 1;
    assert!(matches!(read(&zst[..], None), Err(Error::Compressed { format: "zstd", .. })));
    let mut gz = HEAPTRACK_GZ.to_vec();
    let crc = gz.len() - 8;
    gz[crc] ^= 1;
    assert!(matches!(read(&gz[..], None), Err(Error::Compressed { format: "gzip", .. })));
}

#[test]
fn several_frames_are_one_file() {
    let text = unpacked(HEAPTRACK);
    let (a, b) = text.split_at(text.len() / 2);
    let gzip = |part: &[u8]| {
        let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
        gz.write_all(part).unwrap();
        gz.finish().unwrap()
    };
    let zstd = |part| ruzstd::encoding::compress_to_vec(part, ruzstd::encoding::CompressionLevel::Fastest);
    assert_eq!(auto(&[gzip(a), gzip(b)].concat()), auto(HEAPTRACK));
    assert_eq!(auto(&[zstd(a), zstd(b)].concat()), auto(HEAPTRACK));
}

/// An input that never ends a line is refused after a bounded number of bytes.
#[test]
fn endless_lines_are_refused() {
    for (start, format) in
        [("v 10400 3\nX ", Format::Heaptrack), ("", Format::HeapTrace), ("time_us,op", Format::Csv)]
    {
        let endless = start.as_bytes().chain(io::repeat(b'x'));
        assert!(matches!(read(endless, Some(format)), Err(Error::LineTooLong { .. })), "{format:?}");
    }
    let endless = (&b"{\"events\": [{\"ctx_name\": \""[..]).chain(io::repeat(b'x'));
    assert!(matches!(read(endless, None), Err(Error::Json(_))));
    assert!(matches!(read(io::repeat(b'['), Some(Format::Sysview)), Err(Error::Json(_))));
}

/// A device that fails is reported as such, not as a damaged file.
#[test]
fn failing_devices_are_reported() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::from(io::ErrorKind::ConnectionReset))
        }
    }
    for (format, bytes) in samples() {
        let half = bytes.len() / 2;
        let result = read((&bytes[..half]).chain(Broken), Some(format));
        assert!(matches!(result, Err(Error::Read(_))), "{format:?}: {result:?}");
    }
    assert!(matches!(read(HEAPTRACK_GZ[..100].chain(Broken), None), Err(Error::Read(_))));
    assert!(matches!(read(HEAPTRACK[..100].chain(Broken), None), Err(Error::Read(_))));
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), format in 0usize..7) {
        prop_assert!(read(&bytes[..], None).is_err());
        prop_assert!(read(&bytes[..], Some(Format::ALL[format])).is_err());
    }

    /// A few changed bytes give an error or another sound recording: one that can be written natively.
    #[test]
    fn mutated_samples_never_panic(
        sample in 0usize..9,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
    ) {
        let (format, mut bytes) = samples().swap_remove(sample);
        for (index, byte) in changes {
            *index.get_mut(&mut bytes) = byte;
        }
        if let Ok(said) = read(&bytes[..], Some(format)) {
            let trace = native(&said);
            let mut reader = Reader::new(&trace[..]).unwrap();
            let mut events = Vec::new();
            while reader.next_batch(&mut events).unwrap() {}
            prop_assert_eq!(events, said.events);
        }
    }

    #[test]
    fn the_rows_of_a_csv_become_its_events(steps in prop::collection::vec((0u8..40, 0u64..5000, 0u64..1000), 1..200)) {
        let (mut text, mut now) = (String::from("time_us,op,id,size\n0,alloc,first,1\n"), 0);
        let mut slots = SlotMap::new();
        let mut live = std::collections::HashSet::new();
        let mut expected = vec![Event::Alloc { slot: slots.alloc(255).slot, size: 1, dt: 0 }];
        for (id, size, dt) in steps {
            now += dt;
            if live.insert(id) {
                text += &format!("{now},alloc,{id},{size}\n");
                expected.push(Event::Alloc { slot: slots.alloc(id).slot, size, dt });
            } else {
                text += &format!("{now},free,{id},\n");
                expected.push(slots.free(id).event(dt));
                live.remove(&id);
            }
        }
        prop_assert_eq!(auto(text.as_bytes()).events, expected);
    }
}
