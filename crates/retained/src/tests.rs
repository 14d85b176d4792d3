//! Damage at every bit, and power that fails after every store.

use core::ptr::NonNull;
use std::string::ToString;
use std::vec::Vec;
use std::{format, vec};

use microusc_pool::{Error, NoLock};

use super::image::{GROUP, Image, Words, sealed};
use super::{Fault, Found, RetainedPool, Shape};

/// Memory that remembers each store to it.
#[derive(Clone)]
struct Recorded {
    words: Vec<u32>,
    stores: Vec<(usize, u32)>,
}

impl Recorded {
    fn new(words: Vec<u32>) -> Self {
        Self { words, stores: Vec::new() }
    }
}

impl Words for Recorded {
    fn len(&self) -> usize {
        self.words.len()
    }

    fn is_aligned(&self) -> bool {
        true
    }

    fn load(&self, at: usize) -> u32 {
        self.words[at]
    }

    fn store(&mut self, at: usize, value: u32) {
        self.words[at] = value;
        self.stores.push((at, value));
    }
}

fn shape(blocks: usize) -> Shape {
    Shape::new(16, blocks).unwrap().tag(7)
}

fn open(words: &[u32], shape: Shape) -> (Image<Recorded>, Found) {
    Image::open(Recorded::new(words.to_vec()), shape).unwrap()
}

fn live(image: &Image<Recorded>) -> Vec<usize> {
    (0..image.stats().capacity).filter(|index| image.is_live(*index)).collect()
}

/// A pool of 37 blocks with those in use that `in_use` names.
fn with_live(in_use: impl Fn(usize) -> bool) -> Vec<u32> {
    let shape = shape(37);
    let (mut image, _) = open(&vec![0; shape.words()], shape);
    for index in 0..37 {
        assert_eq!(image.take(), Ok(index));
    }
    for index in (0..37).filter(|index| !in_use(*index)) {
        assert_eq!(image.put(index * image.stride()), Ok(()));
    }
    image.words().words.clone()
}

/// Takes every block: each once, none of those in use before.
fn take_all(mut image: Image<Recorded>) {
    let mut taken = live(&image);
    while let Ok(index) = image.take() {
        assert!(!taken.contains(&index), "block {index} has two owners");
        taken.push(index);
    }
    assert_eq!(taken.len(), image.stats().capacity);
}

#[test]
fn pool_is_found_intact_with_its_live_blocks() {
    let words = with_live(|index| index % 3 == 0);
    let (image, found) = open(&words, shape(37));
    assert_eq!(found, Found::Intact { live: 13 });
    assert_eq!(live(&image), (0..37).step_by(3).collect::<Vec<_>>());
    assert!(image.words().stores.is_empty(), "finding a pool wrote to it");
    take_all(image);
}

#[test]
fn reason_of_each_formatting_is_reported() {
    let words = with_live(|_| true);
    let fault = |words: &[u32], shape| match open(words, shape) {
        (image, Found::Formatted(fault)) => {
            assert_eq!(live(&image), []);
            assert_eq!(image.check(), Ok(()), "a fresh pool is whole");
            take_all(image);
            fault
        }
        (_, found) => panic!("{found:?}"),
    };
    let same = shape(37);
    assert_eq!(fault(&vec![0; 999], same), Fault::Magic);
    assert_eq!(fault(&vec![u32::MAX; 999], same), Fault::Magic);
    assert_eq!(fault(&words, Shape::new(8, 37).unwrap().tag(7)), Fault::BlockSize);
    assert_eq!(fault(&words, shape(36)), Fault::BlockCount);
    assert_eq!(fault(&words, same.tag(8)), Fault::Tag);
    let mut damaged = words.clone();
    damaged[1] ^= 1;
    assert_eq!(fault(&damaged, same), Fault::Checksum);
    let mut damaged = words.clone();
    damaged.swap(6, 7); // both of full groups, with right checksums in wrong places
    assert_eq!(fault(&damaged, same), Fault::Map { first_block: 0 });
    let mut damaged = words.clone();
    damaged[8] = sealed(2, 0x3F); // a 38th block, with a right checksum
    assert_eq!(fault(&damaged, same), Fault::Map { first_block: 32 });
    let mut damaged = words;
    damaged[8] ^= 1 << 31;
    assert_eq!(fault(&damaged, same), Fault::Map { first_block: 32 });
}

