//! What really happened in the rendered footage: written beside it as `truth.json`, and compared with the
//! rows that were found.
//!
//! Times are event times (µs UTC). A session's start is the first frame in which at least 30 % of the
//! trigger is covered, its end the first one afterwards in which less is. Positions on the floor are foot
//! points.

use gemba_schemas::time::EventTime;
use gemba_schemas::view::{SessionStatus, SessionVerdict};
use serde::{Deserialize, Serialize};

/// Everything that is known about the footage of one seed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// Changes whenever the renderer draws something else, so that old footage is rendered anew.
    pub version: u32,
    /// The seed.
    pub seed: u64,
    /// How far a session's edge may lie from the truth: one sample period of code reading, µs.
    pub edge_tolerance_us: i64,
    /// How far the edges of a visit or the time of a crossing may lie from the truth, µs.
    pub floor_tolerance_us: i64,
    /// The files.
    pub clips: Vec<ClipTruth>,
    /// Packing sessions, in order of start.
    pub sessions: Vec<SessionTruth>,
    /// Codes that were held into the picture, in order of appearance.
    pub codes: Vec<CodeTruth>,
    /// Accidental coverings of the trigger: no sessions.
    pub coverings: Vec<CoveringTruth>,
    /// Line crossings, in order of time.
    pub crossings: Vec<CrossingTruth>,
    /// Stays in zones, in order of entering.
    pub visits: Vec<VisitTruth>,
    /// Where people walked.
    pub tracks: Vec<TrackTruth>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClipTruth {
    /// Camera name.
    pub camera: String,
    /// Path from the demo's folder.
    pub file: String,
    /// Event time of the first frame: the container's `creation_time`.
    pub start: EventTime,
    /// Frames.
    pub frames: u64,
}

/// One covering of the trigger that is a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionTruth {
    /// Camera name.
    pub camera: String,
    /// First frame with at least 30 % of the trigger covered.
    pub started: EventTime,
    /// First frame afterwards with less covered; when cut, the end of the footage.
    pub ended: EventTime,
    /// Texts that can be decoded, in order of appearance.
    pub codes: Vec<String>,
    /// `completed`, or `qr_failed` without a decodable code.
    pub status: SessionStatus,
    /// By the demo site's bounds.
    pub verdict: SessionVerdict,
}

/// One code that was shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CodeTruth {
    /// Camera name.
    pub camera: String,
    /// What it says.
    pub text: String,
    /// First frame in which it is held still.
    pub shown_from: EventTime,
    /// Last one.
    pub shown_to: EventTime,
    /// Hundredths of a pixel per module.
    pub module_px_100: u32,
    /// What was done to it: `none`, `blurred`, `tilted`, `covered`, `dim`, `small`, `impossible`.
    pub degradation: String,
    /// Whether it can be read at all.
    pub decodable: bool,
    /// Whether its parcel was packed; otherwise it belongs to no session.
    pub packed: bool,
}

/// A short covering.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoveringTruth {
    /// Camera name.
    pub camera: String,
    /// First frame with at least 30 % covered.
    pub started: EventTime,
    /// First frame afterwards with less.
    pub ended: EventTime,
}

/// One person's net change of side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrossingTruth {
    /// Camera name.
    pub camera: String,
    /// Line name.
    pub line: String,
    /// Person.
    pub person: String,
    /// First frame on the new side.
    pub ts: EventTime,
    /// Side entered.
    pub to_side: String,
}

/// One person's stay in one zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VisitTruth {
    /// Camera name.
    pub camera: String,
    /// Zone name.
    pub zone: String,
    /// Person.
    pub person: String,
    /// First frame inside.
    pub entered: EventTime,
    /// Last frame inside.
    pub left: EventTime,
    /// Whether it lasts as long as the zone asks.
    pub counted: bool,
}

/// One person's way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackTruth {
    /// Camera name.
    pub camera: String,
    /// Person.
    pub person: String,
    /// First frame in which any part of the person is in the picture.
    pub first: EventTime,
    /// Last one.
    pub last: EventTime,
    /// `[frame, left, top, right, bottom]` in whole pixels, every fifth frame.
    pub boxes: Vec<[i32; 5]>,
}
