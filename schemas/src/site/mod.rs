//! `site.toml`, the one configuration file: cameras, zones, lines, profiles, models, where data goes.
//!
//! [`Site::load`] parses and validates; all that is wrong is reported at once, each problem with file, line,
//! column, key, what was expected and the nearest valid name ([`SiteError`]). [`Site::rules`] compiles what
//! correlate needs, [`Camera::needs`] what vision needs.
//!
//! ```text
//! text ─ document (keys and values with their places) ─ load (structure) ─ validate (meaning) ─► Site
//! ```

mod alerts;
mod attendance;
mod camera;
mod document;
mod error;
mod gate;
mod load;
mod needs;
mod paths;
mod retention;
mod rules;
mod scene;
mod station;
mod validate;
mod validate_alerts;
mod validate_attendance;
mod validate_camera;
mod validate_gate;
mod validate_scene;
mod validate_station;
mod value;
mod work;

pub use alerts::Alert;
pub use attendance::{Holiday, Shift, Weekday};
pub use camera::{Area, Camera, Codes, Detect, Motion, Sample};
pub use error::{Problem, SiteError};
pub use gate::{Gate, ListedPlate, PlateFormat};
pub use needs::{CodeNeeds, MotionNeeds, Needs};
pub use paths::DataPaths;
pub use retention::Retention;
pub use scene::{Line, Packing, Zone};
pub use value::{ClockTime, Date, Fraction, Length, Level, Moment};
pub use work::{Baseline, Drift, Duration, Productivity, Station, Worker};

use serde::Deserialize;
use std::path::PathBuf;

/// The built-in detector of moving blobs, as a model's name.
pub const MOTION_MODEL: &str = "motion";

/// The area that is the whole picture.
pub const FRAME_AREA: &str = "frame";

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
    /// `[productivity]`: how events count.
    #[serde(default)]
    pub productivity: Productivity,
    /// `[[worker]]`: workers whose events are expected.
    #[serde(default, rename = "worker")]
    pub workers: Vec<Worker>,
    /// `[[station]]`: workstations whose events are expected.
    #[serde(default, rename = "station")]
    pub stations: Vec<Station>,
    /// `[drift]`: when a model is unsure, or too far from what it was.
    #[serde(default)]
    pub drift: Drift,
    /// `[[alert]]`: when somebody is to be told. `None`: the built-in alerts; an empty list: none.
    #[serde(rename = "alert")]
    pub alerts: Option<Vec<Alert>>,
    /// `[[shift]]`: when employees are to be at work.
    #[serde(default, rename = "shift")]
    pub shifts: Vec<Shift>,
    /// `[[holiday]]`: dates on which no shift is expected.
    #[serde(default, rename = "holiday")]
    pub holidays: Vec<Holiday>,
    /// `[gate]`: reading number plates.
    pub gate: Option<Gate>,
    /// `[retention]`: how long what is kept.
    #[serde(default)]
    pub retention: Retention,
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
    /// How long what is stored may take to reach the lake and its catalog. Default `30s`; shorter makes more, smaller files.
    pub freshness: Length,
}

impl Default for Data {
    fn default() -> Self {
        Self { dir: "gemba-data".into(), lake: None, store: None, freshness: Length::half_minute() }
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
#[derive(Clone, Debug, PartialEq)]
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