/// Every one, two and three bits of a word, wherever the books have one: found, and never a wrong block.
#[test]
fn every_flipped_bit_is_found() {
    let whole = with_live(|index| index % 2 == 0);
    let shape = shape(37);
    let mut patterns: Vec<u32> = (0..32).map(|bit| 1 << bit).collect();
    let two: Vec<u32> = (0..32).flat_map(|bit| (0..bit).map(move |other| 1 << bit | 1 << other)).collect();
    let three = (2..32).flat_map(|bit| two.iter().filter(move |p| **p < 1 << bit).map(move |p| 1 << bit | p));
    patterns.extend(three.chain(two.iter().copied()).collect::<Vec<_>>());
    assert_eq!(patterns.len(), 32 + 496 + 4960);
    let step = if cfg!(miri) { 1499 } else { 1 };
    for at in 0..6 + 3 {
        for pattern in patterns.iter().step_by(step) {
            let mut words = whole.clone();
            words[at] ^= pattern;
            let (image, found) = open(&words, shape);
            assert!(matches!(found, Found::Formatted(_)), "word {at}, bits {pattern:08x}: {found:?}");
            assert_eq!(live(&image), []);
        }
    }
    // The word that only aligns the blocks is not looked at.
    let padding = shape.header_words() - 1;
    assert_eq!(padding, 6 + 3);
    let mut words = whole.clone();
    words[padding] ^= 1;
    assert_eq!(open(&words, shape).1, Found::Intact { live: 19 });
}

/// A bit flipped while the pool is in use: refused or unnoticed, never a block with two owners.
#[test]
fn bit_flipped_while_running_takes_its_group_out_of_use() {
    let shape = shape(37);
    for at in 6..9 {
        for bit in (0..32).step_by(if cfg!(miri) { 16 } else { 1 }) {
            let mut words = Recorded::new(with_live(|index| index % 2 == 0));
            words.words[at] ^= 1 << bit;
            let before = with_live(|index| index % 2 == 0);
            let (mut image, _) = open(&before, shape);
            image.words_mut().words = words.words;
            let group = at - 6;
            let (mut taken, mut corrupt) = (Vec::new(), 0);
            loop {
                match image.take() {
                    Ok(index) => taken.push(index),
                    Err(Error::Corrupt) => corrupt += 1,
                    Err(error) => break assert_eq!(error, Error::Exhausted),
                }
            }
            assert_eq!(corrupt, 1, "the word is met once, then left alone");
            let free = (1..37).step_by(2).filter(|index| index / GROUP != group);
            assert_eq!(taken, free.collect::<Vec<_>>());
            let inside = group * GROUP * image.stride();
            assert_eq!(image.put(inside), Err(Error::Corrupt));
            assert_eq!(image.stats().damaged, 2);
            assert_eq!(image.check(), Err(Fault::Map { first_block: (group * GROUP) as u16 }));
        }
    }
}

/// Power fails after any store of any operation: the next start finds the state before it, or that after it.
#[test]
fn pool_is_intact_if_power_fails_between_any_two_stores() {
    let shape = shape(37);
    let mut damaged = with_live(|index| index < 36);
    damaged[7] ^= 1;
    let before = [
        (vec![0; shape.words()], shape),
        (vec![u32::MAX; shape.words()], shape),
        (with_live(|index| index < 20), shape.tag(99)),
        (damaged, shape),
    ];
    for (old, shape) in before {
        let (mut image, found) = open(&old, shape);
        assert!(matches!(found, Found::Formatted(_)));

        // Formatting: no prefix of it is a pool, the whole of it is an empty one.
        let stores = image.words_mut().stores.split_off(0);
        for cut in (0..=stores.len()).step_by(if cfg!(miri) { 4 } else { 1 }) {
            let mut words = old.clone();
            stores[..cut].iter().for_each(|(at, value)| words[*at] = *value);
            let wanted = if cut < stores.len() { None } else { Some(Found::Intact { live: 0 }) };
            let (image, found) = open(&words, shape);
            match wanted {
                Some(wanted) => assert_eq!(found, wanted),
                None => assert!(matches!(found, Found::Formatted(_)), "{cut} stores: {found:?}"),
            }
            assert_eq!(live(&image), []);
            take_all(image);
        }

        // Operations: each is one store, so each prefix is a state between two of them.
        let mut seed = 1u32;
        for step in 0..if cfg!(miri) { 5 } else { 400 } {
            let before = image.words().words.clone();
            let was_live = live(&image);
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let takes = seed >> 31 == 0;
            let done = if takes {
                image.take().is_ok()
            } else {
                image.put((seed >> 8) as usize % 40 * image.stride()).is_ok()
            };
            let stores = image.words_mut().stores.split_off(0);
            assert_eq!(stores.len(), usize::from(done), "step {step}: one store changes everything, or none");
            assert_eq!(live(&open(&before, shape).0), was_live);
            let (again, found) = open(&image.words().words, shape);
            assert_eq!(found, Found::Intact { live: image.stats().used });
            assert_eq!(live(&again), live(&image));
        }
    }
}

