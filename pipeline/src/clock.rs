//! The wall clock, in the one place where event time may come from it: what clients report.

use gemba_schemas::time::EventTime;
use std::time::SystemTime;

/// Now, µs UTC.
#[expect(clippy::disallowed_methods, reason = "when a client's fact is accepted, and whether it lies in the future")]
pub fn now() -> EventTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    EventTime(since.map_or(0, |d| d.as_micros() as i64))
}
