//! detect.

use gemba_schemas::id::Name;

/// One detected thing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detection {
    /// Class name.
    pub class: Name,
    /// Confidence 0–1.
    pub score: f32,
    /// Left edge, source px.
    pub x0: f32,
    /// Top edge, source px.
    pub y0: f32,
    /// Right edge, source px.
    pub x1: f32,
    /// Bottom edge, source px.
    pub y1: f32,
}
