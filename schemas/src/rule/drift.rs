//! Rules of drift: what is compared with what, and from when on it asks for retraining.

use crate::id::Name;
use crate::score::Score;
use crate::time::EventTime;
use crate::view::Histogram;
use serde::{Deserialize, Serialize};

/// A pinned baseline: the hours that begin in it. Of several the least counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BaselineRule {
    /// Its first instant.
    pub from: EventTime,
    /// The first instant after it. What begins earlier is compared with nothing.
    pub until: EventTime,
}

/// How far reports may be from the baseline. Of several the least counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DriftBoundRule {
    /// The population stability index above which an hour's 24 hours are too far, of event types or of confidences.
    pub max_psi: Score,
    /// Hours with fewer reports in their 24 hours, or in the baseline, say nothing.
    pub min_samples: u32,
    /// Hours too far in a row that ask for retraining.
    pub sustained: u32,
}

/// How many reports of one kind a source made in the part of the baseline that is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SealedReportsRule {
    /// Station or camera.
    pub source: Name,
    /// What was reported.
    pub event_type: Name,
    /// By bin of confidence.
    pub counts: Histogram,
}
