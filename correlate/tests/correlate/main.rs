//! Correlate through its public function: scenarios by hand, and everything at once against SQL.

mod oracle;
mod scenarios;
mod scenarios_alerts;
mod scenarios_attendance;
mod scenarios_days;
mod scenarios_gate;
mod scenarios_quality;
