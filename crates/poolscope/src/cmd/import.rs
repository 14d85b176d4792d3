//! `poolscope import`.

use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use poolscope::Error;

use poolscope::input::Source;
use poolscope::text::{bytes, plural, printable, ticks};
use poolscope::trace::{EXTENSION, Totals, Writer};

use super::Verdict;
use super::files::{Input, Output, same_file};
use crate::ui::{Failure, Ui};

/// Convert a recording of any supported format into a native trace (.pooltrace)
#[derive(Args)]
pub(crate) struct Import {
    #[command(flatten)]
    input: Input,
    /// The trace to write; `-` is stdout [default: the name of FILE with the extension .pooltrace]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Import {
    pub(super) fn run(self, ui: &Ui) -> Result<Verdict, Failure> {
        let path = self.output_path()?;
        let start = Instant::now();
        let (mut source, bar) = self.input.open(ui)?;
        let copied = self.copy(&mut *source, &path);
        bar.finish_and_clear();
        let totals = copied?;
        let seconds = start.elapsed().as_secs_f64();
        ui.explain(format_args!("{:.1} million events/s", totals.events() as f64 / 1e6 / seconds));
        self.summary(ui, &*source, &totals, &path);
        Ok(Verdict::Good)
    }

    /// Where to write to; refuses what would destroy the input or fill the terminal with binary data.
    fn output_path(&self) -> Result<PathBuf, Failure> {
        let path = match (&self.output, self.input.stem()) {
            (Some(path), _) => path.clone(),
            (None, Some(stem)) => self.input.file.with_file_name(format!("{stem}.{EXTENSION}")),
            (None, None) => {
                return Err(Error::usage(
                    "stdin has no name from which the trace could be named",
                    "name the output: `-o FILE`",
                )
                .into());
            }
        };
        if path == Path::new("-") && io::stdout().is_terminal() {
            return Err(Error::usage(
                "a trace is binary data, and stdout is a terminal",
                "redirect stdout, or name the output: `-o FILE`",
            )
            .into());
        }
        if same_file(&self.input.file, &path) {
            let what = format!("{} is both input and output", path.display());
            return Err(Error::usage(what, "choose another output with `-o FILE`").into());
        }
        Ok(path)
    }

    fn copy(&self, source: &mut dyn Source, path: &Path) -> Result<Totals, Failure> {
        let unwritable = |error| match error {
            Error::Write(_) => Failure::about(&path.display().to_string(), error),
            _ => self.input.failed(error),
        };
        let mut meta = source.meta().clone();
        if meta.title.is_empty() {
            meta.title = self.input.stem().unwrap_or_default();
        }
        let output = Output::create(path).map_err(|error| unwritable(Error::Write(error)))?;
        let mut writer = Writer::new(output, &meta).map_err(unwritable)?;
        let mut batch = Vec::new();
        let mut contexts = 0;
        loop {
            batch.clear();
            let more = source.next_batch(&mut batch).map_err(|error| self.input.failed(error))?;
            for context in &source.contexts()[contexts..] {
                writer.define_context(context).map_err(unwritable)?;
                contexts += 1;
            }
            for &event in &batch {
                writer.write(event).map_err(unwritable)?;
            }
            if !more {
                break;
            }
        }
        for remark in source.remarks() {
            writer.remark(remark);
        }
        writer.set_findings(source.findings());
        let (output, totals) = writer.finish().map_err(unwritable)?;
        output.commit().map_err(|error| unwritable(Error::Write(error)))?;
        Ok(totals)
    }

    fn summary(&self, ui: &Ui, source: &dyn Source, totals: &Totals, path: &Path) {
        let meta = source.meta();
        ui.say(format_args!(
            "{}: {}, {}, {} in {} ({})",
            self.input.name(),
            plural(totals.events(), "event"),
            plural(totals.allocs, "allocation"),
            plural(totals.frees, "free"),
            ticks(totals.ticks, meta.tick_hz),
            printable(&meta.source),
        ));
        let peak = bytes(totals.peak_bytes);
        ui.say(format_args!("  peak use {peak}, {}", plural(totals.peak_blocks, "block")));
        if totals.live_blocks > 0 {
            let live = plural(totals.live_blocks, "block");
            ui.say(format_args!("  {live} live at the end, {}", bytes(totals.live_bytes)));
        }
        if totals.double_frees > 0 {
            ui.say(format_args!("  warning: {}", plural(totals.double_frees, "double free")));
        }
        if totals.unknown_frees > 0 {
            let blocks = if totals.unknown_frees == 1 { "a block" } else { "blocks" };
            let frees = plural(totals.unknown_frees, "free");
            ui.say(format_args!("  {frees} of {blocks} older than the recording"));
        }
        let failed = source.findings().failed;
        if failed.count > 0 {
            ui.say(format_args!("  {}", poolscope::report::failures(&failed)));
        }
        for note in meta.notes.iter().chain(&source.remarks()) {
            ui.say(format_args!("  note: {}", printable(note)));
        }
        if path != Path::new("-") {
            let size = fs::metadata(path).map_or(0, |metadata| metadata.len());
            ui.say(format_args!("wrote {} ({})", path.display(), bytes(size)));
            ui.say(format_args!("next: poolscope info {}", path.display()));
        }
    }
}
