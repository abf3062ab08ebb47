//! Facts: what a camera or a client reported. Immutable; one row each; identified by a [`FactId`].
//!
//! Facts carry everything that a rule may later be changed about: sightings rather than sessions, points
//! rather than visits, energies rather than "moving". Runs of equal observations are stored as one row
//! without loss, and are cut every [`SPAN_LIMIT`], so that a fact is never older than that when it arrives.

mod code;
mod coverage;
mod floor;
mod motion;
mod report;
mod track;

pub use code::{Attempt, CodeMiss, CodeRead, Decoder};
pub use coverage::{Clock, Coverage, CoverageEnd, Fault, FaultKind, Stage};
pub use floor::{Activity, ActivityState, AttendanceMark, MarkKind, PRODUCT_COUNT, Production};
pub use motion::MotionSpan;
pub use report::{DeviceState, DeviceStatus, FrameExport, PlateRead, Review, ReviewOutcome};
pub use track::{TrackEnd, TrackEndReason, TrackPoint};

use crate::id::{FactId, Generation, Name};
use crate::time::Micros;
use std::borrow::Borrow;

/// The longest run of observations that one `code_read`, `code_miss` or `motion_span` row may hold.
pub const SPAN_LIMIT: Micros = Micros::from_secs(10);

/// How long after it happened a client's fact may arrive and still count.
pub const HORIZON: Micros = Micros(35 * 24 * Micros::HOUR.0);

/// The longest stretch that one `coverage` row may hold.
pub const COVERAGE_LIMIT: Micros = Micros::MINUTE;

impl Fact {
    /// The id that follows from the fact itself, where there is such a one.
    pub fn derived_id(&self) -> Option<FactId> {
        match self {
            Self::Activity(f) => Some(f.derived_id()),
            Self::Production(f) => Some(f.derived_id()),
            _ => None,
        }
    }

    /// Puts in the id that follows from the fact, where none was stored.
    pub fn complete(&mut self) {
        match self {
            Self::Activity(f) if f.id == FactId::DERIVED => f.id = f.derived_id(),
            Self::Production(f) if f.id == FactId::DERIVED => f.id = f.derived_id(),
            _ => {}
        }
    }
}

macro_rules! facts {
    (large: $($large:ident),+; cameras: $($camera:ident),+; clients: $($client:ident,)+) => {
        facts! { all: $($large: Box<$large>,)+ $($camera: $camera,)+ $($client: $client,)+ }

        impl FactKind {
            /// Whether clients report it, and not cameras.
            pub fn is_client(self) -> bool { matches!(self, $(Self::$client)|+) }
        }

        impl Fact {
            /// The camera that reported it; empty for what a client reported.
            pub fn camera(&self) -> Name { match self { $(Self::$large(f) => f.camera,)+ $(Self::$camera(f) => f.camera,)+ _ => Name::default() } }
            /// The generation it belongs to; 0 for what a client reported.
            pub fn generation(&self) -> Generation { match self { $(Self::$large(f) => f.generation,)+ $(Self::$camera(f) => f.generation,)+ _ => Generation(0) } }
            /// When it was accepted; `None` for what a camera reported.
            pub fn received_at(&self) -> Option<crate::time::EventTime> {
                match self { $(Self::$client(f) => Some(f.received_at),)+ _ => None }
            }
            /// Whether it arrived beyond the [`HORIZON`]. A camera's facts never do.
            pub fn is_late(&self) -> bool {
                self.received_at().is_some_and(|at| at - self.bucket() > HORIZON)
            }
            /// Notes when it was accepted; nothing for what a camera reported.
            pub fn receive(&mut self, at: crate::time::EventTime) {
                match self { $(Self::$client(f) => f.received_at = at,)+ _ => {} }
            }
        }
    };
    (all: $($variant:ident: $stored:ty,)+) => {
        /// Any fact. Closed: a new kind is a variant here, and the compiler finds what must handle it. Facts are moved
        /// often, by the million where clients report: what is large is boxed.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum Fact { $(#[doc = concat!("See [`", stringify!($variant), "`].")] $variant($stored),)+ }

        /// The kinds of facts, each a table of the lake.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum FactKind { $(#[doc = concat!("See [`", stringify!($variant), "`].")] $variant,)+ }

        $(impl From<$variant> for Fact { fn from(fact: $variant) -> Self { Self::$variant(<$stored>::from(fact)) } })+

        impl Fact {
            /// The identity under which duplicates are recognised.
            pub fn id(&self) -> FactId { match self { $(Self::$variant(f) => f.id,)+ } }
            /// Its kind.
            pub fn kind(&self) -> FactKind { match self { $(Self::$variant(_) => FactKind::$variant,)+ } }
            /// The event time by which it is bucketed.
            pub fn bucket(&self) -> crate::time::EventTime {
                match self { $(Self::$variant(f) => crate::row::Row::bucket(Borrow::<$variant>::borrow(f)),)+ }
            }
        }

        impl FactKind {
            /// Every kind, in order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name of the kind's table.
            pub fn table_name(self) -> &'static str {
                match self { $(Self::$variant => <$variant as crate::row::Row>::NAME,)+ }
            }
            /// The declaration of the kind's table.
            pub fn table(self) -> crate::registry::Table {
                match self { $(Self::$variant => crate::registry::Table::of::<$variant>(),)+ }
            }
            /// The facts of this kind among `facts`, as one Arrow batch in order.
            pub fn encode<'a>(self, facts: impl Iterator<Item = &'a Fact> + Clone) -> arrow::array::RecordBatch {
                match self { $(Self::$variant => <$variant as crate::row::Row>::encode(facts.filter_map(|f| match f {
                    Fact::$variant(f) => Some(Borrow::<$variant>::borrow(f)),
                    #[allow(unreachable_patterns, reason = "with one kind alone")]
                    _ => None,
                })),)+ }
            }
            /// Facts of this kind back from a batch.
            pub fn decode(self, batch: &arrow::array::RecordBatch) -> Result<Vec<Fact>, crate::column::ColumnError> {
                match self { $(Self::$variant => {
                    Ok(<$variant as crate::row::Row>::decode(batch)?.into_iter().map(Fact::from).collect())
                })+ }
            }
        }
    };
}

facts! {
    large: Coverage, CodeRead, CodeMiss, MotionSpan;
    cameras: TrackPoint, TrackEnd, Fault;
    clients: Activity, Production, AttendanceMark, PlateRead, Review, FrameExport, DeviceStatus,
}
