//! Colours, progress, messages and errors, all of them on stderr.

use std::fmt::{self, Write as _};
use std::io::{self, ErrorKind, IsTerminal, Read, Write as _};
use std::process::ExitCode;

use anstream::ColorChoice;
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};
use poolscope::Error;

/// Options of every command.
#[derive(Args)]
pub(crate) struct Options {
    /// When to use colours; `auto` uses them on a terminal unless NO_COLOR is set
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t)]
    color: Color,
    /// Print errors only, no messages
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Print more messages
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    verbose: bool,
    /// Show no progress bar, even on a terminal
    #[arg(long, global = true)]
    no_progress: bool,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

impl Options {
    /// Puts the options in force.
    pub(crate) fn apply(&self) -> Ui {
        match self.color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        }
        .write_global();
        let progress = !self.quiet && !self.no_progress && io::stderr().is_terminal();
        Ui { quiet: self.quiet, verbose: self.verbose, progress }
    }
}

/// What writes messages to the user.
pub(crate) struct Ui {
    quiet: bool,
    verbose: bool,
    progress: bool,
}

impl Ui {
    /// A line for the user, unless `--quiet`.
    pub(crate) fn say(&self, text: impl fmt::Display) {
        if !self.quiet {
            to_stderr(format_args!("{text}\n"));
        }
    }

    /// A line that is printed with `--verbose` only.
    pub(crate) fn explain(&self, text: impl fmt::Display) {
        if self.verbose {
            to_stderr(format_args!("{text}\n"));
        }
    }

    /// `input` with a progress bar that runs with it; `len` in bytes, if known.
    pub(crate) fn watch<R: Read>(
        &self,
        input: R,
        len: Option<u64>,
        name: &str,
    ) -> (impl Read + use<R>, ProgressBar) {
        let target = if self.progress { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let template = match len {
            Some(_) => "[{elapsed}] [{bar:40}] {bytes}/{total_bytes} {msg}",
            None => "[{elapsed}] {spinner} {bytes} {msg}",
        };
        let style = ProgressStyle::with_template(template).expect("the template is well-formed");
        let bar = ProgressBar::with_draw_target(len, target)
            .with_style(style.progress_chars("=> "))
            .with_message(name.to_owned());
        (bar.wrap_read(input), bar)
    }

    /// Shows what went wrong and returns the exit code. A reader that closed the pipe is no failure.
    pub(crate) fn report(&self, failure: &Failure) -> ExitCode {
        if let Error::Write(error) = &failure.error
            && error.kind() == ErrorKind::BrokenPipe
        {
            return ExitCode::SUCCESS;
        }
        let mut text = String::new();
        let handler =
            GraphicalReportHandler::new_themed(GraphicalTheme::unicode()).with_links(false).with_width(100);
        // Rendering to a String fails only if a Display implementation does; then the plain text must do.
        if handler.render_report(&mut text, failure).is_err() {
            let _ = writeln!(text, "{failure}");
        }
        to_stderr(format_args!("{text}"));
        ExitCode::from(failure.error.exit_code())
    }
}

/// Writes to stderr; a failure to do so is no reason to stop.
fn to_stderr(text: fmt::Arguments<'_>) {
    let _ = anstream::stderr().lock().write_fmt(text);
}

/// Writes a result to stdout.
pub(crate) fn to_stdout(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| Error::Write(error).into())
}

/// An error and the file it is about.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) file: Option<String>,
    pub(crate) error: Error,
}

impl Failure {
    /// `error` concerns `file`.
    pub(crate) fn about(file: &str, error: Error) -> Self {
        Failure { file: Some(file.to_owned()), error }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure { file: None, error }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{file}: ")?;
        }
        self.error.fmt(f)
    }
}

impl std::error::Error for Failure {}

impl Diagnostic for Failure {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.error.code()
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.error.help()
    }
}
