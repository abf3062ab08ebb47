//! Correlate through its public function: scenarios by hand, and everything at once against SQL.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::type_complexity,
    reason = "tests fail by panicking, and name no types for their tables"
)]

mod oracle;
mod scenarios;
mod scenarios_alerts;
mod scenarios_alerts_work;
mod scenarios_attendance;
mod scenarios_days;
mod scenarios_drift;
mod scenarios_gate;
mod scenarios_quality;
mod scenarios_station;
