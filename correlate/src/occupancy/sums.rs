//! `occupancy_hours`, `occupancy_days` and `occupancy_months`: sums and extremes of the minutes.
//!
//! ```text
//! minutes → per (scope, hour, day) ┬→ per (scope, hour) → hours
//!                                  └→ per (scope, day)  ┬→ days
//!                                         ⋈ clock ──────┴→ per (scope, month) → months
//! ```
//!
//! Days are not made of hours: an hour has minutes of two dates where the clock is put back from just after
//! midnight. So the first step keeps the two apart; there is nearly always one piece an hour.

use super::{Place, Ruled, Scope};
use crate::rows::Rows;
use gemba_schemas::calendar::Calendar;
use gemba_schemas::id::Name;
use gemba_schemas::time::{EventTime, Micros};
use gemba_schemas::view::{OccupancyDay, OccupancyHour, OccupancyMinute, OccupancyMonth};
use serde::{Deserialize, Serialize};

/// The views.
pub struct Sums<'scope> {
    /// `occupancy_hours`.
    pub hours: Rows<'scope, OccupancyHour>,
    /// `occupancy_days`.
    pub days: Rows<'scope, OccupancyDay>,
    /// `occupancy_months`.
    pub months: Rows<'scope, OccupancyMonth>,
}

/// What some minutes come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Sum {
    entries: u32,
    exits: u32,
    occupied: i64,
    observed: i64,
    max: i32,
    min: i32,
    residual: i32,
    rules: Name,
}

impl Sum {
    fn of(m: &OccupancyMinute) -> Self {
        Self {
            entries: m.entries,
            exits: m.exits,
            occupied: m.occupied_us.0,
            observed: m.observed_us.0,
            max: m.max,
            min: m.min,
            residual: m.residual,
            rules: m.rules,
        }
    }

    /// The sum of all parts, each as often as it is there.
    fn total(parts: &[(&Self, isize)]) -> Option<Self> {
        let (first, _) = parts.first()?;
        let none = Self { entries: 0, exits: 0, occupied: 0, observed: 0, residual: 0, ..**first };
        Some(parts.iter().fold(none, |sum, (part, n)| Self {
            entries: sum.entries + part.entries * *n as u32,
            exits: sum.exits + part.exits * *n as u32,
            occupied: sum.occupied + part.occupied * *n as i64,
            observed: sum.observed + part.observed * *n as i64,
            max: sum.max.max(part.max),
            min: sum.min.min(part.min),
            residual: sum.residual + part.residual * *n as i32,
            rules: sum.rules,
        }))
    }
}

/// A row of a scope and a stretch of time, from its sum.
macro_rules! row {
    ($row:ident { $stretch:ident }) => {
        |((scope, $stretch), sum): ((Scope, EventTime), Sum)| $row {
            camera: scope.camera,
            scope_kind: scope.kind,
            scope: scope.name,
            $stretch,
            entries: sum.entries,
            exits: sum.exits,
            occupied_us: Micros(sum.occupied),
            observed_us: Micros(sum.observed),
            max: sum.max,
            min: sum.min,
            residual: sum.residual,
            rules: sum.rules,
        }
    };
}

/// The views, from the minutes with their places.
pub(super) fn sums<'scope>(
    minutes: Rows<'scope, ((Scope, Place), OccupancyMinute)>,
    scopes: Rows<'scope, (Scope, Ruled)>,
) -> Sums<'scope> {
    let pieces = minutes.map(|(key, minute)| (key, Sum::of(&minute))).reduce_by_key(
        "Occupancy of an hour of a day",
        |_, minutes, out| {
            out.extend(Sum::total(minutes).map(|sum| (sum, 1)));
        },
    );
    let hours = pieces
        .clone()
        .map(|((scope, place), sum)| ((scope, place.hour), sum))
        .reduce_by_key("Occupancy of an hour", |_, pieces, out| out.extend(Sum::total(pieces).map(|sum| (sum, 1))));
    let days = pieces
        .map(|((scope, place), sum)| ((scope, place.day), sum))
        .reduce_by_key("Occupancy of a day", |_, pieces, out| out.extend(Sum::total(pieces).map(|sum| (sum, 1))));
    let mut calendar = Calendar::default();
    let months = days
        .clone()
        .map(|((scope, day), sum)| (scope, (day, sum)))
        .join_by_key("Days in their months", scopes, move |scope, (day, sum), (clock, _)| {
            [((*scope, calendar.month(clock, *day)), *sum)]
        })
        .reduce_by_key("Occupancy of a month", |_, days, out| out.extend(Sum::total(days).map(|sum| (sum, 1))));
    Sums {
        hours: hours.map(row!(OccupancyHour { hour })),
        days: days.map(row!(OccupancyDay { day })),
        months: months.map(row!(OccupancyMonth { month })),
    }
}
