//! `[[camera]]` and what is looked for in its picture: sampling, areas, codes, motion, detection.
//!
//! What a camera's settings ask of the vision dataflow is resolved in [`needs`](super::needs).

use super::value::{Fraction, Length};
use super::{Line, Packing, Zone};
use serde::Deserialize;
use std::collections::BTreeMap;

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
    /// `strptime` pattern of the file's name (without folder and extension) that holds the recording start,
    /// for example `bench-%Y%m%d-%H%M%S`; without a zone (`%z`) it is on the site's clock.
    pub filename_time: Option<String>,
    /// Expected size of the picture; another size is reported by `gemba check`.
    pub resolution: Option<[u16; 2]>,
    /// How often to look.
    #[serde(default)]
    pub sample: Sample,
    /// Named parts of the picture.
    #[serde(default, rename = "area")]
    pub areas: Vec<Area>,
    /// Reading of codes. Default: off, unless there is a packing profile or badges are read at a station.
    pub codes: Option<Codes>,
    /// Measuring of motion. Default: off, unless a packing profile has no trigger or a zone stands for a station.
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

/// `[camera.sample]`: samples per second of event time for each consumer, 0–120; 0 switches it off.
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
    /// Areas to read in, besides those that packing profiles name. Default (empty): only those, or the whole
    /// picture (`frame`) where there is no profile or one leaves an area open. See [`Camera::needs`].
    pub areas: Vec<String>,
    /// How much a frame may cost: the number of extra attempts on codes that were located but not
    /// decoded. Counted in attempts, not in time, so that a replay gives the same reads. Default 6.
    pub retries: u32,
}

impl Default for Codes {
    fn default() -> Self {
        Self { areas: Vec::new(), retries: 6 }
    }
}

/// `[camera.motion]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Motion {
    /// Areas to measure, besides those whose motion drives a packing profile. Default (empty): only those, or
    /// the whole picture (`frame`) where there are none. See [`Camera::needs`].
    pub areas: Vec<String>,
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
    /// How long a track that is not seen is kept, not counting the time in which something nearer hides it; three times
    /// as long at most. Default `3s`.
    #[serde(default = "Length::three_seconds")]
    pub lost_after: Length,
}

fn half() -> Fraction {
    Fraction(0.5)
}

fn frame() -> String {
    "frame".into()
}
