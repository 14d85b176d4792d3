//! Input and output files of the commands.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use indicatif::ProgressBar;
use poolscope::Error;
use poolscope::input::{self, Format, Source};
use tempfile::{NamedTempFile, SpooledTempFile};

use crate::ui::{Failure, Ui};

/// A recording to read.
#[derive(Args)]
pub(crate) struct Input {
    /// The recording to read; `-` is stdin
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Format of the recording; `auto` recognises it by the content
    #[arg(long, value_name = "FORMAT", default_value = "auto", value_parser = formats())]
    from: std::option::Option<Format>,
}

/// The values of `--from`: `auto` is `None`.
fn formats() -> impl TypedValueParser<Value = Option<Format>> {
    let formats = Format::ALL.map(|format| PossibleValue::new(format.name()).help(format.about()));
    let values = std::iter::once(PossibleValue::new("auto")).chain(formats);
    PossibleValuesParser::new(values).map(|name| name.parse().ok())
}

/// The form of a result.
#[derive(Clone, Copy, Default, ValueEnum)]
pub(crate) enum ResultFormat {
    /// Text for people
    #[default]
    Text,
    /// JSON for programs; sizes are in bytes, times in ticks
    Json,
}

impl Input {
    /// Opens the recording; the bar shows how far it has been read, and the caller clears it at the end.
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
        let source = input::open(input, self.from).map_err(|error| {
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

    /// The name of the recording in messages.
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

/// Bytes of a result for stdout that are kept in memory; more go to a temporary file.
const IN_MEMORY: usize = 8 << 20;

/// An output that becomes visible when it is complete: only then a file replaces an older one, and stdout, a pipe or a
/// device receives everything at once. An output that is not committed leaves nothing behind.
pub(crate) struct Output {
    writer: BufWriter<Target>,
}

enum Target {
    /// The unfinished file and its final name.
    File(NamedTempFile, PathBuf),
    /// Bytes to be copied to stdout, or to a pipe or device.
    Spool(SpooledTempFile, Option<PathBuf>),
}

impl Output {
    /// Creates `path`; `-` is stdout.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let special = fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir());
        let target = if path == Path::new("-") {
            Target::Spool(SpooledTempFile::new(IN_MEMORY), None)
        } else if special {
            Target::Spool(SpooledTempFile::new(IN_MEMORY), Some(path.to_owned()))
        } else {
            // A symbolic link is kept: the file that it leads to is replaced.
            let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
            if path.is_dir() {
                return Err(io::Error::from(io::ErrorKind::IsADirectory));
            }
            let folder =
                path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let mut prefix = OsString::from(".");
            prefix.push(path.file_name().unwrap_or_default());
            let mut builder = tempfile::Builder::new();
            builder.prefix(&prefix).suffix(".part");
            #[cfg(unix)]
            builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
            let file = builder.tempfile_in(folder).map_err(without_path)?;
            if let Ok(metadata) = fs::metadata(&path) {
                if metadata.permissions().readonly() {
                    return Err(io::Error::from(io::ErrorKind::PermissionDenied));
                }
                file.as_file().set_permissions(metadata.permissions())?;
            }
            Target::File(file, path)
        };
        Ok(Output { writer: BufWriter::new(target) })
    }

    /// Completes the output.
    pub(crate) fn commit(self) -> io::Result<()> {
        let target = self.writer.into_inner().map_err(io::IntoInnerError::into_error)?;
        match target {
            Target::File(file, path) => file.persist(path).map(|_| ()).map_err(|error| error.error),
            Target::Spool(mut spool, path) => {
                spool.seek(SeekFrom::Start(0))?;
                let mut out: Box<dyn Write> = match path {
                    Some(path) => Box::new(File::options().write(true).open(path)?),
                    None => Box::new(io::stdout().lock()),
                };
                io::copy(&mut spool, &mut out)?;
                out.flush()
            }
        }
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Target::File(file, _) => file.write(bytes),
            Target::Spool(spool, _) => spool.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Target::File(file, _) => file.flush(),
            Target::Spool(spool, _) => spool.flush(),
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

/// The system's error alone: the name of the temporary file is of no use to the user.
fn without_path(error: io::Error) -> io::Error {
    let text = error.to_string();
    match text.split_once(" at path ") {
        Some((text, _)) => io::Error::new(error.kind(), text.to_owned()),
        None => error,
    }
}

/// Whether both names are of one file that exists.
pub(crate) fn same_file(a: &Path, b: &Path) -> bool {
    let dash = Path::new("-");
    if a == dash || b == dash {
        return false;
    }
    #[cfg(unix)]
    if let (Ok(a), Ok(b)) = (fs::metadata(a), fs::metadata(b)) {
        use std::os::unix::fs::MetadataExt;
        return a.is_file() && (a.dev(), a.ino()) == (b.dev(), b.ino());
    }
    let real = |path: &Path| fs::canonicalize(path).ok();
    real(a).is_some_and(|a| Some(a) == real(b))
}
