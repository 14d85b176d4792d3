//! Input and output files of the verbs.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use indicatif::ProgressBar;
use poolscope::Error;
use poolscope::input::{self, Format, Source};

use crate::ui::{Failure, Ui};

/// A recording to read.
#[derive(Args)]
pub(crate) struct Input {
    /// The recording; `-` is stdin
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Format of the recording; `auto` looks at the content
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    from: From,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum From {
    #[default]
    Auto,
    /// heaptrack of KDE, interpreted or raw
    Heaptrack,
    /// The log of ESP-IDF's heap_trace_dump
    HeapTrace,
    /// The JSON of ESP-IDF's sysviewtrace_proc.py
    Sysview,
    /// CSV with the columns time_us,op,id,size
    Csv,
    /// .pooltrace
    Native,
}

impl From {
    fn format(self) -> Option<Format> {
        match self {
            From::Auto => None,
            From::Heaptrack => Some(Format::Heaptrack),
            From::HeapTrace => Some(Format::HeapTrace),
            From::Sysview => Some(Format::Sysview),
            From::Csv => Some(Format::Csv),
            From::Native => Some(Format::Native),
        }
    }
}

impl Input {
    /// Opens the recording; the bar shows how far it has been read and is to be cleared at the end.
    pub(crate) fn open(&self, ui: &Ui) -> Result<(Box<dyn Source>, ProgressBar), Failure> {
        let name = self.name();
        let (input, len): (Box<dyn Read>, _) = if self.is_stdin() {
            (Box::new(io::stdin().lock()), None)
        } else {
            let file = File::open(&self.file).map_err(|error| self.failed(Error::Read(error)))?;
            let len = file.metadata().ok().filter(fs::Metadata::is_file).map(|metadata| metadata.len());
            (Box::new(file), len)
        };
        let (input, bar) = ui.watch(input, len, &name);
        let source = input::open(input, self.from.format()).map_err(|error| {
            bar.finish_and_clear();
            self.failed(error)
        })?;
        ui.explain(format_args!("{name}: reading a {} recording", source.meta().source));
        Ok((source, bar))
    }

    /// An error in this file.
    pub(crate) fn failed(&self, error: Error) -> Failure {
        Failure::about(&self.name(), error)
    }

    pub(crate) fn is_stdin(&self) -> bool {
        self.file == Path::new("-")
    }

    /// What to call the recording in messages.
    pub(crate) fn name(&self) -> String {
        if self.is_stdin() { "stdin".to_owned() } else { self.file.display().to_string() }
    }

    /// The file name without folder, packing and format, for headings and derived names.
    pub(crate) fn stem(&self) -> Option<String> {
        if self.is_stdin() {
            return None;
        }
        let name = self.file.file_name()?.to_string_lossy().into_owned();
        let name = strip(&name, &["gz", "zst"]);
        Some(strip(name, &["csv", "json", "txt", "log", "raw", poolscope::trace::EXTENSION]).to_owned())
    }
}

/// `name` without its extension, if that is one of `extensions` and not all there is.
fn strip<'a>(name: &'a str, extensions: &[&str]) -> &'a str {
    match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() && extensions.contains(&extension) => stem,
        _ => name,
    }
}

/// An output file that takes the place of an older one only once it is complete.
pub(crate) struct Output {
    writer: BufWriter<Box<dyn Write>>,
    /// The unfinished file and its final name; stdout and devices are written directly.
    rename: Option<(PathBuf, PathBuf)>,
}

impl Output {
    /// Creates `path`; `-` is stdout.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        if path == Path::new("-") {
            return Ok(Output { writer: BufWriter::new(Box::new(io::stdout())), rename: None });
        }
        let special = fs::metadata(path).is_ok_and(|metadata| !metadata.is_file());
        if special {
            return Ok(Output { writer: BufWriter::new(Box::new(File::create(path)?)), rename: None });
        }
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let file = File::create(&part)?;
        Ok(Output { writer: BufWriter::new(Box::new(file)), rename: Some((part, path.to_owned())) })
    }

    /// Completes the file.
    pub(crate) fn commit(mut self) -> io::Result<()> {
        self.writer.flush()?;
        match self.rename.take() {
            Some((part, path)) => fs::rename(part, path),
            None => Ok(()),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl Drop for Output {
    /// Leaves no unfinished file behind.
    fn drop(&mut self) {
        if let Some((part, _)) = &self.rename {
            let _ = fs::remove_file(part);
        }
    }
}
