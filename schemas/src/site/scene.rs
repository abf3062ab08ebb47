//! What the site says about a camera's picture: zones, lines and packing profiles. They are rules: facts do
//! not depend on them, so an edit re-derives the past without decoding a frame.

use super::value::{Fraction, Length};
use serde::Deserialize;

/// `[[camera.zone]]`: a thing is in a zone when the bottom centre of its box is.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    /// Name, unique within the camera.
    pub name: String,
    /// `chair`, `wash`, `wait`, `station`, or a word of your own.
    pub kind: String,
    /// At least three corners `[x, y]`, each 0–1.
    pub polygon: Vec<[Fraction; 2]>,
    /// Dwell from which a visit counts. Default by kind: chair `120s`, wash `60s`, wait `30s`, others `0s`.
    pub min_dwell: Option<Length>,
    /// Longest time outside or unseen that does not end a visit. Default `2s`.
    #[serde(default = "Length::two_seconds")]
    pub bridge: Length,
    /// Classes that may visit. Default: all.
    #[serde(default)]
    pub classes: Vec<String>,
    /// Of kind `station`: the `[[station]]` that the zone stands for. Its seconds then come from this camera alone: working
    /// while somebody is there (visits that count, and gaps of at most `bridge` between them) and moves, idle while
    /// somebody is there and does not, absent while nobody is; events of clients there stand for no time, units
    /// count. At most one zone for a station. The detector `motion` loses who sits still for four minutes; where people
    /// do, name a model. Default: the zone yields visits alone.
    pub station: Option<String>,
    /// With `station`: the part of the picture where the work is seen; motion is measured there, and badges are read. An
    /// `[[camera.area]]` or `frame`. Default: the rectangle around the polygon.
    pub area: Option<String>,
    /// With `station`: share of the area that must change from one sample to the next for work. More than 0.001: less is
    /// noise, and is not stored. Default 0.02.
    pub working_energy: Option<Fraction>,
    /// With `station`: stillness for longer than this is idle, from its beginning. At most `10m`. Default `5s`.
    pub idle_after: Option<Length>,
    /// With `station`: read workers' badges in `area`. From the reading on until nobody is there any more the time is that
    /// of the worker whose badge was read last, in place of the station's own worker. Default false.
    pub badges: Option<bool>,
}

/// `[[camera.line]]`: two points and the names of the sides, as seen looking from the first to the second.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Name, unique within the camera.
    pub name: String,
    /// First end `[x, y]`, each 0–1.
    pub from: [Fraction; 2],
    /// Second end.
    pub to: [Fraction; 2],
    /// Name of the side to the left of from→to. Default `out`.
    #[serde(default = "out_side")]
    pub left: String,
    /// Name of the side to the right. Default `in`.
    #[serde(default = "in_side")]
    pub right: String,
    /// Which of the two names is the inside, for entries and exits. Default: `in` if a side is called so, else `right`'s name.
    pub inside: Option<String>,
    /// Half width of the dead band, as a fraction of the picture's height. Default 0.007.
    #[serde(default = "line_band")]
    pub band: Fraction,
    /// How long a thing must stay on a side to be settled there. Default `150ms`.
    #[serde(default = "Length::settle")]
    pub settle: Length,
    /// Classes that may cross. Default: all.
    #[serde(default)]
    pub classes: Vec<String>,
}

fn out_side() -> String {
    "out".into()
}

fn in_side() -> String {
    "in".into()
}

fn line_band() -> Fraction {
    Fraction(0.007)
}

/// `[[camera.packing]]`: what makes a packing session here.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Packing {
    /// Name, unique within the camera.
    pub name: String,
    /// Text of the trigger code on the bench. Without it motion in `motion_area` drives the sessions.
    pub trigger: Option<String>,
    /// Area of the trigger code. Default: anywhere.
    pub trigger_area: Option<String>,
    /// Area where parcels are shown. Default: anywhere.
    pub code_area: Option<String>,
    /// Regular expression that a whole code must match. Default: anything but the trigger.
    pub code_pattern: Option<String>,
    /// How long before the start a code may be shown. Default `10s`.
    #[serde(default = "Length::ten_seconds")]
    pub lookback: Length,
    /// Sightings after which the trigger counts as visible. Default 2.
    #[serde(default = "two")]
    pub on_sightings: u32,
    /// Time unseen after which the trigger counts as covered. Default `1s`.
    #[serde(default = "Length::one_second")]
    pub off_after: Length,
    /// Shorter sessions are `too_short`. Default `10s`.
    #[serde(default = "Length::ten_seconds")]
    pub min_duration: Length,
    /// Longer sessions are `too_long`. Default `120s`.
    #[serde(default = "Length::two_minutes")]
    pub max_duration: Length,
    /// Area whose motion drives a profile without a trigger. Default: the whole picture.
    pub motion_area: Option<String>,
    /// Share of the area that must change to start a session. Default 0.02.
    #[serde(default = "two_percent")]
    pub motion_threshold: Fraction,
    /// Stillness that ends a motion-driven session. Default `1s`.
    #[serde(default = "Length::one_second")]
    pub stable_duration: Length,
}

fn two() -> u32 {
    2
}

fn two_percent() -> Fraction {
    Fraction(0.02)
}
