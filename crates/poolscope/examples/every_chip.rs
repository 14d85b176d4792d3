//! On which chips does a recorded program run, with pools and with the heap alone?
//!
//! `cargo run --release -p poolscope --example every_chip -- traces/mosquitto.pooltrace`

use std::error::Error;
use std::fs::File;

use microusc_chips::Chip;
use poolscope::input::{self, Source};
use poolscope::layout::derive::{Peaks, Survey};
use poolscope::replay::{ContenderOutcome, Plan, run};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("name a recording, such as traces/mosquitto.pooltrace")?;
    let open = || -> Result<Box<dyn Source>, Box<dyn Error>> { Ok(input::open(File::open(&path)?, None)?) };
    // Two passes derive the layout; each replay is one more.
    let survey = Survey::take(&mut *open()?)?;
    let layout = Peaks::count(&survey, &mut *open()?)?.layout(&survey);
    println!("{:<9} {:>14}  {:<28} heap alone", "chip", "available, B", "pools");
    for chip in Chip::ALL {
        let outcome = run(&Plan::new(chip, layout.clone()), &mut *open()?)?;
        let pools = outcome.pools.as_ref().map(|pools| verdict(&pools.common));
        let pools = pools.unwrap_or_else(|| "do not fit".to_owned());
        println!("{chip:<9} {:>14}  {pools:<28} {}", outcome.heap.available_bytes, verdict(&outcome.heap));
    }
    Ok(())
}

fn verdict(contender: &ContenderOutcome) -> String {
    match contender.failed {
        0 => format!("peak use {} B", contender.peak_use_bytes),
        failed => format!("{failed} allocations failed"),
    }
}
