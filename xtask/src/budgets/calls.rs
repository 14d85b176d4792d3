//! What the calls of a function took, in a trace of a whole run.

use anyhow::{Context, Result, ensure};

use crate::qemu::Trace;

/// From here on blocks are used for the first time, or again: functions of the programs that are traced.
const MARKERS: [&str; 2] = ["budget_first", "budget_again"];

/// What one function took.
pub(super) struct Calls {
    /// Most instructions while blocks were used for the first time, if it was called then.
    pub(super) first: Option<u64>,
    /// Least and most afterwards.
    pub(super) again: (u64, u64),
    /// Most instructions after one that masks interrupts, up to the one that puts them back, which is included.
    pub(super) masked: u64,
    /// Of the function.
    pub(super) bytes: u64,
}

/// Counts all calls.
pub(super) fn count(trace: &Trace<'_>, name: &str) -> Result<Calls> {
    let (_, bytes) = trace.function(name)?;
    let [first, again] = [trace.function(MARKERS[0])?.0, trace.function(MARKERS[1])?.0];
    let mut calls = Calls { first: None, again: (u64::MAX, 0), masked: 0, bytes };
    for call in trace.calls(name)? {
        let marker = trace.run[..call.start].iter().rfind(|&&address| address == first || address == again);
        let marker = marker.with_context(|| format!("`{name}` is called before `{}`", MARKERS[0]))?;
        let count = call.len() as u64;
        if *marker == first {
            calls.first = calls.first.max(Some(count));
        } else {
            calls.again = (calls.again.0.min(count), calls.again.1.max(count));
            calls.masked = calls.masked.max(masked(trace, &trace.run[call]));
        }
    }
    ensure!(calls.again.1 > 0, "`{name}` is not called");
    Ok(calls)
}

fn masked(trace: &Trace<'_>, call: &[u32]) -> u64 {
    let Some(off) = call.iter().position(|address| trace.masks(*address)) else { return 0 };
    let on = call.iter().rposition(|address| trace.unmasks(*address));
    on.map_or(0, |on| on.saturating_sub(off) as u64)
}
