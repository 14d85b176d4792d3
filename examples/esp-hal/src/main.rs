//! The station on an ESP32-C3 or an ESP32-C6. See README.md.

#![no_std]
#![no_main]

use core::alloc::Layout;
use core::cell::RefCell;
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use core::slice;

use critical_section::Mutex;
use esp_alloc::{HEAP, MemoryCapability};
use esp_backtrace as _;
use esp_hal::delay::Delay;
use esp_hal::dma::{BurstConfig, Mem2Mem};
use esp_hal::peripherals::{DMA_CH0, SPI2};
use esp_hal::time::{Duration, Instant};
use esp_hal::timer::PeriodicTimer;
use esp_hal::timer::timg::TimerGroup;
use esp_hal::{Blocking, dma_descriptors, handler, main, ram};
use esp_println::{Printer, println};
use microusc_pool::{AllocSlice, DynPool};
use station::{Lock, PACKET_BYTES};

esp_bootloader_esp_idf::esp_app_desc!();

/// Packets that may be on their way, and how many are sent.
const PACKETS: usize = 4;
const SENT: usize = 3;
/// From one reading to the next.
const PERIOD: Duration = Duration::from_millis(10);

/// The timer, for the interrupt.
static TIMER: Mutex<RefCell<Option<PeriodicTimer<'static, Blocking>>>> = Mutex::new(RefCell::new(None));

#[main]
fn main() -> ! {
    let chip = esp_hal::init(esp_hal::Config::default());
    // What the bootloader no longer needs: internal RAM that a static cannot have otherwise.
    esp_alloc::heap_allocator!(#[ram(reclaimed)] size: 16 * 1024);

    // Blocks that DMA reads and writes, in words: internal RAM, aligned to 4 bytes. One more byte a block is for marks.
    let layout = Layout::from_size_align(PACKETS * (PACKET_BYTES + 1), 4).expect("4 is a power of two");
    let memory = internal_ram(layout).expect("16 KiB are enough");
    let packets = DynPool::<Lock>::new(memory, PACKET_BYTES, 4).expect("the memory is made for it");

    // DMA from memory to memory stands for the peripheral that would send a packet.
    let (rx, tx) = dma_descriptors!(PACKET_BYTES);
    let dma = memory_to_memory(chip.DMA_CH0, chip.SPI2);
    let mut dma =
        dma.with_descriptors(rx, tx, BurstConfig::default()).expect("a descriptor each way is enough");

    start(TimerGroup::new(chip.TIMG0).timer0.into());
    for number in 1..=SENT {
        let mut packet = (&packets).alloc_vec(PACKET_BYTES).expect("each packet goes back below");
        while !station::fill(&mut packet).expect("a packet is whole readings") {}
        let mut received = (&packets).alloc_slice_filled(PACKET_BYTES, 0).expect("as above");
        let transfer =
            dma.start_transfer(&mut received, &packet).expect("internal RAM is what DMA can reach");
        transfer.wait().expect("nothing else uses the channel");
        assert_eq!(*received, *packet);
        println!("{}", station::describe(number, &received).expect("the line before went back"));
    }

    println!("nobody looks for 300 ms: {} readings wait, the others are lost and counted", station::WAITING);
    Delay::new().delay_millis(300);
    let _printing_does_not_fail = station::report(&mut Printer, &packets);
    println!("heap     {} of {} bytes used", HEAP.used(), HEAP.used() + HEAP.free());
    loop {
        core::hint::spin_loop();
    }
}

/// Memory of the heap, from a region of internal RAM, for good.
fn internal_ram(layout: Layout) -> Option<&'static mut [MaybeUninit<u8>]> {
    if layout.size() == 0 {
        return None;
    }
    // SAFETY: the size is not 0.
    let memory = NonNull::new(unsafe { HEAP.alloc_caps(MemoryCapability::Internal.into(), layout) })?;
    // SAFETY: the caller owns this number of bytes for ever, since they are never freed. Any byte is a `MaybeUninit`.
    Some(unsafe { slice::from_raw_parts_mut(memory.as_ptr().cast(), layout.size()) })
}

/// On ESP32-C3 it takes the place of a peripheral that has DMA, which then has none.
#[cfg(feature = "esp32c3")]
fn memory_to_memory(channel: DMA_CH0<'static>, instead_of: SPI2<'static>) -> Mem2Mem<'static, Blocking> {
    Mem2Mem::new(channel, instead_of)
}

/// On ESP32-C6 it is a peripheral of its own.
#[cfg(feature = "esp32c6")]
fn memory_to_memory(channel: DMA_CH0<'static>, _: SPI2<'static>) -> Mem2Mem<'static, Blocking> {
    Mem2Mem::new(channel)
}

/// Interrupts from now on.
fn start(timer: esp_hal::timer::AnyTimer<'static>) {
    let mut timer = PeriodicTimer::new(timer);
    timer.set_interrupt_handler(tick);
    // Masked: the first interrupt finds the timer where it looks for it.
    critical_section::with(|cs| {
        timer.listen();
        timer.start(PERIOD).expect("the timer counts that far");
        TIMER.borrow_ref_mut(cs).replace(timer);
    });
}

#[handler]
fn tick() {
    critical_section::with(|cs| {
        if let Some(timer) = TIMER.borrow_ref_mut(cs).as_mut() {
            timer.clear_interrupt();
        }
    });
    station::measure(Instant::now().duration_since_epoch().as_micros());
}
