//! Generates a trace of any length: `cargo run -p poolscope --example generate -- --events N --seed S -o FILE`.

use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;

use clap::Parser;

mod workload;

/// Generate the trace of a device that handles packets, strings and sessions
#[derive(Parser)]
struct Options {
    /// Events
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// Another seed, another trace
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The trace to write
    #[arg(short, long)]
    output: PathBuf,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = Options::parse();
    let file = BufWriter::new(File::create(&options.output)?);
    let totals = workload::generate(file, options.events, options.seed)?;
    println!("{} events, peak {} bytes in {} blocks", totals.events(), totals.peak_bytes, totals.peak_blocks);
    Ok(())
}
