//! Values of the site file with their own syntax: lengths of time, times of day, dates, numbers.

use super::ClassNames;
use crate::calendar::Day;
use crate::time::{EventTime, Micros};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;

/// A length of time written with its unit: `500ms`, `2s`, `1.5m`, `8h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Length(pub Micros);

/// A local time of day written `HH:MM`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockTime(pub Micros);

/// A date, written with or without quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date(pub Day);

/// A date, or an instant with its offset from UTC; written with or without quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// A date: its midnight on the site's clock.
    Date(Day),
    /// An instant.
    Instant(EventTime),
}

/// A number from 0 on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level(pub f64);

/// A number from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fraction(pub f64);

macro_rules! lengths {
    ($($name:ident = $millis:literal),+) => {
        impl Length { $(pub(crate) fn $name() -> Self { Self(Micros::from_millis($millis)) })+ }
    };
}

lengths!(
    settle = 150,
    one_second = 1_000,
    two_seconds = 2_000,
    three_seconds = 3_000,
    ten_seconds = 10_000,
    half_minute = 30_000,
    two_minutes = 120_000,
    five_minutes = 300_000,
    quarter_hour = 900_000,
    one_minute = 60_000,
    ten_minutes = 600_000
);

impl ClockTime {
    pub(crate) fn three() -> Self {
        Self(Micros(3 * Micros::HOUR.0))
    }
}

impl Length {
    fn parse(text: &str) -> Option<Self> {
        let split = text.find(|c: char| c.is_ascii_alphabetic())?;
        let number: f64 = text[..split].trim().parse().ok()?;
        let unit = match &text[split..] {
            "ms" => 1e3,
            "s" => 1e6,
            "m" | "min" => 60e6,
            "h" => 3600e6,
            _ => return None,
        };
        (number.is_finite() && (0.0..1e12).contains(&(number * unit)))
            .then(|| Self(Micros((number * unit).round() as i64)))
    }
}

impl ClockTime {
    fn parse(text: &str) -> Option<Self> {
        let (h, m) = text.split_once(':')?;
        let (h, m): (i64, i64) = (h.parse().ok()?, m.parse().ok()?);
        ((0..24).contains(&h) && (0..60).contains(&m)).then(|| Self(Micros::from_secs(h * 3600 + m * 60)))
    }
}

/// A value that is written as text and says itself what it expects.
macro_rules! from_text {
    ($type:ty, $expected:literal) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                struct Visit;
                impl Visitor<'_> for Visit {
                    type Value = $type;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expected)
                    }
                    fn visit_str<E: Error>(self, text: &str) -> Result<$type, E> {
                        <$type>::parse(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
                    }
                }
                d.deserialize_str(Visit)
            }
        }
    };
}

from_text!(Length, "a length of time with its unit, such as \"500ms\", \"2s\", \"1.5m\" or \"8h\"");
from_text!(ClockTime, "a time of day, such as \"03:00\"");

impl Date {
    fn parse(text: &str) -> Option<Self> {
        Day::parse(text).map(Self)
    }
}

impl Moment {
    fn parse(text: &str) -> Option<Self> {
        // An instant first: its text begins with a date.
        EventTime::parse(text).map(Self::Instant).or_else(|| {
            let date = text.len() == "2026-01-26".len();
            Day::parse(text).filter(|_| date).map(Self::Date)
        })
    }
}

/// A value that is written as text, or as one of TOML's own dates and times.
macro_rules! from_datetime {
    ($type:ty, $expected:literal) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                struct Visit;
                impl<'de> Visitor<'de> for Visit {
                    type Value = $type;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expected)
                    }
                    fn visit_str<E: Error>(self, text: &str) -> Result<$type, E> {
                        <$type>::parse(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
                    }
                    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<$type, A::Error> {
                        self.visit_str(&datetime(map)?)
                    }
                }
                d.deserialize_any(Visit)
            }
        }
    };
}

from_datetime!(Date, "a date, such as 2026-01-26");
from_datetime!(Moment, "a date, such as 2026-01-26, or an instant, such as 2026-01-26T08:00:00+05:30");

/// TOML's own dates and times, which come as a map, as text.
fn datetime<'de, A: MapAccess<'de>>(map: A) -> Result<String, A::Error> {
    toml::value::Datetime::deserialize(MapAccessDeserializer::new(map)).map(|d| d.to_string())
}

impl<'de> Deserialize<'de> for Fraction {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Visit;
        impl Visitor<'_> for Visit {
            type Value = Fraction;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number from 0 to 1")
            }
            fn visit_f64<E: Error>(self, value: f64) -> Result<Fraction, E> {
                // NaN is in no range.
                let inside = (0.0..=1.0).contains(&value);
                inside.then_some(Fraction(value)).ok_or_else(|| E::invalid_value(Unexpected::Float(value), &self))
            }
            fn visit_i64<E: Error>(self, value: i64) -> Result<Fraction, E> {
                let inside = (0..=1).contains(&value);
                inside
                    .then_some(Fraction(value as f64))
                    .ok_or_else(|| E::invalid_value(Unexpected::Signed(value), &self))
            }
        }
        d.deserialize_f64(Visit)
    }
}

impl<'de> Deserialize<'de> for Level {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Visit;
        impl Visitor<'_> for Visit {
            type Value = Level;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number from 0 on")
            }
            fn visit_f64<E: Error>(self, value: f64) -> Result<Level, E> {
                let sound = value >= 0.0 && value.is_finite();
                sound.then_some(Level(value)).ok_or_else(|| E::invalid_value(Unexpected::Float(value), &self))
            }
            fn visit_i64<E: Error>(self, value: i64) -> Result<Level, E> {
                let sound = value >= 0;
                sound.then_some(Level(value as f64)).ok_or_else(|| E::invalid_value(Unexpected::Signed(value), &self))
            }
        }
        d.deserialize_f64(Visit)
    }
}

impl<'de> Deserialize<'de> for ClassNames {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = ClassNames;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of class names, or the path of a file with one a line")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<ClassNames, E> {
                Ok(ClassNames::File(text.into()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<ClassNames, A::Error> {
                let mut names = Vec::new();
                while let Some(name) = items.next_element()? {
                    names.push(name);
                }
                Ok(ClassNames::List(names))
            }
        }
        d.deserialize_any(Visit)
    }
}
