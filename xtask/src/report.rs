//! What ran, how long, with what result: collected while running, shown as a table at the end.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};

/// How a step ended that did not fail.
pub(crate) enum Done {
    /// It did what it should; a word about it, or "".
    Passed(String),
    /// It did what it should, but for a part that was left out: this one, for this reason.
    Partly(String),
    /// It was left out, for this reason; an error that is a [`Skip`] says the same.
    Skipped(String),
}

impl Done {
    /// Passed, with nothing to add.
    pub(crate) fn passed() -> Result<Self> {
        Ok(Self::Passed(String::new()))
    }
}

/// An error that says why a step was left out: not a failure.
#[derive(Debug)]
pub(crate) struct Skip(String);

impl Skip {
    /// As an error for `?`.
    pub(crate) fn because(reason: impl Into<String>) -> anyhow::Error {
        Self(reason.into()).into()
    }
}

impl std::fmt::Display for Skip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Skip {}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Ok,
    InPart,
    Skipped,
    Failed,
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::InPart => "IN PART",
            Self::Skipped => "SKIPPED",
            Self::Failed => "FAILED",
        }
    }
}

struct Row {
    what: String,
    outcome: Outcome,
    time: Duration,
    note: String,
}

/// The steps of a command so far.
pub(crate) struct Report {
    rows: Vec<Row>,
    start: Instant,
    on_stderr: bool,
}

impl Default for Report {
    fn default() -> Self {
        Self { rows: Vec::new(), start: Instant::now(), on_stderr: false }
    }
}

impl Report {
    /// For a command whose standard output is for programs.
    pub(crate) fn on_stderr() -> Self {
        Self { on_stderr: true, ..Self::default() }
    }

    /// Runs a step. A failure is printed, remembered, and does not stop what comes after.
    pub(crate) fn step(&mut self, what: &str, step: impl FnOnce() -> Result<Done>) {
        self.say(&format!("--- {what}"));
        let start = Instant::now();
        let done = step();
        self.add(what, start.elapsed(), done);
    }

    /// Adds a step that ran elsewhere.
    pub(crate) fn add(&mut self, what: &str, time: Duration, done: Result<Done>) {
        let (outcome, note) = match done {
            Ok(Done::Passed(note)) => (Outcome::Ok, note),
            Ok(Done::Partly(why)) => (Outcome::InPart, why),
            Ok(Done::Skipped(why)) => (Outcome::Skipped, why),
            Err(error) => match error.downcast_ref::<Skip>() {
                Some(skip) => (Outcome::Skipped, skip.to_string()),
                None => (Outcome::Failed, format!("{error:#}")),
            },
        };
        if outcome != Outcome::Ok {
            self.say(&format!("{} {what}: {note}", outcome.word()));
        }
        let note = match outcome {
            Outcome::Failed => note.lines().next().unwrap_or("").chars().take(90).collect(),
            _ => note,
        };
        self.rows.push(Row { what: what.to_owned(), outcome, time, note });
    }

    /// Prints the table, what was left out and the time of all; an error if a step failed.
    pub(crate) fn finish(self) -> Result<()> {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED).set_header(["what", "result", "seconds", "note"]);
        for row in &self.rows {
            let seconds = format!("{:.1}", row.time.as_secs_f64());
            table.add_row([row.what.as_str(), row.outcome.word(), &seconds, &row.note]);
        }
        self.say(&table.to_string());
        self.say(&self.summary(self.start.elapsed()));
        let failed = self.of(Outcome::Failed).count();
        if failed > 0 {
            bail!("{failed} of {} failed", self.rows.len());
        }
        Ok(())
    }

    /// How many steps ended how, the time of all, and each step that was left out.
    fn summary(&self, time: Duration) -> String {
        let count = |outcome| self.of(outcome).count();
        let mut text = format!(
            "{} steps in {} min {} s: {} ok, {} in part, {} left out, {} failed",
            self.rows.len(),
            time.as_secs() / 60,
            time.as_secs() % 60,
            count(Outcome::Ok),
            count(Outcome::InPart),
            count(Outcome::Skipped),
            count(Outcome::Failed),
        );
        for outcome in [Outcome::Skipped, Outcome::InPart] {
            for row in self.of(outcome) {
                text.push_str(&format!("\n  {}: {}: {}", outcome.word(), row.what, row.note));
            }
        }
        text
    }

    fn of(&self, outcome: Outcome) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.outcome == outcome)
    }

    fn say(&self, text: &str) {
        if self.on_stderr { eprintln!("{text}") } else { println!("{text}") }
    }
}

/// Runs `work` for each item on as many threads as there are cores; results in the order of the items.
pub(crate) fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(items.len());
    let run = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let Some(item) = items.get(index) else { return done };
            done.push((index, work(item)));
        }
    };
    let mut done: Vec<(usize, R)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(run)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a worker panicked")).collect()
    });
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Done, Report};

    #[test]
    fn what_was_left_out_is_named_with_its_reason() {
        let mut report = Report::default();
        let done = [
            ("a", Ok(Done::Passed("3 numbers".to_owned()))),
            ("b", Ok(Done::Skipped("no compiler".to_owned()))),
            ("c", Ok(Done::Partly("not compared".to_owned()))),
            ("d", Err(anyhow::anyhow!("broken"))),
        ];
        for (what, done) in done {
            report.add(what, Duration::from_secs(1), done);
        }
        assert_eq!(
            report.summary(Duration::from_secs(125)),
            "4 steps in 2 min 5 s: 1 ok, 1 in part, 1 left out, 1 failed\n  SKIPPED: b: no compiler\n  IN PART: c: not compared"
        );
        assert_eq!(report.finish().unwrap_err().to_string(), "1 of 4 failed");
    }

    #[test]
    fn a_report_without_failures_is_no_error() {
        let mut report = Report::default();
        report.add("a", Duration::ZERO, Ok(Done::Skipped("no compiler".to_owned())));
        assert!(report.finish().is_ok());
    }
}
