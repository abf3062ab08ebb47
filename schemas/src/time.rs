//! Typed time. Everything inside the dataflow is an integer count of microseconds; formatting and
//! time zones belong to the edge.

use serde::{Deserialize, Serialize};
use std::ops::{Add, Sub};

/// An instant: microseconds since 1970-01-01T00:00:00Z.
///
/// For footage it is the recording's anchor plus the frame's PTS, never the wall clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventTime(pub i64);

/// A length of time in microseconds; negative lengths are allowed (a difference of instants).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Micros(pub i64);

/// The dataflow time of correlate: one tick per batch of facts that was journaled together.
pub type Tick = u64;

impl EventTime {
    /// The earliest representable instant.
    pub const MIN: Self = Self(i64::MIN);
    /// The latest representable instant.
    pub const MAX: Self = Self(i64::MAX);

    /// The start of the bucket of length `bucket` (counted from the epoch) that holds this instant.
    pub fn floor(self, bucket: Micros) -> Self {
        Self(self.0.div_euclid(bucket.0).saturating_mul(bucket.0))
    }

    /// Whole seconds since the epoch, rounded down.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// From RFC 3339 text with a zone, for example `2026-01-15T08:00:00+05:30`.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(|t| Self(t.as_microsecond()))
    }

    /// RFC 3339 in UTC with microseconds, for logs and messages.
    pub fn rfc3339(self) -> String {
        jiff::Timestamp::from_microsecond(self.0).map_or_else(|_| format!("{} µs", self.0), |t| format!("{t:.6}"))
    }

    /// The UTC calendar date `YYYY-MM-DD`, the partition key of the lake.
    pub fn date(self) -> String {
        jiff::Timestamp::from_microsecond(self.0)
            .map_or_else(|_| "unknown".into(), |t| t.to_zoned(jiff::tz::TimeZone::UTC).date().to_string())
    }
}

impl Micros {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// One minute.
    pub const MINUTE: Self = Self(60_000_000);
    /// One hour.
    pub const HOUR: Self = Self(3_600_000_000);

    /// From whole seconds.
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds * 1_000_000)
    }

    /// From whole milliseconds.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis * 1_000)
    }

    /// Seconds as a float, for display only.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

impl Add<Micros> for EventTime {
    type Output = Self;
    fn add(self, rhs: Micros) -> Self {
        Self(self.0.saturating_add(rhs.0))
    }
}

impl Sub<Micros> for EventTime {
    type Output = Self;
    fn sub(self, rhs: Micros) -> Self {
        Self(self.0.saturating_sub(rhs.0))
    }
}

impl Sub for EventTime {
    type Output = Micros;
    fn sub(self, rhs: Self) -> Micros {
        Micros(self.0.saturating_sub(rhs.0))
    }
}

impl Add for Micros {
    type Output = Self;
    fn add(self, rhs: Self) -> Self {
        Self(self.0.saturating_add(rhs.0))
    }
}

impl std::iter::Sum for Micros {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, Add::add)
    }
}
