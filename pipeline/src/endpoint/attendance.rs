//! `/api/v1/attendance/summary`: days by status over a range, per employee and in all, from the
//! snapshot and, of months that are final, the store. Without `from` the 35 days before `to`, or before now.
//!
//! Only shifts that were expected are on time, late or absent: work on a holiday, or of somebody without a shift, is
//! counted by itself.

use super::work::Range;
use super::{Problem, Shared, older};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use gemba_schemas::fact::HORIZON;
use gemba_schemas::time::EventTime;
use gemba_schemas::view::{AttendanceDay, AttendanceStatus, ViewKind, ViewRow};
use gemba_sinks::RowRange;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Days by status. A day that is still open is not among the others: it is not decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Days {
    on_time: u32,
    late: u32,
    early_exits: u32,
    absent: u32,
    open: u32,
    /// Not expected, whatever became of them.
    unexpected: u32,
    /// Of all, expected or not.
    flagged: u32,
}

impl Days {
    fn add(&mut self, row: &AttendanceDay) {
        *match row.status {
            _ if !row.expected => &mut self.unexpected,
            AttendanceStatus::Present => &mut self.on_time,
            AttendanceStatus::Late => &mut self.late,
            AttendanceStatus::EarlyExit => &mut self.early_exits,
            AttendanceStatus::Absent => &mut self.absent,
            AttendanceStatus::Open => &mut self.open,
        } += 1;
        self.flagged += u32::from(row.flagged_for_review);
    }

    fn json(&self) -> Value {
        let total = self.on_time + self.late + self.early_exits + self.absent;
        json!({
            "total_days": total, "on_time": self.on_time, "late": self.late, "early_exits": self.early_exits,
            "absent": self.absent, "open": self.open, "unexpected_days": self.unexpected,
            "flagged_for_review": self.flagged,
            "on_time_percentage": (total > 0).then(|| f64::from(self.on_time) * 100.0 / f64::from(total)),
        })
    }
}

/// The summary.
pub async fn summary(
    State(shared): State<Arc<Shared>>,
    range: Result<Query<Range>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let Query(range) = range.map_err(|e| Problem::bad("", e.body_text()))?;
    let (from, to) = match range.bounds()? {
        // Not all of history by default.
        (EventTime::MIN, to) => (to.min(older::now(&shared).await?) - HORIZON, to),
        bounds => bounds,
    };
    let days = RowRange { view: ViewKind::AttendanceDay, from, to };
    older::answer(shared, &[days], move |shared| {
        let (mut all, mut employees) = (Days::default(), BTreeMap::<&str, Days>::new());
        let older = |range: &RowRange, f: &mut dyn FnMut(&ViewRow)| shared.older(range, f);
        let snapshot = shared.live.rows(&[days], older, |row| {
            if let ViewRow::AttendanceDay(row) = row {
                all.add(row);
                employees.entry(row.employee.as_str()).or_default().add(row);
            }
        })?;
        let tick = snapshot.tick();
        drop(snapshot);
        let employees: serde_json::Map<_, _> =
            employees.iter().map(|(name, days)| ((*name).into(), days.json())).collect();
        let (from, to) = (from.rfc3339(), (to < EventTime::MAX).then(|| to.rfc3339()));
        let answer = json!({ "tick": tick, "from": from, "to": to, "summary": all.json(), "employees": employees });
        Ok(axum::Json(answer).into_response())
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_day_is_not_decided() {
        // Six days on time of eight that are over: 75 %, whatever today will be.
        let days = Days { on_time: 6, late: 1, absent: 1, open: 1, ..Days::default() };
        assert_eq!((&days.json()["total_days"], &days.json()["on_time_percentage"]), (&json!(8), &json!(75.0)));
        assert_eq!(Days::default().json()["on_time_percentage"], Value::Null);
    }
}
