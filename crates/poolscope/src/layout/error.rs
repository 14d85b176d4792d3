//! What can be wrong with a layout.

use miette::Diagnostic;
use thiserror::Error as ThisError;

/// A layout file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, ThisError, Diagnostic)]
#[error("line {line}: {what}")]
#[diagnostic(code(poolscope::layout), help("{help}"))]
pub struct LayoutError {
    /// Line number, from 1.
    pub line: usize,
    /// What is wrong there.
    pub what: String,
    /// What to do.
    pub help: String,
}
