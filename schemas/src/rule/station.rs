//! Rules of workstations that cameras watch.

use crate::id::Name;
use crate::time::Micros;
use serde::{Deserialize, Serialize};

/// The kind of zones that can stand for a workstation.
pub const STATION_KIND: &str = "station";

/// A zone of kind `station` that stands for a workstation: what is seen there is activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StationZoneRule {
    /// Camera name.
    pub camera: Name,
    /// Zone of the camera.
    pub zone: Name,
    /// Digest of the zone's own rule: who edits the zone edits this too.
    pub zone_rules: Name,
    /// Longest time between two visits of one presence: the zone's bridge.
    pub bridge: Micros,
    /// The workstation.
    pub station: Name,
    /// Who works there, unless a badge says otherwise.
    pub worker: Option<Name>,
    /// Part of the picture in which motion is measured and badges are read.
    pub area: Name,
    /// Energy from which there is work, in 1/10 000 of the area.
    pub working_energy: u16,
    /// Stillness for longer than this is idle.
    pub idle_after: Micros,
    /// Whether badges are read there.
    pub badges: bool,
}

/// What a worker's badge says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BadgeRule {
    /// Text of the code on the badge.
    pub badge: String,
    /// Whose it is.
    pub worker: Name,
}
