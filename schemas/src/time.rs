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

/// Eight bytes of a text, of which some are digits, looked at together (H. S. Warren, *Hacker's Delight*, chapter 2).
struct Form {
    /// What they are if every digit is 0.
    zeros: u64,
    /// The bits in which digits differ.
    digits: u64,
}

impl Form {
    const fn of(zeros: &[u8; 8]) -> Self {
        let (mut digits, mut at) = ([0; 8], 0);
        while at < 8 {
            digits[at] = if zeros[at] == b'0' { 0xF } else { 0 };
            at += 1;
        }
        Self { zeros: u64::from_le_bytes(*zeros), digits: u64::from_le_bytes(digits) }
    }

    /// At the place of each digit before another, the number that the two of them are.
    #[inline]
    fn pairs(&self, bytes: &[u8; 8]) -> Option<[u8; 8]> {
        let (word, each) = (u64::from_le_bytes(*bytes), u64::MAX / 255);
        let digits = word & self.digits;
        // Six more than 9 is more than four bits hold.
        let are_digits = digits.wrapping_add(each * 6) & (each << 4) == 0;
        (word & !self.digits == self.zeros && are_digits).then(|| (digits * 10 + (digits >> 8)).to_le_bytes())
    }
}

const YEAR_MONTH: Form = Form::of(b"0000-00-");
const DAY_HOUR: Form = Form::of(b"00T00:00");
const TIME: Form = Form::of(b"00:00:00");

/// The form in which nearly all instants come, `2026-01-15T10:15:00Z` with up to six digits of a second's fraction;
/// `None` is for whoever knows every form.
fn parse_plain(text: &[u8]) -> Option<EventTime> {
    let (seconds, [fraction @ .., b'Z']) = text.split_first_chunk::<19>()? else { return None };
    let [y0, _, y2, _, _, month, ..] = YEAR_MONTH.pairs(seconds.first_chunk()?)?;
    let [day, ..] = DAY_HOUR.pairs(seconds[8..].first_chunk()?)?;
    let [hour, _, _, minute, _, _, second, _] = TIME.pairs(seconds.last_chunk()?)?;
    let micros = match fraction {
        [] => 0,
        [b'.', part @ ..] => {
            let scale = *[100_000, 10_000, 1_000, 100, 10, 1].get(part.len().checked_sub(1)?)?;
            part.iter()
                .try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + u32::from(byte & 0xF)))?
                * scale
        }
        _ => return None,
    };
    let days = match month {
        // The 29th is checked by whoever knows every year.
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    let year = u32::from(y0) * 100 + u32::from(y2);
    if year < 1970 || !(1..=days).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // Days since 1970 (H. Hinnant, *chrono-compatible low-level date algorithms*, days_from_civil): years begin in March.
    let (month, day) = (u32::from(month), u32::from(day));
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    let seconds = (u32::from(hour) * 60 + u32::from(minute)) * 60 + u32::from(second);
    Some(EventTime((i64::from(days) * 86_400 + i64::from(seconds)) * 1_000_000 + i64::from(micros)))
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
