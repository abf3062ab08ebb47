//! The wall clock, in the one place where event time may come from it: what clients report.

use gemba_schemas::time::{EventTime, Micros};
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::SystemTime;

/// By how much this clock is shifted, µs.
static SHIFT: AtomicI64 = AtomicI64::new(0);

/// Shifts this process's clock, for simulations: a year can be lived through in minutes. Only forward while anything runs.
pub fn shift(by: Micros) {
    SHIFT.store(by.0, Relaxed);
}

/// Now, µs UTC.
#[expect(clippy::disallowed_methods, reason = "when a client's fact is accepted, and whether it lies in the future")]
pub fn now() -> EventTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    EventTime(since.map_or(0, |d| d.as_micros() as i64).saturating_add(SHIFT.load(Relaxed)))
}
