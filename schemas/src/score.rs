//! Scores as fixed point, so that rows are totally ordered and cancel exactly.

use serde::{Deserialize, Serialize};

/// A share or confidence in ten-thousandths: 0..=10 000.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Score(pub u16);

impl Score {
    /// The whole: 1.0.
    pub const ONE: Self = Self(10_000);

    /// From a fraction; out-of-range and NaN inputs clamp to 0..=1.
    pub fn from_f32(value: f32) -> Self {
        Self((value.clamp(0.0, 1.0) * 10_000.0).round() as u16)
    }

    /// As a fraction 0..=1, for arithmetic inside a stage and for display.
    pub fn as_f32(self) -> f32 {
        f32::from(self.0) / 10_000.0
    }
}
