//! Rules: what the site says, as rows, so that an edit is a diff. Compiled from `site.toml` by
//! [`Site::rules`](crate::site::Site::rules); correlate knows nothing else of the configuration.

mod alert;
mod drift;
mod station;

pub use alert::{AlertKind, AlertRule, ReportAlertRule, Severity, Statistic};
pub use drift::{BaselineRule, DriftBoundRule, SealedReportsRule};
pub use station::{BadgeRule, STATION_KIND, StationZoneRule};

use crate::calendar::Day;
use crate::geometry::Point;
use crate::id::Name;
use crate::score::Score;
use crate::text_enum;
use crate::time::{EventTime, Micros};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// Any rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Rule {
    /// The site's clock; exactly one.
    Clock(ClockRule),
    /// A zone of a camera.
    Zone(ZoneRule),
    /// A line of a camera.
    Line(LineRule),
    /// A packing profile of a camera.
    Packing(PackingRule),
    /// How events become durations; exactly one.
    Productivity(ProductivityRule),
    /// A worker that the site knows.
    Worker(WorkerRule),
    /// A workstation that the site knows.
    Station(StationRule),
    /// When a model is unsure; exactly one.
    Drift(DriftRule),
    /// When an alert opens and when it is resolved.
    Alert(AlertRule),
    /// The shift of an employee on a weekday.
    Shift(ShiftRule),
    /// A day on which no shift is expected.
    Holiday(HolidayRule),
    /// How plate reads become events; at most one.
    Gate(GateRule),
    /// What plates look like.
    PlateFormat(PlateFormatRule),
    /// A plate on a list.
    Plate(PlateRule),
    /// A zone that stands for a workstation.
    StationZone(StationZoneRule),
    /// A worker's badge.
    Badge(BadgeRule),
    /// When an alert about what a source reports opens and when it is resolved.
    ReportAlert(ReportAlertRule),
    /// What reports are compared with; at most one.
    Baseline(BaselineRule),
    /// How far reports may be from the baseline; at most one.
    DriftBound(DriftBoundRule),
    /// Not of the site's file: what stands for reports of the baseline whose facts have left.
    SealedReports(SealedReportsRule),
}

/// The site's local time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClockRule {
    /// IANA time zone, for example `Asia/Kolkata`.
    pub time_zone: Name,
    /// Local time of day at which line occupancy is reset, as time since midnight.
    pub day_reset: Micros,
}

/// A polygon and what staying in it means.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ZoneRule {
    /// Camera name.
    pub camera: Name,
    /// Zone name, unique within the camera.
    pub zone: Name,
    /// Kind: `chair`, `wash`, `wait`, `station` or the site's own word.
    pub kind: Name,
    /// Corners, normalised.
    pub polygon: Vec<Point>,
    /// Dwell from which a visit counts.
    pub min_dwell: Micros,
    /// Longest time outside or unseen that does not end a visit.
    pub bridge: Micros,
    /// Classes that may visit; empty for all.
    pub classes: Vec<Name>,
}

/// A tripwire with two named sides. Right and left are as seen looking from `from` to `to`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LineRule {
    /// Camera name.
    pub camera: Name,
    /// Line name, unique within the camera.
    pub line: Name,
    /// First end, normalised.
    pub from: Point,
    /// Second end, normalised.
    pub to: Point,
    /// Name of the side to the left of from→to on the screen.
    pub left: Name,
    /// Name of the side to the right.
    pub right: Name,
    /// Which of the two is inside, for entries and exits.
    pub inside: Name,
    /// Half width of the dead band around the line, millionths of the frame's height: a point nearer than
    /// this is on neither side.
    pub band: i32,
    /// How long a track must stay on a side to be settled there.
    pub settle: Micros,
    /// Classes that may cross; empty for all.
    pub classes: Vec<Name>,
}

/// What makes a packing session at a camera.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PackingRule {
    /// Camera name.
    pub camera: Name,
    /// Profile name, unique within the camera.
    pub profile: Name,
    /// Text of the trigger code; `None` for a profile driven by motion.
    pub trigger: Option<String>,
    /// Area in which the trigger is looked for, `None` for any.
    pub trigger_area: Option<Name>,
    /// Area in which parcel codes are looked for, `None` for any.
    pub code_area: Option<Name>,
    /// Regular expression that a whole code must match; `None`: anything but the trigger.
    pub code_pattern: Option<String>,
    /// How long before the start a code may be shown.
    pub lookback: Micros,
    /// Sightings after which the trigger is On.
    pub on_sightings: u32,
    /// Time unseen after which the trigger is Off.
    pub off_after: Micros,
    /// Shorter sessions are `too_short`.
    pub min_duration: Micros,
    /// Longer sessions are `too_long`.
    pub max_duration: Micros,
    /// Area whose motion drives a profile without a trigger.
    pub motion_area: Option<Name>,
    /// Energy above which there is motion, in 1/10 000 of the area.
    pub motion_threshold: u16,
    /// Stillness that ends a motion-driven session.
    pub stable_duration: Micros,
}

