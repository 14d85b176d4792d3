//! `poolscope info`.

use clap::Args;
use poolscope::{info, report};

use super::Verdict;
use super::files::{Input, ResultFormat};
use crate::ui::{Failure, Ui, to_stdout};

/// Show what a recording holds: peak use, sizes, lifetimes, leaks, double frees
///
/// Reads native traces and every format that `import` reads.
#[derive(Args)]
pub(crate) struct Info {
    #[command(flatten)]
    input: Input,
    /// Format of the result
    #[arg(long, value_enum, default_value_t)]
    format: ResultFormat,
    /// Exit with code 1 if a block is live at the end or freed twice
    #[arg(long)]
    check: bool,
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
            ResultFormat::Text => report::info_text(&survey),
            ResultFormat::Json => report::json(&survey),
        };
        to_stdout(text.as_bytes())?;
        Ok(if self.check && survey.is_faulty() { Verdict::Bad } else { Verdict::Good })
    }
}
