//! Views: tables derived from facts, rules and now. A view is declared once, here and in one line of
//! `views!`; every store, route, schema and page follows from the declaration.

mod alerts;
mod attendance;
mod coverage;
mod drift;
mod dwell;
mod gate;
mod occupancy;
mod packing;
mod productivity;
mod quality;
mod zones;

pub use alerts::{Alert, LATE};
pub use attendance::{AttendanceDay, AttendanceStatus};
pub use coverage::CoverageHour;
pub use drift::{CONFIDENCE_BINS, DriftHour, Histogram, LateFact, RetrainRequest};
pub use dwell::DwellDay;
pub use gate::{GateEvent, GateReadHour, GateStatus, ReadOutcome};
pub use occupancy::{OccupancyDay, OccupancyHour, OccupancyMinute, OccupancyMonth, ScopeKind};
pub use packing::{PackingSession, SessionStatus, SessionVerdict};
pub use productivity::{FloorHour, NameKind, StationHour, Unregistered, WorkerHour};
pub use quality::{QualityCamera, QualityHour};
pub use zones::{LineCrossing, VisitEnd, ZoneVisit};

use std::borrow::Borrow;

macro_rules! views {
    ($($variant:ident: $stored:ty,)+) => {
        /// A row of any view. Closed: a new view is a variant here. Rows are moved often; those of views that change with
        /// every event lie in it, the others are boxed.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum ViewRow { $(#[doc = concat!("See [`", stringify!($variant), "`].")] $variant($stored),)+ }

        /// The views, each a table of the store and the lake.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ViewKind { $(#[doc = concat!("See [`", stringify!($variant), "`].")] $variant,)+ }

        $(impl From<$variant> for ViewRow { fn from(row: $variant) -> Self { Self::$variant(<$stored>::from(row)) } })+

        impl ViewRow {
            /// The view it belongs to.
            pub fn kind(&self) -> ViewKind { match self { $(Self::$variant(_) => ViewKind::$variant,)+ } }
            /// The values of the key columns.
            pub fn key(&self) -> Vec<crate::column::KeyPart> {
                match self { $(Self::$variant(r) => crate::row::Row::key(Borrow::<$variant>::borrow(r)),)+ }
            }
            /// The event time by which it is bucketed.
            pub fn bucket(&self) -> crate::time::EventTime {
                match self { $(Self::$variant(r) => crate::row::Row::bucket(Borrow::<$variant>::borrow(r)),)+ }
            }
        }

        impl ViewKind {
            /// Every view, in order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name of the view's table.
            pub fn table_name(self) -> &'static str {
                match self { $(Self::$variant => <$variant as crate::row::Row>::NAME,)+ }
            }
            /// The declaration of the view's table.
            pub fn table(self) -> crate::registry::Table {
                match self { $(Self::$variant => crate::registry::Table::of::<$variant>(),)+ }
            }
            /// The view of this name.
            pub fn by_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|k| k.table_name() == name)
            }
            /// The rows of this view among `rows`, as one Arrow batch in order.
            pub fn encode<'a>(self, rows: impl Iterator<Item = &'a ViewRow> + Clone) -> arrow::array::RecordBatch {
                match self { $(Self::$variant => <$variant as crate::row::Row>::encode(rows.filter_map(|r| match r {
                    ViewRow::$variant(r) => Some(Borrow::<$variant>::borrow(r)),
                    #[allow(unreachable_patterns, reason = "with one kind alone")]
                    _ => None,
                })),)+ }
            }
            /// Rows of this view back from a batch.
            pub fn decode(self, batch: &arrow::array::RecordBatch) -> Result<Vec<ViewRow>, crate::column::ColumnError> {
                match self { $(Self::$variant => {
                    Ok(<$variant as crate::row::Row>::decode(batch)?.into_iter().map(ViewRow::from).collect())
                })+ }
            }
        }
    };
}

views! {
    PackingSession: Box<PackingSession>,
    ZoneVisit: Box<ZoneVisit>,
    LineCrossing: Box<LineCrossing>,
    OccupancyMinute: Box<OccupancyMinute>,
    OccupancyHour: Box<OccupancyHour>,
    CoverageHour: Box<CoverageHour>,
    WorkerHour: WorkerHour,
    StationHour: StationHour,
    FloorHour: Box<FloorHour>,
    Unregistered: Unregistered,
    DriftHour: Box<DriftHour>,
    RetrainRequest: Box<RetrainRequest>,
    LateFact: LateFact,
    OccupancyDay: Box<OccupancyDay>,
    OccupancyMonth: Box<OccupancyMonth>,
    DwellDay: DwellDay,
    QualityHour: Box<QualityHour>,
    QualityCamera: QualityCamera,
    Alert: Box<Alert>,
    AttendanceDay: Box<AttendanceDay>,
    GateEvent: Box<GateEvent>,
    GateReadHour: GateReadHour,
}
