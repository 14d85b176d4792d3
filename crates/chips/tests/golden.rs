//! Every answer of the simulation against those of ESP-IDF's own heap, address by address.
//!
//! `golden/CHIP-idfVERSION-KIND.txt.gz` holds what the allocator of ESP-IDF v5.4.4 and v5.5.5 answered to a script of
//! some thousand operations, with its memory at the chip's own addresses: default options, no PSRAM, the TLSF compiled
//! in. Lines that begin with `#` are the regions in the order of search. Every other line is `operation|answer`:
//! `m ID SIZE CAPS` allocates, `a ID ALIGNMENT SIZE CAPS` allocates aligned, `r ID SIZE CAPS` resizes (nothing
//! if ID holds no block), `f ID` frees, `i CAPS` asks for the numbers. Capabilities and addresses are hexadecimal.

use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::ptr::NonNull;

use flate2::read::GzDecoder;
use microusc_chips::{Caps, Chip, ChipHeap, Idf};

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn text(file: &Path) -> String {
    let mut text = String::new();
    GzDecoder::new(fs::File::open(file).unwrap()).read_to_string(&mut text).unwrap();
    text
}

/// Chip and version, which the name of the file says.
fn subject(file: &Path) -> (Chip, Idf) {
    let name = file.file_name().unwrap().to_str().unwrap();
    let mut parts = name.split('-');
    let chip = parts.next().unwrap().parse().unwrap();
    (chip, parts.next().unwrap().strip_prefix("idf").unwrap().parse().unwrap())
}

/// The program of a script: the blocks that it has, by the numbers that it gives them.
struct Program {
    heap: ChipHeap,
    blocks: HashMap<u32, NonNull<u8>>,
}

impl Program {
    fn new((chip, idf): (Chip, Idf)) -> Self {
        let heap = ChipHeap::builder(chip).idf(idf).psram(0).build().unwrap();
        Program { heap, blocks: HashMap::new() }
    }

    /// The regions in the order of search, as the files have them.
    fn regions(&self) -> Vec<String> {
        let line = |region: microusc_chips::RegionInfo| {
            let [high, medium, low] = region.caps.map(|caps| format!("{:x}", caps.bits()));
            format!("# heap {:08x} {:08x} caps {high} {medium} {low}", region.base, region.size)
        };
        self.heap.regions().map(line).collect()
    }

    /// The answer to one operation.
    fn run(&mut self, operation: &str) -> String {
        let words: Vec<&str> = operation.split(' ').collect();
        let number = |at: usize| words[at].parse::<usize>().unwrap();
        let caps = |at: usize| Caps::from_bits_retain(u32::from_str_radix(words[at], 16).unwrap());
        let id = || words[1].parse::<u32>().unwrap();
        match words[0] {
            "m" => {
                let block = self.heap.malloc(number(2), caps(3));
                self.allocated('m', id(), block)
            }
            "a" => {
                let block = self.heap.aligned_alloc(number(2), number(3), caps(4));
                self.allocated('a', id(), block)
            }
            "r" => {
                let block = self.blocks.get(&id()).copied();
                let block = block.and_then(|old| self.heap.realloc(old, number(2), caps(3)).unwrap());
                self.allocated('r', id(), block)
            }
            "f" => {
                if let Some(block) = self.blocks.remove(&id()) {
                    self.heap.free(block).unwrap();
                }
                format!("f {}", id())
            }
            "i" => {
                let info = self.heap.info(caps(1));
                format!(
                    "i {} free {} used {} largest {} minimum {} blocks {}/{}/{}",
                    words[1],
                    info.total_free,
                    info.total_allocated,
                    info.largest_free_block,
                    info.minimum_free,
                    info.allocated_blocks,
                    info.free_blocks,
                    info.total_blocks
                )
            }
            other => panic!("unknown operation `{other}`"),
        }
    }

    fn allocated(&mut self, operation: char, id: u32, block: Option<NonNull<u8>>) -> String {
        let (address, size) = block.map_or((0, 0), |block| {
            self.blocks.insert(id, block);
            (self.heap.chip_address(block).unwrap(), self.heap.size_of(block).unwrap())
        });
        format!("{operation} {id} {address:08x} {size}")
    }
}

/// What differs in one file, at most three lines of it, and the number of operations.
fn differences(file: &Path) -> (Vec<String>, usize) {
    let text = text(file);
    let mut program = Program::new(subject(file));
    let (regions, script): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with('#'));
    let mut different = Vec::new();
    if program.regions() != regions {
        different.push(format!("regions {:#?}\ninstead of {regions:#?}", program.regions()));
    }
    for (at, line) in script.iter().enumerate() {
        let (operation, expected) = line.split_once('|').unwrap();
        let answer = program.run(operation);
        if answer != expected && different.len() < 3 {
            different.push(format!("operation {at}, {operation}: {answer}\ninstead of {expected}"));
        }
    }
    program.heap.check_integrity().unwrap();
    (different, script.len())
}

#[test]
fn every_result_is_that_of_esp_idf() {
    let mut wrong = Vec::new();
    let mut operations = 0;
    for file in files() {
        let (different, count) = differences(&file);
        operations += count;
        wrong.extend(different.into_iter().map(|what| format!("{}: {what}", file.display())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(operations > 40_000, "{operations} operations were compared");
}

#[test]
fn every_chip_of_esp_idf_is_compared_in_every_version() {
    let subjects: Vec<_> = files().iter().map(|file| subject(file)).collect();
    for chip in Chip::ALL.into_iter().filter(|chip| *chip != Chip::Esp8266) {
        for idf in Idf::ALL {
            let files = subjects.iter().filter(|subject| **subject == (chip, idf)).count();
            assert_eq!(files, 2, "plain and realloc of {chip} with {idf}");
        }
    }
}
