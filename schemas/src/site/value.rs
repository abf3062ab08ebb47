//! Values of the site file with their own syntax: lengths of time, times of day, fractions.

use crate::time::Micros;
use serde::{Deserialize, Deserializer};

/// A length of time written with its unit: `500ms`, `2s`, `1.5m`, `8h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Length(pub Micros);

/// A local time of day written `HH:MM`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockTime(pub Micros);

/// A number in 0–1.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Fraction(pub f64);

macro_rules! lengths {
    ($($name:ident = $millis:literal),+) => {
        impl Length { $(pub(crate) fn $name() -> Self { Self(Micros::from_millis($millis)) })+ }
    };
}

lengths!(
    settle = 300,
    one_second = 1_000,
    two_seconds = 2_000,
    three_seconds = 3_000,
    ten_seconds = 10_000,
    two_minutes = 120_000
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

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format!("`{text}` is no length of time; write a number with a unit, such as \"500ms\", \"2s\", \"1.5m\" or \"8h\""))
        })
    }
}

impl<'de> Deserialize<'de> for ClockTime {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format!("`{text}` is no time of day; write \"HH:MM\", such as \"03:00\""))
        })
    }
}
