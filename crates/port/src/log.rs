//! The layout of a log line, on every port that has no logger of its own.
//!
//! ```text
//!   W (MILLISECONDS) memory_pool: FUNCTION(ADDRESS) of pool "NAME": REASON, COUNT blocks in use: NEXT STEP
//! ```

use core::ffi::CStr;

use crate::text::Text;
use crate::types::memory_pool_report_t;

/// Writes the line of `report`, whose reason has the name `reason`, with the next step.
#[cfg_attr(feature = "esp_idf", expect(dead_code, reason = "ESP-IDF's logger lays out the line"))]
pub(crate) fn write_line(
    to: &mut impl Text,
    now_ms: usize,
    report: &memory_pool_report_t,
    reason: &CStr,
    step: &str,
) {
    to.text("W (").number(now_ms).text(") memory_pool: ");
    // SAFETY: the strings of reports are C strings that live for the call.
    let [function, pool] =
        [report.function, report.pool].map(|string| unsafe { CStr::from_ptr(string) }.to_bytes());
    to.bytes(function).text("(").address(report.address.addr()).text(")");
    if !pool.is_empty() {
        to.text(" of pool \"").bytes(pool).text("\"");
    }
    to.text(": ").bytes(reason.to_bytes());
    if report.count > 0 {
        to.text(", ").number(report.count).text(" blocks in use");
    }
    to.text(": ").text(step).text("\n");
}
