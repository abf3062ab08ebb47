//! Models: what they report and how sure they are, hour by hour; facts that came too late.

use crate::fact::FactKind;
use crate::id::{FactId, Name};
use crate::row;
use crate::score::Score;
use crate::time::EventTime;

/// Bins of a histogram of confidences: each 0.05 wide, the last with 1.0.
pub const CONFIDENCE_BINS: usize = 20;

/// How many reports had a confidence in each bin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Histogram(pub [u32; CONFIDENCE_BINS]);

impl Histogram {
    /// The bin of a confidence.
    pub fn bin(confidence: Score) -> usize {
        let (score, one) = (usize::from(confidence.0), usize::from(Score::ONE.0));
        (score * CONFIDENCE_BINS / one).min(CONFIDENCE_BINS - 1)
    }
}

row! {
    /// What one version of a model reported of one kind in one local hour: from `activity` and `production` (source:
    /// the station; event type: what was reported), and from `track_point` (source: the camera; event type: the class).
    pub struct DriftHour in "drift_hours", key(source, event_type, model, model_version, hour), bucket(hour) {
        /// Station or camera.
        pub source: Name,
        /// `working`, `idle`, `absent`, `product_count`, or the class of a detection.
        pub event_type: Name,
        /// Model.
        pub model: Name,
        /// Its version; empty for a camera's model, which is named by its digest.
        pub model_version: Name,
        /// Start of the hour on the site's clock.
        pub hour: EventTime,
        /// Reports.
        pub count: u64,
        /// Sum of their confidences, in 1/10 000.
        pub confidence_sum: u64,
        /// Sum of the squares of their confidences, in 1/10⁸.
        pub confidence_squares: u64,
        /// How many had a confidence in each twentieth of 0–1.
        pub histogram: Histogram,
    }
}

row! {
    /// A model that was unsure for longer than an hour: at least `sustained` consecutive local hours with at least
    /// `min_samples` reports each, whose mean confidence was below `min_confidence`. Hours with fewer reports neither
    /// count nor break the row; a later hour that is sure ends it. And, where `[drift]` has `max_psi`, a station or camera
    /// whose reports were too far from the baseline for as long: hours for which the `psi` of `type_drift` or of
    /// `confidence_drift` (see `alerts`) was above it, with at least `min_samples` reports in the 24 hours and in the baseline.
    /// Such a row is about all that report there: its `event_type`, `model` and `model_version` are empty.
    pub struct RetrainRequest in "retrain_requests", key(source, event_type, model, model_version, from_hour), bucket(from_hour) {
        /// Station or camera.
        pub source: Name,
        /// What was reported; empty: all.
        pub event_type: Name,
        /// Model; empty: all.
        pub model: Name,
        /// Its version; empty: all.
        pub model_version: Name,
        /// First unsure hour, or hour too far.
        pub from_hour: EventTime,
        /// Last one.
        pub to_hour: EventTime,
        /// How many.
        pub hours: u32,
        /// Reports in them.
        pub samples: u64,
        /// Their mean confidence, rounded down to 1/10 000.
        pub confidence: Score,
        /// `high` when the mean is more than 0.10 below the bound, or the greatest index above twice `max_psi`; else `normal`.
        pub priority: Name,
        /// Why, in a sentence.
        pub reason: String,
        /// Digest of the rules that shaped the row.
        pub rules: Name,
    }
}

row! {
    /// A fact that arrived more than 35 days after it happened. It is kept, and counts in no other view.
    pub struct LateFact in "late_facts", key(id), bucket(ts) {
        /// When it was accepted; of two under one identity the first counts.
        pub received_at: EventTime,
        /// Event time.
        pub ts: EventTime,
        /// Identity of the fact.
        pub id: FactId,
        /// Kind of the fact: its table.
        pub kind: Name,
    }
}

impl LateFact {
    /// The row of a late fact; `None` for one that is not.
    pub fn of(fact: &crate::fact::Fact) -> Option<Self> {
        let kind = Name::new(FactKind::table_name(fact.kind()));
        fact.is_late().then_some(Self { kind, id: fact.id(), ts: fact.bucket(), received_at: fact.received_at()? })
    }
}
