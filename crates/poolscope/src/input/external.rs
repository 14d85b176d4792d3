//! Which device addresses are in external RAM.

use microusc_chips::{Chip, Kind};

/// Whether `address` is in external RAM (PSRAM): where some chip has it, and no chip has internal RAM.
pub(super) fn is_external(address: u64) -> bool {
    let Ok(address) = u32::try_from(address) else { return false };
    let external = |chip: Chip| chip.facts().psram.is_some_and(|psram| psram.addresses().contains(&address));
    let internal = |chip: Chip| {
        let mut regions = chip.regions().iter().filter(|region| region.kind != Kind::Psram);
        regions.any(|region| (region.base..region.end()).contains(&address))
    };
    Chip::ALL.into_iter().any(external) && !Chip::ALL.into_iter().any(internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_external_ram_are_recognised() {
        let external = [
            0x3f80_0010,
            0x3f87_0010,
            0x3fbf_fff0,
            0x3f50_0000,
            0x3c01_0020,
            0x3d80_0000,
            0x4300_0000,
            0x4280_0000,
            0x4800_0000,
            0x4bff_fff0,
        ];
        assert!(external.into_iter().all(is_external));
        let internal = [
            0x3ffb_8000,
            0x3ffe_0440,
            0x4008_0000,
            0x3fc9_0000,
            0x3fca_9000,
            0x4080_1000,
            0x4ff4_0000,
            0x3010_0000,
            0x5000_0010,
            0x600f_e000,
            0,
            0x5649_bd66_6530,
        ];
        assert!(!internal.into_iter().any(is_external));
    }

    /// Every byte of every chip's heap is taken for what it is, but for the end of what ESP32-S2 can map.
    #[test]
    fn every_region_of_every_chip_is_classified() {
        for chip in Chip::ALL {
            for region in chip.regions() {
                let last = if chip == Chip::Esp32S2 && region.kind == Kind::Psram {
                    0x3fc7_ffff
                } else {
                    region.end() - 1
                };
                for address in [region.base, region.base + (last - region.base) / 2, last] {
                    assert_eq!(
                        is_external(address.into()),
                        region.kind == Kind::Psram,
                        "{chip} {address:#x}"
                    );
                }
            }
        }
    }
}
