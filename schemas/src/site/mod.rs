//! `site.toml`, the one configuration file: cameras, zones, lines, profiles, models, where data goes.
//!
//! [`Site::load`] parses and validates; whatever is wrong is reported with file, line, column, key, what
//! was expected and the nearest valid name ([`SiteError`]). [`Site::rules`] compiles what correlate needs.

mod rules;
mod validate;
mod value;

pub use validate::SiteError;
pub use value::{ClockTime, Fraction, Length};

use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The whole file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// `[site]`: the place.
    pub site: Place,
    /// `[data]`: where journal, store and lake lie.
    #[serde(default)]
    pub data: Data,
    /// `[endpoint]`: the HTTP endpoint.
    #[serde(default)]
    pub endpoint: Endpoint,
    /// `[[model]]`: detectors.
    #[serde(default, rename = "model")]
    pub models: Vec<Model>,
    /// `[[camera]]`: cameras, at least one.
    #[serde(default, rename = "camera")]
    pub cameras: Vec<Camera>,
    /// Folder of the file: relative paths in it start here.
    #[serde(skip)]
    pub base: PathBuf,
}

/// `[site]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Name of the site, shown on pages.
    pub name: String,
    /// IANA time zone, for example `Asia/Kolkata`; hours and days are counted on its clock. Default `UTC`.
    #[serde(default = "utc")]
    pub time_zone: String,
    /// Local time of day at which line occupancy starts again from zero. Default `03:00`.
    #[serde(default = "ClockTime::three")]
    pub day_reset: ClockTime,
}

fn utc() -> String {
    "UTC".into()
}

/// `[data]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Data {
    /// Folder for journal, store and lake. Default `gemba-data` beside the site file; `--out` overrides.
    pub dir: PathBuf,
    /// Folder of the lake, if it is to lie elsewhere. Default `<dir>/lake`.
    pub lake: Option<PathBuf>,
    /// The DuckDB store, if it is to lie elsewhere. Default `<dir>/store.duckdb`.
    pub store: Option<PathBuf>,
}

impl Default for Data {
    fn default() -> Self {
        Self { dir: "gemba-data".into(), lake: None, store: None }
    }
}

/// `[endpoint]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Endpoint {
    /// Address and port; only loopback addresses are accepted. Default `127.0.0.1:8686`.
    pub listen: String,
}

impl Default for Endpoint {
    fn default() -> Self {
        Self { listen: "127.0.0.1:8686".into() }
    }
}

/// `[[model]]`: an ONNX object detector.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Name by which cameras refer to it. `motion` is taken: it is the built-in detector of moving blobs.
    pub name: String,
    /// The `.onnx` file.
    pub path: PathBuf,
    /// SHA-256 that the file must have, in hex. Default: any.
    pub sha256: Option<String>,
    /// How to read its outputs. Default: inferred from their shapes.
    pub family: Option<ModelFamily>,
    /// Class names in the order of the model's outputs: a list, or a file with one name a line.
    /// Default: the 80 COCO classes if the model has 80.
    pub classes: Option<ClassNames>,
}

/// Class names of a model.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum ClassNames {
    /// Given in place.
    List(Vec<String>),
    /// A text file with one name a line.
    File(PathBuf),
}

/// How a detector's outputs are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModelFamily {
    /// YOLOX: 1×N×(5+C), grid-relative, strides 8/16/32.
    Yolox,
    /// YOLOv8, v9, v11: 1×(4+C)×N, absolute centre boxes.
    Yolov8,
    /// FastestDet: 1×(5+C)×H×W, one box a cell.
    Fastestdet,
    /// DETR-like: N queries with class scores and boxes, no NMS.
    Detr,
}

