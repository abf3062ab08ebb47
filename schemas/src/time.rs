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
    #[inline]
    pub fn floor(self, bucket: Micros) -> Self {
        Self(self.0.div_euclid(bucket.0).saturating_mul(bucket.0))
    }

    /// Whole seconds since the epoch, rounded down.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// From RFC 3339 text with a zone, for example `2026-01-15T08:00:00+05:30`.
    pub fn parse(text: &str) -> Option<Self> {
        parse_plain(text.as_bytes()).or_else(|| text.parse::<jiff::Timestamp>().ok().map(|t| Self(t.as_microsecond())))
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

/// The number that these digits are.
#[inline]
fn digits<const N: usize>(text: [u8; N]) -> Option<i64> {
    let number = text.iter().fold(0, |number, byte| number * 10 + i64::from(byte & 0xF));
    text.iter().fold(true, |all, byte| all & byte.is_ascii_digit()).then_some(number)
}

/// The form in which nearly all instants come, `2026-01-15T10:15:00Z` with up to six digits of a second's fraction;
/// `None` is for whoever knows every form.
fn parse_plain(text: &[u8]) -> Option<EventTime> {
    let (seconds, [fraction @ .., b'Z']) = text.split_first_chunk::<19>()? else { return None };
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T', h0, h1, b':', n0, n1, b':', s0, s1] = *seconds else {
        return None;
    };
    let (year, month, day) = (digits([y0, y1, y2, y3])?, digits([m0, m1])?, digits([d0, d1])?);
    let (hour, minute, second) = (digits([h0, h1])?, digits([n0, n1])?, digits([s0, s1])?);
    let days = match month {
        // The 29th is checked by whoever knows every year.
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if year < 1970 || !(1..=days).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let micros = match fraction {
        [] => 0,
        [b'.', part @ ..] if (1..=6).contains(&part.len()) => {
            let mut six = [b'0'; 6];
            six[..part.len()].copy_from_slice(part);
            digits(six)?
        }
        _ => return None,
    };
    // Days since 1970 (H. Hinnant, *chrono-compatible low-level date algorithms*, days_from_civil): years begin in March.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year / 400, year % 400);
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * month + 2) / 5 + day - 1 - 719_468;
    Some(EventTime((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000 + micros))
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
