//! Motion: frames in; how much of each area moved, and which figures stand before the background, out.
//!
//! ```text
//!                 ┌→ change (since the last sample) → MotionStage → motion_span facts
//! luma → shrink ──┤
//!                 └→ background → components → Blobs → boxes of figures (detector `motion`)
//! ```
//!
//! Two notions of motion, because they answer two questions. *Energy* compares with the sample before: a parcel
//! laid down is quiet at once. *Blobs* compare with the background: a person who stands still is still there.

mod background;
mod blobs;
mod change;
mod components;
mod shrink;
mod stage;

#[cfg(test)]
mod tests;

pub use blobs::Blobs;
pub use stage::MotionStage;

pub(crate) use change::Change;
pub(crate) use shrink::{Shrinker, Small};
pub(crate) use stage::{NOISE, energy};
