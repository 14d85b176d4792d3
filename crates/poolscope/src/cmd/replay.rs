//! `poolscope replay`.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use microusc_chips::{Builder, Chip, ChipHeap, Engine, Idf};
use poolscope::Error;
use poolscope::error::LayoutError;
use poolscope::input::Source;
use poolscope::layout::Layout;
use poolscope::layout::derive::{LIMIT, Peaks, Survey};
use poolscope::replay::{self, Derived, Plan};
use poolscope::report;

use super::Verdict;
use super::files::{Input, Output, ResultFormat, same_file};
use crate::ui::{Failure, Ui};

/// Longest layout file, bytes.
const MAX_LAYOUT: u64 = 1 << 20;

/// The chips with a heap in their ROM, as "a, b and c".
fn with_heap_in_rom() -> String {
    let names: Vec<_> =
        Chip::ALL.into_iter().filter(|chip| chip.facts().rom_heap.is_some()).map(Chip::name).collect();
    match names.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} and {last}", others.join(", ")),
        _ => names.concat(),
    }
}

/// Serve a recording from pools and from a chip's heap, and compare the two
///
/// Without --layout, the pools are derived from the recording: the block sizes that take the fewest bytes, each with as
/// many blocks as were live at one time. The exit code is 1 if the pools do not fit the chip or an allocation from them
/// fails.
#[derive(Args)]
pub(crate) struct Replay {
    #[command(flatten)]
    input: Input,
    #[arg(long, value_name = "CHIP", help = format!("The chip whose memory is used: {}", Chip::ALL.map(Chip::name).join(", ")))]
    chip: Chip,
    /// The version of ESP-IDF by which the heap is laid out: 5.4 or 5.5 (6.0 has the heap of 5.5)
    #[arg(long, value_name = "VERSION", default_value_t)]
    idf: Idf,
    #[arg(long, value_name = "ENGINE", default_value_t, help = format!(
        "The heap's allocator: espressif is ESP-IDF's own; rom is the one in the ROM of {}, which ESP-IDF uses there by \
         default; rlsf is an independent one, to check the verdict with", with_heap_in_rom()))]
    heap: Engine,
    /// Read the pools from FILE, whose format is described in docs/layout-format.md
    #[arg(long, value_name = "FILE")]
    layout: Option<PathBuf>,
    /// Write the derived layout to FILE, to be edited and passed to --layout
    #[arg(long, value_name = "FILE", conflicts_with = "layout")]
    emit_layout: Option<PathBuf>,
    /// Format of the result
    #[arg(long, value_enum, default_value_t)]
    format: ResultFormat,
    /// Write the result to FILE instead of stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// External RAM of the board in bytes (K: KiB, M: MiB); 0 is none [default: that of usual boards]
    #[arg(long, value_name = "BYTES", value_parser = size)]
    psram: Option<usize>,
    /// Let malloc use external RAM for requests of more than BYTES (CONFIG_SPIRAM_MALLOC_ALWAYSINTERNAL)
    #[arg(long, value_name = "BYTES", value_parser = size)]
    malloc_psram: Option<usize>,
    /// With --malloc-psram: internal RAM that is kept for DMA (CONFIG_SPIRAM_MALLOC_RESERVE_INTERNAL) [default: 32K]
    #[arg(long, value_name = "BYTES", value_parser = size, requires = "malloc_psram")]
    malloc_reserve: Option<usize>,
    /// Bytes of a memory region that the heap has, as the boot log of your program says
    #[arg(long, value_name = "NAME=BYTES", value_parser = region)]
    region: Vec<(String, usize)>,
    /// Bytes of a memory region that are in use before the replay: tasks, drivers and all that was not recorded
    #[arg(long, value_name = "NAME=BYTES", value_parser = region)]
    reserve: Vec<(String, usize)>,
    /// Milliseconds between samples of the free memory, or events if the recording has no clock [default: about 100
    /// samples in all]
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..))]
    interval: Option<u64>,
    /// Check that no two live blocks overlap (slower)
    #[arg(long)]
    verify: bool,
    /// Leave out the speed, so that the same recording gives the same result
    #[arg(long)]
    no_timing: bool,
}

/// A number of bytes, perhaps in KiB or MiB.
fn size(text: &str) -> Result<usize, String> {
    let (digits, shift) = match text.strip_suffix(['K', 'k']) {
        Some(digits) => (digits, 10),
        None => text.strip_suffix(['M', 'm']).map_or((text, 0), |digits| (digits, 20)),
    };
    let number: Option<usize> = digits.parse().ok();
    number
        .and_then(|number| number.checked_mul(1 << shift))
        .ok_or_else(|| "give a number of bytes such as 4096, 64K or 2M".into())
}

fn region(text: &str) -> Result<(String, usize), String> {
    let (name, bytes) =
        text.split_once('=').ok_or("give the name of a region and bytes, such as DRAM1=120000")?;
    Ok((name.to_owned(), size(bytes)?))
}

