//! `poolscope info`.

use clap::{Args, ValueEnum};
use poolscope::info;

use super::Verdict;
use super::files::Input;
use crate::ui::{Failure, Ui, to_stdout};

/// Show what a trace holds: peaks, sizes, lifetimes, leaks, bad frees
///
/// Reads native traces and every format that `import` reads.
#[derive(Args)]
pub(crate) struct Info {
    #[command(flatten)]
    input: Input,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    format: Form,
    /// Exit with 1 if blocks leak or are freed twice
    #[arg(long)]
    check: bool,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum Form {
    /// For people
    #[default]
    Text,
    /// For programs; sizes in bytes, times in ticks
    Json,
}

impl Info {
    pub(super) fn run(self, ui: &Ui) -> Result<Verdict, Failure> {
        let (mut source, bar) = self.input.open(ui)?;
        let survey = info::Info::survey(&mut *source);
        bar.finish_and_clear();
        let mut survey = survey.map_err(|error| self.input.failed(error))?;
        if survey.meta.title.is_empty() {
            survey.meta.title = self.input.stem().unwrap_or_default();
        }
        let text = match self.format {
            Form::Text => survey.render(),
            Form::Json => survey.to_json(),
        };
        to_stdout(text.as_bytes())?;
        Ok(if self.check && survey.is_faulty() { Verdict::Bad } else { Verdict::Good })
    }
}
