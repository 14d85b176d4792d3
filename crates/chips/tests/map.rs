//! The tables: every chip's regions make sense, and say what the chips' documentation says.

use microusc_chips::{Access, Caps, Chip, ChipHeap, Engine, Kind, RegionSpec};

fn region(chip: Chip, name: &str) -> &'static RegionSpec {
    chip.region(name).unwrap()
}

#[test]
fn regions_are_whole_words_within_bounds_and_do_not_overlap() {
    for chip in Chip::ALL {
        for (index, one) in chip.regions().iter().enumerate() {
            let place = format!("{chip} {}", one.name);
            assert!(one.size <= one.capacity, "{place}");
            assert!([one.base, one.capacity, one.size].iter().all(|n| n % 4 == 0), "{place}");
            assert_eq!(one.heap_base(one.capacity), one.base, "{place}");
            for other in &chip.regions()[index + 1..] {
                assert!(one.end() <= other.base || other.end() <= one.base, "{place} and {}", other.name);
                assert_ne!(one.name, other.name, "{chip}");
            }
        }
    }
}

#[test]
fn capabilities_agree_with_the_kind_of_memory() {
    for chip in Chip::ALL {
        for region in chip.regions() {
            let place = format!("{chip} {}", region.name);
            let all = region.all_caps();
            assert!(all.contains(Caps::B32), "{place}: every memory takes words");
            assert_eq!(all.contains(Caps::B8), region.access == Access::Byte, "{place}");
            assert_eq!(all.contains(Caps::SPIRAM), region.kind == Kind::Psram, "{place}");
            assert_ne!(all.contains(Caps::SPIRAM), all.contains(Caps::INTERNAL), "{place}");
            assert_eq!(all.contains(Caps::RTCRAM), region.kind == Kind::Rtc, "{place}");
            assert!(!(all.contains(Caps::RTCRAM) && all.contains(Caps::DMA)), "{place}: no DMA to RTC RAM");
            assert!(region.access == Access::Byte || !all.contains(Caps::DEFAULT), "{place}");
        }
    }
}

#[test]
fn facts_agree_with_the_regions() {
    for chip in Chip::ALL {
        assert_eq!(chip.facts().psram.is_some(), chip.has(Kind::Psram), "{chip}");
        let no_rtc = matches!(chip, Chip::Esp8266 | Chip::Esp32C2 | Chip::Esp32C61);
        assert_eq!(chip.has(Kind::Rtc), !no_rtc, "{chip}");
        assert_eq!(chip.has(Kind::Iram), matches!(chip, Chip::Esp8266 | Chip::Esp32), "{chip}");
        let words_only = chip.regions().iter().any(|region| region.access == Access::WordOnly);
        assert_eq!(words_only, matches!(chip, Chip::Esp8266 | Chip::Esp32), "{chip}");
        let dual = matches!(chip, Chip::Esp32 | Chip::Esp32S3 | Chip::Esp32P4);
        assert_eq!(chip.facts().cores, if dual { 2 } else { 1 }, "{chip}");
        let without_cas = matches!(chip, Chip::Esp8266 | Chip::Esp32S2 | Chip::Esp32C2 | Chip::Esp32C3);
        assert_eq!(!chip.facts().cas, without_cas, "{chip}");
        let with_rom_heap =
            matches!(chip, Chip::Esp32C2 | Chip::Esp32C5 | Chip::Esp32C6 | Chip::Esp32C61 | Chip::Esp32H2);
        assert_eq!(chip.facts().rom_heap.is_some(), with_rom_heap, "{chip}");
    }
}

