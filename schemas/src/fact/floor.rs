//! What other systems report of people and work: activity, production, attendance.
//!
//! `received_at` comes right after the identity: of two bodies under one id the lesser counts, and that is
//! the one that arrived first.

use crate::id::{FactId, Name};
use crate::score::Score;
use crate::time::EventTime;
use crate::{row, text_enum};
use std::sync::OnceLock;

text_enum! {
    /// What a worker does.
    pub enum ActivityState {
        /// At work.
        Working = "working",
        /// There, but not at work.
        Idle = "idle",
        /// Not there.
        Absent = "absent",
    }
}

/// The event types of clients, interned once: this is asked for every event.
fn event_types() -> &'static [Name; 4] {
    static NAMES: OnceLock<[Name; 4]> = OnceLock::new();
    NAMES.get_or_init(|| ["working", "idle", "absent", PRODUCT_COUNT].map(Name::new))
}

/// The event type of [`Production`], as clients write it.
pub const PRODUCT_COUNT: &str = "product_count";

impl ActivityState {
    /// The event type, as clients write it.
    #[inline]
    pub fn event_type(self) -> Name {
        match self {
            Self::Working => event_types()[0],
            Self::Idle => event_types()[1],
            Self::Absent => event_types()[2],
        }
    }
}

impl Activity {
    /// The id that follows from instant, worker, station and kind of event.
    pub fn derived_id(&self) -> FactId {
        FactId::of_event(self.ts, self.worker, self.station, self.state.event_type())
    }
}

impl Production {
    /// The event type, as clients write it.
    pub fn event_type() -> Name {
        event_types()[3]
    }

    /// The id that follows from instant, worker, station and kind of event.
    pub fn derived_id(&self) -> FactId {
        FactId::of_event(self.ts, self.worker, self.station, Self::event_type())
    }
}

text_enum! {
    /// Which way somebody went.
    pub enum MarkKind {
        /// Came.
        In = "in",
        /// Went.
        Out = "out",
    }
}

row! {
    /// What a worker was seen doing at a station at one instant.
    pub struct Activity in "activity", key(id), bucket(ts) {
        /// Identity: of the client's `id`, else of instant, worker, station and kind of event. In the lake's files only
        /// where it does not follow from these; the catalog works it out.
        pub id: FactId,
        /// When it was accepted; strictly increasing, so the first arrival is the least.
        pub received_at: EventTime,
        /// Event time.
        pub ts: EventTime,
        /// Worker.
        pub worker: Name,
        /// Workstation.
        pub station: Name,
        /// `working`, `idle` or `absent`.
        pub state: ActivityState,
        /// The reporter's confidence, in 1/10 000.
        pub confidence: Score,
        /// Model that saw it; empty if not given.
        pub model: Name,
        /// Its version.
        pub model_version: Name,
        /// The client's own id; empty if not given.
        pub request: String,
    }
}

row! {
    /// Units that a worker made at a station.
    pub struct Production in "production", key(id), bucket(ts) {
        /// Identity: of the client's `id`, else of instant, worker, station and kind of event. In the lake's files only
        /// where it does not follow from these; the catalog works it out.
        pub id: FactId,
        /// When it was accepted; strictly increasing, so the first arrival is the least.
        pub received_at: EventTime,
        /// Event time.
        pub ts: EventTime,
        /// Worker.
        pub worker: Name,
        /// Workstation.
        pub station: Name,
        /// Units.
        pub count: u32,
        /// The reporter's confidence, in 1/10 000.
        pub confidence: Score,
        /// Model that saw it; empty if not given.
        pub model: Name,
        /// Its version.
        pub model_version: Name,
        /// The client's own id; empty if not given.
        pub request: String,
    }
}

row! {
    /// Somebody was seen coming or going.
    pub struct AttendanceMark in "attendance_mark", key(id), bucket(ts) {
        /// Identity: of the client's `id`, else of instant, employee and kind.
        pub id: FactId,
        /// When it was accepted; strictly increasing, so the first arrival is the least.
        pub received_at: EventTime,
        /// Event time.
        pub ts: EventTime,
        /// Employee.
        pub employee: Name,
        /// `in` or `out`.
        pub kind: MarkKind,
        /// Where: camera or device; empty if not given.
        pub camera: Name,
        /// The reporter's confidence, in 1/10 000.
        pub confidence: Score,
        /// The client's own id; empty if not given.
        pub request: String,
    }
}
