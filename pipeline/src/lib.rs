//! x
pub mod demo;
pub mod draw;
pub mod overlay;