/// Where ESP-IDF says at boot that its heaps begin, for the sizes in the tables.
#[test]
fn heaps_begin_where_boot_logs_say() {
    let expected = [
        (Chip::Esp32, "DRAM1", 0x3FFB_3270),
        (Chip::Esp32, "IRAM", 0x4008_F078),
        (Chip::Esp32S2, "RAM0", 0x3FFC_19E0),
        (Chip::Esp32S3, "RAM0", 0x3FCA_1A70),
        (Chip::Esp32C2, "RAM0", 0x3FCA_C270),
        (Chip::Esp32C3, "RAM", 0x3FC8_FFC0),
        (Chip::Esp32C5, "RAM0", 0x4082_0280),
        (Chip::Esp32C6, "RAM0", 0x4080_D8E0),
        (Chip::Esp32C61, "RAM0", 0x4080_E640),
        (Chip::Esp32H2, "RAM0", 0x4080_CB60),
        (Chip::Esp32P4, "RETENTION", 0x4FF1_69F0),
        (Chip::Esp32P4, "TCM", 0x3010_0044),
    ];
    for (chip, name, base) in expected {
        let heap = ChipHeap::builder(chip).psram(0).build().unwrap();
        let found = heap.regions().find(|region| region.spec.name == name).unwrap();
        assert_eq!(found.base, base, "{chip} {name}");
        assert_eq!(found.size as u32, region(chip, name).size);
    }
}

#[test]
fn chip_names_are_parsed_as_they_are_printed() {
    for chip in Chip::ALL {
        assert_eq!(chip.to_string().parse(), Ok(chip));
    }
    assert_eq!("ESP32-S3".parse(), Ok(Chip::Esp32S3));
    for engine in Engine::ALL {
        assert_eq!(engine.to_string().to_uppercase().parse(), Ok(engine));
        let heap = ChipHeap::builder(Chip::Esp32C2).engine(engine).build().unwrap();
        assert_eq!(heap.engine(), engine);
    }
    let error = ChipHeap::builder(Chip::Esp32C3).engine(Engine::Rom).build().err().unwrap().to_string();
    assert_eq!(error, "esp32c3 has no heap in its ROM: use the engine espressif, which is what it runs");
    assert_eq!(ChipHeap::new(Chip::Esp32C2).unwrap().engine(), Engine::Espressif);
    assert!("dlmalloc".parse::<Engine>().unwrap_err().to_string().contains("espressif, rom, rlsf"));
    let error = "esp31".parse::<Chip>().unwrap_err().to_string();
    assert!(error.contains("`esp31`") && error.contains("esp32c61"), "{error}");
    for bits in [0x80c, 0, 1 << 20, 0x8000_0001, 0x1ff, u32::MAX] {
        let caps = Caps::from_bits_retain(bits);
        assert_eq!(caps.to_string().parse(), Ok(caps), "{caps}");
    }
    assert_eq!("MALLOC_CAP_SPIRAM | 32BIT".parse(), Ok(Caps::SPIRAM | Caps::B32));
    assert!("8BIT|FAST".parse::<Caps>().unwrap_err().to_string().contains("`FAST`"));
}

/// The table in the crate's documentation, from the code.
fn table() -> String {
    let mut lines = vec![
        "//! | chip | cores | CAS | regions: KiB left to the heap | PSRAM DMA · line | DMA align |"
            .to_owned(),
        "//! |---|---|---|---|---|---|".to_owned(),
    ];
    for chip in Chip::ALL {
        let facts = chip.facts();
        let regions: Vec<_> = chip
            .regions()
            .iter()
            .map(|region| {
                let words = if region.access == Access::WordOnly { " (words)" } else { "" };
                format!("{} {}{words}", region.name, region.size / 1024)
            })
            .collect();
        let psram = match facts.psram {
            Some(psram) => format!("{} · {}", if psram.dma { "yes" } else { "no" }, psram.line),
            None => "–".to_owned(),
        };
        lines.push(format!(
            "//! | {chip} | {} | {} | {} | {psram} | {} |",
            facts.cores,
            if facts.cas { "yes" } else { "no" },
            regions.join(", "),
            facts.dma_align,
        ));
    }
    lines.join("\n")
}

#[test]
fn documented_table_is_that_of_the_code() {
    let table = table();
    assert!(include_str!("../src/lib.rs").contains(&table), "the table in src/lib.rs should be\n{table}");
}
