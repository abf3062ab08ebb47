//! Gemba: the demo, drawing, overlays.
pub mod demo;
pub mod draw;
pub mod overlay;