impl Replay {
    pub(super) fn run(self, ui: &Ui) -> Result<Verdict, Failure> {
        let heap = self.heap();
        // Finds wrong options before anything is read.
        heap.clone().build().map_err(|error| replay::unbuildable(&heap, &error))?;
        self.check_outputs()?;
        let (layout, derived) = match &self.layout {
            Some(path) => (read_layout(path)?, None),
            None => self.derive(ui).map(|(layout, derived)| (layout, Some(derived)))?,
        };
        let mut plan = Plan { heap, ..Plan::new(self.chip, layout) };
        (plan.derived, plan.verify, plan.malloc_psram) = (derived, self.verify, self.malloc_psram.is_some());

        let outcome = self.pass(ui, |source| {
            let hz = source.meta().tick_hz;
            let ticks = |ms: u64| if hz == 0 { ms } else { (u128::from(ms) * u128::from(hz) / 1000) as u64 };
            plan.interval = self.interval.map(ticks);
            replay::run(&plan, source)
        });
        let mut outcome = outcome?;
        if outcome.meta.title.is_empty() {
            outcome.meta.title = self.input.stem().unwrap_or_default();
        }
        if self.no_timing {
            outcome.timing = None;
        }
        let text = match self.format {
            ResultFormat::Text => report::replay_text(&outcome),
            ResultFormat::Json => report::json(&outcome),
        };
        if outcome.derived.is_some() {
            self.emit(ui, &outcome.layout)?;
        }
        self.write(&text)?;
        Ok(if outcome.is_good() { Verdict::Good } else { Verdict::Bad })
    }

    fn heap(&self) -> Builder {
        let mut heap = ChipHeap::builder(self.chip).idf(self.idf).engine(self.heap);
        if let Some(bytes) = self.psram {
            heap = heap.psram(bytes);
        }
        if let Some(bytes) = self.malloc_psram {
            heap = heap.malloc_internal_up_to(bytes);
        }
        if let Some(bytes) = self.malloc_reserve {
            heap = heap.malloc_reserve_internal(bytes);
        }
        for (name, bytes) in &self.region {
            heap = heap.size(name, *bytes);
        }
        for (name, bytes) in &self.reserve {
            heap = heap.reserve(name, *bytes);
        }
        heap
    }

    /// Reads the recording from its start.
    fn pass<T>(
        &self,
        ui: &Ui,
        work: impl FnOnce(&mut dyn Source) -> poolscope::Result<T>,
    ) -> Result<T, Failure> {
        let (mut source, bar) = self.input.open(ui)?;
        let result = work(&mut *source);
        bar.finish_and_clear();
        result.map_err(|error| match error {
            Error::Usage { .. } => error.into(),
            _ => self.input.failed(error),
        })
    }

    /// Two passes over the recording for a layout; the third is the replay.
    fn derive(&self, ui: &Ui) -> Result<(Layout, Derived), Failure> {
        if self.input.is_stdin() || !fs::metadata(&self.input.file).map_or(true, |file| file.is_file()) {
            return Err(Failure::from(Error::usage(
                "a layout cannot be derived from a stream, because that takes reading the recording \
                       more than once",
                "save the recording first (`poolscope import - -o run.pooltrace`), or give the pools \
                       with --layout",
            )));
        }
        let survey = self.pass(ui, Survey::take)?;
        let layout = self.pass(ui, |source| Peaks::count(&survey, source))?.layout(&survey);
        if self.emit_layout.is_some() && layout.pools.is_empty() {
            return Err(Failure::from(Error::usage(
                format!("no request is of {LIMIT} bytes or less, so the derived layout has no pool"),
                "leave out --emit-layout, or write a layout by hand",
            )));
        }
        let derived =
            Derived { limit: LIMIT, larger_requests: survey.large(), largest_request: survey.largest() };
        Ok((layout, derived))
    }

    /// Refuses outputs that would destroy an input or each other.
    fn check_outputs(&self) -> Result<(), Failure> {
        let outputs = [self.output.as_deref(), self.emit_layout.as_deref()];
        let inputs = [Some(&*self.input.file), self.layout.as_deref()];
        for output in outputs.into_iter().flatten() {
            if inputs.into_iter().flatten().any(|input| same_file(input, output)) {
                return Err(Failure::from(Error::usage(
                    format!("{} is both input and output", output.display()),
                    "choose another name for the output",
                )));
            }
        }
        let result = self.output.as_deref().unwrap_or(Path::new("-"));
        match &self.emit_layout {
            Some(layout) if result == layout || same_file(result, layout) => {
                Err(Failure::from(Error::usage(
                    "the result and the layout would be written to the same file",
                    "write one of them to a file: `--emit-layout FILE` or `-o FILE`",
                )))
            }
            _ => Ok(()),
        }
    }

    /// Writes the derived layout, once the replay has succeeded.
    fn emit(&self, ui: &Ui, layout: &Layout) -> Result<(), Failure> {
        let Some(path) = &self.emit_layout else { return Ok(()) };
        put(path, layout.to_toml().as_bytes())?;
        if path != Path::new("-") {
            ui.say(format_args!("wrote {}: edit it and pass it to --layout", path.display()));
        }
        Ok(())
    }

    fn write(&self, text: &str) -> Result<(), Failure> {
        match &self.output {
            Some(path) if path != Path::new("-") => {
                put(path, anstream::adapter::strip_str(text).to_string().as_bytes())
            }
            _ => {
                let mut out = anstream::stdout().lock();
                let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
                written.map_err(|error| Error::Write(error).into())
            }
        }
    }
}

/// Writes a file, whole or not at all.
fn put(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let written = Output::create(path).and_then(|mut output| {
        output.write_all(bytes)?;
        output.commit()
    });
    written.map_err(|error| Failure::about(&path.display().to_string(), Error::Write(error)))
}

fn read_layout(path: &Path) -> Result<Layout, Failure> {
    let failed = |error| Failure::about(&path.display().to_string(), error);
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(MAX_LAYOUT + 1).read_to_string(&mut text));
    read.map_err(|error| failed(Error::Read(error)))?;
    if text.len() as u64 > MAX_LAYOUT {
        let what = format!("this file has more than {MAX_LAYOUT} bytes");
        let help = "check the file: no layout is that large".to_owned();
        return Err(failed(LayoutError { line: 1, what, help }.into()));
    }
    Layout::parse(&text).map_err(|error| failed(error.into()))
}
