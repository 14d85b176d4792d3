//! Call-site records beside a pool: one for each block in use, none for any other.

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::ptr::{null, without_provenance};

use microusc_pool::{DynPool, NoLock};
use microusc_system::sites::{Record, Site, Sites};
use proptest::prelude::*;

fn site(place: usize, time_us: u64) -> Site {
    let place: *const c_void = without_provenance(place);
    Site { time_us, place, task: null(), line: 1, core: 0, in_interrupt: false }
}

/// The sample of the specification never removed a record, stopped at 100, and wrapped its time after 71 minutes.
#[test]
fn a_record_lives_as_long_as_its_block_and_there_is_always_room() {
    const HOUR: u64 = 3_600_000_000;
    let mut records = [Record::NONE; 120];
    let mut sites = Sites::new(&mut records);
    for round in 0..50 {
        let now = round * 2 * HOUR;
        for index in 0..120 {
            sites.taken(index, site(index, now));
        }
        assert_eq!(sites.older_than(0, now).count(), 120);
        assert_eq!(sites.older_than(HOUR, now + 2 * HOUR).count(), 120);
        assert_eq!(sites.older_than(3 * HOUR, now + 2 * HOUR).count(), 0, "two hours are two hours");
        for index in 0..120 {
            sites.returned(index);
        }
        assert_eq!(sites.older_than(0, u64::MAX).count(), 0);
    }
}

#[test]
fn places_are_counted_once() {
    let mut records = [Record::NONE; 8];
    let mut sites = Sites::new(&mut records);
    for (index, place) in [3, 1, 3, 2, 3, 1].into_iter().enumerate() {
        sites.taken(index + 1, site(place, 100 - index as u64));
    }
    let places: Vec<_> =
        sites.by_place(0, 200).map(|p| (p.site.place.addr(), p.blocks, p.oldest_us)).collect();
    assert_eq!(places, [(3, 3, 96), (1, 2, 95), (2, 1, 97)]);
    let places: Vec<_> = sites.by_place(104, 200).map(|p| (p.site.place.addr(), p.blocks)).collect();
    assert_eq!(places, [(3, 1), (1, 1)], "of those that are old enough");
    assert_eq!(sites.site_of(0), None);
    assert_eq!(sites.site_of(99), None);
    sites.taken(99, site(1, 1)); // no block of the pool: no record, no harm
    sites.returned(99);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 256 }, ..ProptestConfig::default() })]

    #[test]
    fn records_are_those_of_the_blocks_in_use(program in proptest::collection::vec(any::<(bool, u8)>(), 0..400)) {
        let mut memory = [std::mem::MaybeUninit::uninit(); 1024];
        let pool: DynPool<NoLock> = DynPool::new(&mut memory, 24, 8).unwrap();
        let geometry = pool.geometry();
        let mut records = vec![Record::NONE; geometry.capacity()];
        let mut sites = Sites::new(&mut records);
        let mut model = BTreeMap::new();
        for (now, (takes, pick)) in program.into_iter().enumerate() {
            let index_of = |block: *mut u8| geometry.index_of(block.addr() - pool.base().addr().get()).expect("a block");
            if takes && let Ok(block) = pool.alloc_raw() {
                let index = index_of(block.as_ptr());
                sites.taken(index, site(pick.into(), now as u64));
                prop_assert_eq!(model.insert(index, site(pick.into(), now as u64)), None);
            } else if !model.is_empty() {
                let index = *model.keys().nth(pick as usize % model.len()).unwrap();
                let block = pool.base().as_ptr().wrapping_add(index * geometry.stride());
                // SAFETY: a block in use, ours.
                prop_assert_eq!(unsafe { pool.free_raw(block) }, Ok(()));
                sites.returned(index_of(block));
                model.remove(&index);
            }
            let age = u64::from(pick);
            let old: Vec<_> = sites.older_than(age, now as u64).collect();
            let wanted = model.iter().filter(|(_, site)| now as u64 - site.time_us >= age);
            let wanted: Vec<_> = wanted.map(|(index, site)| (*index, *site)).collect();
            prop_assert_eq!(old, wanted);
            let counted: usize = sites.by_place(0, now as u64).map(|place| place.blocks).sum();
            prop_assert_eq!(counted, model.len());
        }
    }
}
