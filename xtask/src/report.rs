//! What ran, how long, with what result: collected while running, shown as a table at the end.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};

/// How a step ended that did not fail.
pub(crate) enum Done {
    /// It did what it should; a word about it, or "".
    Passed(String),
    /// It was left out, for this reason.
    Skipped(String),
}

impl Done {
    /// Passed, with nothing to add.
    pub(crate) fn passed() -> Result<Self> {
        Ok(Self::Passed(String::new()))
    }
}

struct Row {
    what: String,
    result: &'static str,
    time: Duration,
    note: String,
}

/// The steps of a command so far.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

impl Report {
    /// Runs a step. A failure is printed, remembered, and does not stop what comes after.
    pub(crate) fn step(&mut self, what: &str, step: impl FnOnce() -> Result<Done>) {
        println!("--- {what}");
        let start = Instant::now();
        let done = step();
        self.add(what, start.elapsed(), done);
    }

    /// Adds a step that ran elsewhere.
    pub(crate) fn add(&mut self, what: &str, time: Duration, done: Result<Done>) {
        let (result, note) = match done {
            Ok(Done::Passed(note)) => ("ok", note),
            Ok(Done::Skipped(why)) => {
                println!("SKIPPED {what}: {why}");
                ("SKIPPED", why)
            }
            Err(error) => {
                println!("FAILED {what}: {error:#}");
                let text = format!("{error:#}");
                ("FAILED", text.lines().next().unwrap_or("").chars().take(90).collect())
            }
        };
        self.rows.push(Row { what: what.to_owned(), result, time, note });
    }

    /// Prints the table; an error if a step failed.
    pub(crate) fn finish(self) -> Result<()> {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED).set_header(["what", "result", "seconds", "note"]);
        for row in &self.rows {
            let seconds = format!("{:.1}", row.time.as_secs_f64());
            table.add_row([row.what.as_str(), row.result, &seconds, &row.note]);
        }
        println!("{table}");
        let failed = self.rows.iter().filter(|row| row.result == "FAILED").count();
        if failed > 0 {
            bail!("{failed} of {} failed", self.rows.len());
        }
        Ok(())
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
