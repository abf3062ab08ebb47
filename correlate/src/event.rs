//! An event of a worker at a station, in 56 bytes: what `activity` and `production` have in common.

use gemba_schemas::fact::{Activity, ActivityState, Fact, Production};
use gemba_schemas::id::{FactId, Name};
use gemba_schemas::score::Score;
use gemba_schemas::time::EventTime;
use serde::{Deserialize, Serialize};

/// What was reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum What {
    /// Activity.
    Did(ActivityState),
    /// Units.
    Made(u32),
}

impl What {
    /// The event type, as clients write it.
    pub fn event_type(self) -> Name {
        match self {
            Self::Did(state) => state.event_type(),
            Self::Made(_) => Production::event_type(),
        }
    }
}

/// Stands for an id that a client chose: an event that is made a fact and taken back must be the same event again.
const NAMED: &str = "?";

/// An event. Of several under one id the least counts: the one that was received first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Event {
    pub id: FactId,
    pub received_at: EventTime,
    pub ts: EventTime,
    pub worker: Name,
    pub station: Name,
    pub model: Name,
    pub model_version: Name,
    pub what: What,
    pub confidence: Score,
    /// Whether the client gave it an id of its own.
    pub named: bool,
}

macro_rules! from {
    ($fact:ident, $what:expr) => {
        impl From<$fact> for Event {
            fn from(f: $fact) -> Self {
                let what: fn(&$fact) -> What = $what;
                Self {
                    id: f.id,
                    received_at: f.received_at,
                    ts: f.ts,
                    worker: f.worker,
                    station: f.station,
                    model: f.model,
                    model_version: f.model_version,
                    what: what(&f),
                    confidence: f.confidence,
                    named: !f.request.is_empty(),
                }
            }
        }
    };
}

from!(Activity, |f| What::Did(f.state));
from!(Production, |f| What::Made(f.count));

impl From<Event> for Fact {
    /// The fact again, but for the client's own id, for which a mark stands: whoever asks under an identity knows it.
    fn from(e: Event) -> Self {
        let Event { id, received_at, ts, worker, station, model, model_version, what, confidence, named } = e;
        let request = if named { String::from(NAMED) } else { String::new() };
        match what {
            What::Did(state) => {
                Activity { id, received_at, ts, worker, station, state, confidence, model, model_version, request }
                    .into()
            }
            What::Made(count) => {
                Production { id, received_at, ts, worker, station, count, confidence, model, model_version, request }
                    .into()
            }
        }
    }
}