/// How long an activity event lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DurationModel {
    /// Each stands for a fixed time.
    Fixed,
    /// Until the worker's next.
    UntilNext,
}

/// How events become durations.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ProductivityRule {
    /// The model.
    pub duration: DurationModel,
    /// What an event stands for, with `Fixed`.
    pub event_duration: Micros,
    /// The longest that an event lasts, with `UntilNext`.
    pub max_gap: Micros,
    /// Whether only events of registered workers at registered stations count.
    pub require_registered: bool,
}

/// A worker that the site knows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WorkerRule {
    /// The name that events use.
    pub worker: Name,
}

/// A workstation that the site knows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StationRule {
    /// The name that events use.
    pub station: Name,
}

/// When a model is unsure.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DriftRule {
    /// Mean confidence of an hour below which it is unsure.
    pub min_confidence: Score,
    /// Hours with fewer reports say nothing.
    pub min_samples: u32,
    /// Unsure hours in a row that ask for retraining.
    pub sustained: u32,
}

/// When an employee is to be at work on a weekday. Of several for one weekday the one with the least digest counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ShiftRule {
    /// Employee.
    pub employee: Name,
    /// Name of the shift.
    pub shift: Name,
    /// Weekday on which it starts: 1 for Monday to 7 for Sunday.
    pub weekday: u8,
    /// Start, as the clock shows it: time since midnight.
    pub start: Micros,
    /// End, as the clock shows it: time since the same midnight, so more than 24 h for a shift into the next day.
    pub end: Micros,
    /// How late an arrival may be without being late.
    pub grace_in: Micros,
    /// How early a departure may be without being early.
    pub grace_out: Micros,
    /// IANA time zone of the clock.
    pub time_zone: Name,
    /// First date on which the shift is expected; `None`: once the employee was first seen.
    pub from: Option<Day>,
}

/// A date on which no shift is expected.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HolidayRule {
    /// The date, by each shift's own clock.
    pub date: Day,
    /// What is celebrated.
    pub name: Name,
}

/// How plate reads become events. Of several the one with the least digest counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GateRule {
    /// A read counts if its confidence is above this.
    pub min_confidence: Score,
    /// Reads of one plate that make a visit an event.
    pub agree: u32,
    /// Confidence from which a single read is enough.
    pub sure: Score,
    /// Longest time between two reads of one visit.
    pub visit_gap: Micros,
}

/// What plates look like.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PlateFormatRule {
    /// Name of the format.
    pub format: Name,
    /// Regular expression that a whole plate must match.
    pub pattern: String,
}

text_enum! {
    /// A list of plates; in order of their say.
    pub enum PlateList {
        /// Must not pass.
        Blocked = "blocked",
        /// May pass.
        Authorized = "authorized",
    }
}

/// A plate on a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PlateRule {
    /// The plate, cleaned.
    pub plate: String,
    /// Which list.
    pub list: PlateList,
    /// Why; empty if not given.
    pub reason: String,
    /// First instant at which it holds; `None`: always.
    pub from: Option<EventTime>,
    /// First instant at which it no longer holds; `None`: never.
    pub until: Option<EventTime>,
    /// When it was put on the list, as the site says or as it was first seen there; `None`: before all.
    pub added: Option<EventTime>,
}

/// The digest of a set of rules: 16 hex digits, equal exactly when the rules are, in any order.
pub fn digest<'a>(rules: impl IntoIterator<Item = &'a Rule>) -> Name {
    // JSON spells names out, so the digest does not depend on the order of interning.
    let sum = rules
        .into_iter()
        .map(|r| xxh3_64(serde_json::to_string(r).unwrap_or_default().as_bytes()))
        .fold(0u64, u64::wrapping_add);
    Name::new(&format!("{sum:016x}"))
}

/// The digest of the rules that these are the digests of, as if [`digest`] had been given them all.
pub fn joined(digests: impl IntoIterator<Item = Name>) -> Name {
    let sums = digests.into_iter().map(|d| u64::from_str_radix(d.as_str(), 16).unwrap_or(0));
    Name::new(&format!("{:016x}", sums.fold(0, u64::wrapping_add)))
}
