//! Tracking: detections of each sample in, facts about tracks out.
//!
//! ```text
//! Detections → tracker (life, kalman, assign) → thinning → TrackPoint, TrackEnd
//! ```
//!
//! [`TrackStage`] keeps one [`Tracker`] for the running generation of its camera and drops it at the end of
//! the generation, when tracks that are still followed end with reason `coverage_end`. Tracks are numbered from 1
//! within a generation, in order of confirmation; an unconfirmed track reaches no output.
//!
//! What is stored of a sample is the *filtered* box: the foot point of a raw box jumps by 3 % of the box's height
//! from sample to sample, and whoever lingers near a line would cross it again and again.

mod assign;
mod kalman;
mod life;
mod overlap;
mod stage;
mod thin;
mod tracker;

#[cfg(test)]
mod footage;
#[cfg(test)]
pub(crate) mod judge;
#[cfg(test)]
mod score;
#[cfg(test)]
mod sim;
#[cfg(test)]
mod walkers;

pub use stage::TrackStage;
pub use tracker::{Sighting, TrackEvent, Tracker, TrackerConfig};

use crate::detect::Detection;
use crate::frame::FrameMeta;
use gemba_schemas::id::Name;

/// What was detected in one sampled frame.
#[derive(Clone, Debug)]
pub struct Detections {
    /// Where the frame stands.
    pub meta: FrameMeta,
    /// Width of the picture, px.
    pub width: u16,
    /// Height of the picture, px.
    pub height: u16,
    /// The boxes, in the detector's order.
    pub boxes: Vec<Detection>,
    /// Model that detected them: first 16 hex digits of its SHA-256, or `motion`.
    pub model: Name,
}