/// `[[camera]]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Camera {
    /// Name, unique in the site.
    pub name: String,
    /// A file, a folder of clips, or a glob, relative to the site file. `gemba replay <footage…>` overrides
    /// it when the site has one camera, or as `camera=path`.
    pub source: Option<String>,
    /// Recording start of the first clip (RFC 3339), for footage that does not know its own.
    pub start: Option<String>,
    /// `strptime` pattern on the file's name that holds the recording start, for example
    /// `bench-%Y%m%d-%H%M%S`; without a zone it is on the site's clock.
    pub filename_time: Option<String>,
    /// Expected size of the picture; another size is reported by `gemba check`.
    pub resolution: Option<[u16; 2]>,
    /// How often to look.
    #[serde(default)]
    pub sample: Sample,
    /// Named parts of the picture.
    #[serde(default, rename = "area")]
    pub areas: Vec<Area>,
    /// Reading of codes. Default: off, unless a packing profile needs it.
    pub codes: Option<Codes>,
    /// Measuring of motion. Default: off, unless something needs it.
    pub motion: Option<Motion>,
    /// Detection and tracking. Default: off.
    pub detect: Option<Detect>,
    /// Zones.
    #[serde(default, rename = "zone")]
    pub zones: Vec<Zone>,
    /// Lines.
    #[serde(default, rename = "line")]
    pub lines: Vec<Line>,
    /// Packing profiles.
    #[serde(default, rename = "packing")]
    pub packing: Vec<Packing>,
}

/// `[camera.sample]`: samples per second of event time for each consumer.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sample {
    /// Code reading. Default 6.
    pub codes: f64,
    /// Motion. Default 6.
    pub motion: f64,
    /// Detection. Default 6.
    pub detect: f64,
}

impl Default for Sample {
    fn default() -> Self {
        Self { codes: 6.0, motion: 6.0, detect: 6.0 }
    }
}

/// `[[camera.area]]`: a rectangle of the picture, in fractions.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Area {
    /// Name, unique within the camera. `frame` is taken: it is the whole picture.
    pub name: String,
    /// `[left, top, right, bottom]`, each 0–1.
    pub rect: [Fraction; 4],
}

/// `[camera.codes]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Codes {
    /// Areas to read in. Default: the whole picture (`frame`).
    pub areas: Vec<String>,
    /// How much a frame may cost: the number of extra attempts on codes that were located but not
    /// decoded. Counted in attempts, not in time, so that a replay gives the same reads. Default 6.
    pub retries: u32,
}

impl Default for Codes {
    fn default() -> Self {
        Self { areas: vec!["frame".into()], retries: 6 }
    }
}

/// `[camera.motion]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Motion {
    /// Areas to measure. Default: the whole picture (`frame`).
    pub areas: Vec<String>,
}

impl Default for Motion {
    fn default() -> Self {
        Self { areas: vec!["frame".into()] }
    }
}

/// `[camera.detect]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Detect {
    /// Name of a `[[model]]`, or `motion` for moving blobs (no model needed).
    pub model: String,
    /// Classes to keep. Default: all. Blobs of `motion` are of class `person`, unless `classes` names another.
    #[serde(default)]
    pub classes: Vec<String>,
    /// Score from which a detection starts a track. Default 0.5. Tracks are continued from 0.1 up (ByteTrack).
    #[serde(default = "half")]
    pub threshold: Fraction,
    /// Scores for single classes, over `threshold`.
    #[serde(default)]
    pub thresholds: BTreeMap<String, Fraction>,
    /// Area outside which nothing is looked for. Default: the whole picture (`frame`).
    #[serde(default = "frame")]
    pub area: String,
    /// Run the model only where something moves. Default false.
    #[serde(default)]
    pub gate: bool,
    /// With `gate`: run it at least this often all the same, so that a still person is not lost. Default `1s`.
    #[serde(default = "Length::one_second")]
    pub heartbeat: Length,
    /// How long a track that is not seen is kept. Default `3s`.
    #[serde(default = "Length::three_seconds")]
    pub lost_after: Length,
}

fn half() -> Fraction {
    Fraction(0.5)
}

fn frame() -> String {
    "frame".into()
}

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
    /// Half width of the dead band, as a fraction of the picture's height. Default 0.01.
    #[serde(default = "one_percent")]
    pub band: Fraction,
    /// How long a thing must stay on a side to be settled there. Default `300ms`.
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

fn one_percent() -> Fraction {
    Fraction(0.01)
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