#[test]
fn freed_block_of_a_full_pool_is_allocated_next() {
    let shape = shape(37);
    let (mut image, _) = open(&vec![0; shape.words()], shape);
    for index in 0..37 {
        assert_eq!(image.take(), Ok(index));
    }
    for index in [0, 15, 16, 31, 32, 36] {
        assert_eq!(image.take(), Err(Error::Exhausted));
        image.put(index * image.stride()).unwrap();
        assert_eq!(image.take(), Ok(index));
    }
}

/// An update of the firmware finds the pool of the firmware before: these numbers do not change.
#[test]
fn word_of_the_map_has_the_crc_16_of_its_bits_and_group() {
    for (group, live, crc) in [
        (0, 0, 0x1D0F),
        (0, 1, 0x0D2E),
        (1, 0, 0x0D2E),
        (0, 0xFFFF, 0),
        (2, 0x1234, 0x2E8B),
        (4095, 0x8001, 0x1878),
    ] {
        assert_eq!(sealed(group, live), crc << 16 | live, "{group}, {live:#06x}");
    }
}

#[test]
fn memory_that_is_not_aligned_to_a_pointer_is_refused() {
    let mut words = vec![0u64; shape(37).words()];
    let start = words.as_mut_ptr().cast::<u32>();
    let open_at = |start| {
        // SAFETY: twice as much memory as the pool has, which nothing else uses.
        unsafe { RetainedPool::<NoLock>::open_at(NonNull::new(start).unwrap(), shape(37).words(), shape(37)) }
    };
    assert!(open_at(start).is_ok());
    if size_of::<usize>() > size_of::<u32>() {
        assert_eq!(open_at(start.wrapping_add(1)).err(), Some(Error::UnsuitableMemory));
    }
}

#[test]
fn validate_reports_what_the_next_start_would_find() {
    let mut memory = with_live(|index| index == 3);
    let (start, words) = (NonNull::new(memory.as_mut_ptr()).unwrap(), memory.len());
    // SAFETY: the memory outlives the pool.
    let (pool, found) = unsafe { RetainedPool::<NoLock>::open_at(start, words, shape(37)) }.unwrap();
    assert_eq!((found, pool.validate()), (Found::Intact { live: 1 }, Ok(())));
    // SAFETY: a word of that memory, which nothing else uses at this moment.
    unsafe { *start.as_ptr() ^= 1 };
    assert_eq!(pool.validate(), Err(Fault::Magic));
    assert_eq!(Fault::Magic.to_string(), Fault::Magic.message());
    assert_ne!(Fault::Tag.message(), Fault::Magic.message());
}

#[test]
fn impossible_shapes_are_refused() {
    assert_eq!(Shape::new(8, 0), Err(Error::NoBlocks));
    assert_eq!(Shape::new(1, 4), Err(Error::BlockTooSmall));
    assert_eq!(Shape::new(8, 513), Err(Error::TooLarge));
    assert_eq!(Shape::new(usize::MAX / 4, 8), Err(Error::TooLarge));
    let largest = Shape::new(8, 512).unwrap();
    assert_eq!(largest.words(), 6 + 32 + 1024);
    let (image, _) = open(&vec![0; largest.words()], largest);
    take_all(image);
    let mut memory = vec![0u64; largest.words() / 2];
    // SAFETY: the same memory, as words of half the size.
    let words =
        unsafe { core::slice::from_raw_parts_mut(memory.as_mut_ptr().cast::<u32>(), largest.words()) };
    let (last, words_but_one) = words.split_last_mut().unwrap();
    *last = 5;
    let refused = RetainedPool::<NoLock>::open(words_but_one, largest).map(|_| ());
    assert_eq!(refused, Err(Error::UnsuitableMemory), "a word too few");
    let (pool, _) = RetainedPool::<NoLock>::open(words, largest).unwrap();
    assert!(format!("{pool:?}").contains("capacity: 512"));
}
