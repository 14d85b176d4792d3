//! What the host port knows about the simulated chip: `MICROUSC_CHIP=esp32s3 cargo run -p microusc-port --example port_facts`.

use microusc_port as port;

/// MALLOC_CAP_8BIT and MALLOC_CAP_INTERNAL of ESP-IDF.
const INTERNAL_BYTES: u32 = 1 << 2 | 1 << 11;

fn main() {
    let limits = port::limits();
    println!("buffers for DMA are aligned to {} bytes", limits.dma_align);
    match limits.psram {
        Some(psram) => println!("external RAM, with cache lines of {} bytes; DMA: {}", psram.line, psram.dma),
        None => println!("no external RAM"),
    }
    println!("data in instruction RAM: {}", limits.word_iram);

    let memory = port::allocate(256, 16, INTERNAL_BYTES);
    assert!(!memory.is_null() && memory.addr().is_multiple_of(16));
    println!("256 bytes from the heap are {:?} memory", port::kind_of(memory, 256));
    assert_eq!(port::kind_of(memory, 256), port::MemoryKind::Internal);
    // SAFETY: allocated above, and not used again.
    unsafe { port::release(memory) };
    port::print_heap();
}
