//! The log of the ports without a standard library: the lines of the host.

use core::ffi::CStr;

use crate::abi::*;
use crate::print::Line;
use crate::text::Text;

use super::{no_memory_step, now_ms, write};

pub(crate) fn log(report: &memory_pool_report_t, step: &str) {
    let mut line = Line::new();
    line.text("W (").number(now_ms() as usize).text(") memory_pool: ");
    // SAFETY: the strings of reports are C strings that live for the call.
    let [function, pool] =
        [report.function, report.pool].map(|string| unsafe { CStr::from_ptr(string) }.to_bytes());
    line.bytes(function).text("(").address(report.address.addr()).text(")");
    if !pool.is_empty() {
        line.text(" of pool \"").bytes(pool).text("\"");
    }
    line.text(": ").bytes(reason_name(report.reason).to_bytes());
    if report.count > 0 {
        line.text(", ").number(report.count).text(" blocks in use");
    }
    let step = match report.reason {
        ESP_ERR_NO_MEM => no_memory_step(),
        _ => step,
    };
    line.text(": ").text(step).text("\n");
}

/// Where log lines go, everything printed goes.
pub(crate) fn print(text: &[u8]) {
    // SAFETY: so many bytes are there.
    unsafe { write(text.as_ptr().cast(), text.len()) };
}
