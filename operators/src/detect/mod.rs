//! Object detection with ONNX models: a frame in, boxes in source pixels out.
//!
//! ```text
//! planes ─ letterbox ─→ input tensor ─ network ─→ outputs ─ head ─→ candidates ─ clip, NMS ─→ detections
//! (decoder's)  one pass, bilinear      (ONNX Runtime)       (per family)
//! ```
//!
//! State kept: the network (shared by the cameras of a worker that use the same model) and its input tensor; nothing
//! passes from frame to frame. The same frame gives the same detections in the same order.
//!
//! A model is identified by the SHA-256 of its file, hence one that keeps weights in other files is refused. Its
//! family is inferred from the shapes of a first run on an empty picture, see `head::infer`.

mod classes;
mod error;
mod head;
mod letterbox;
mod nms;
mod onnx;
mod pixels;
mod runtime;
#[cfg(test)]
mod tests;

pub mod stage;
pub use classes::COCO;
pub use error::DetectError;

use crate::frame::{Frame, Rect};
use classes::Classes;
use gemba_schemas::id::Name;
use gemba_schemas::site::{Model, ModelFamily};
use head::infer::{Fitting, NoHead};
use head::{Candidates, Head, Output, Values};
use letterbox::{Channels, Fit, Geometry};
use runtime::Network;
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

/// One detected thing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detection {
    /// Class name.
    pub class: Name,
    /// Confidence 0–1.
    pub score: f32,
    /// Left edge, source px.
    pub x0: f32,
    /// Top edge, source px.
    pub y0: f32,
    /// Right edge, source px.
    pub x1: f32,
    /// Bottom edge, source px.
    pub y1: f32,
}

/// What to detect, with which model, where.
#[derive(Clone, Debug, PartialEq)]
pub struct DetectorConfig {
    /// The model; `path` (and a file of class names) resolved against the site file's folder.
    pub model: Model,
    /// Classes to keep; all when empty.
    pub classes: Vec<String>,
    /// Score from which a detection starts a track, 0–1.
    pub threshold: f32,
    /// The same for single classes, over `threshold`.
    pub thresholds: BTreeMap<String, f32>,
    /// Lowest score given out, 0–1 (ByteTrack's second stage: 0.1). A class whose threshold is lower yet is given
    /// out from its threshold.
    pub low_threshold: f32,
    /// Part of the picture to look in: left, top, right, bottom as fractions. Default: all of it.
    pub area: Option<[f64; 4]>,
}

/// An opened model, ready for frames of one camera.
pub struct Detector {
    network: Rc<RefCell<Network>>,
    head: Head,
    fit: Fit,
    channels: Channels,
    classes: Classes,
    area: Option<[f64; 4]>,
    sha256: String,
    digest: Name,
    size: (usize, usize),
    candidates: Candidates,
}

impl Detector {
    /// Opens a model: reads and checks the file, loads ONNX Runtime if it is the first, runs it once on an empty
    /// picture to learn its shapes.
    ///
    /// # Errors
    /// Whatever is wrong with the file, the pin, the runtime, the model's inputs and outputs, or the classes.
    pub fn open(config: &DetectorConfig) -> Result<Self, DetectError> {
        let path = &config.model.path;
        let bytes = read(path)?;
        let sha256 = hex(&Sha256::digest(&bytes));
        if let Some(expected) = &config.model.sha256
            && !expected.trim().eq_ignore_ascii_case(&sha256)
        {
            return Err(DetectError::Digest { path: path.clone(), expected: expected.clone(), found: sha256 });
        }
        let summary = onnx::summarise(&bytes).map_err(|why| DetectError::NotOnnx { path: path.clone(), why })?;
        if let Some(file) = summary.external {
            return Err(DetectError::ExternalData { path: path.clone(), file });
        }
        let names = classes::given(&config.model, summary.names)?;
        let family = config.model.family;
        let side = if family == Some(ModelFamily::Fastestdet) { 352 } else { 640 };
        let wanted = summary.size.map_or((side, side), |(height, width)| (width, height));
        let network = runtime::network(path, &sha256, &bytes, wanted)?;
        drop(bytes);
        let (fitting, outputs) = {
            let mut network = network.borrow_mut();
            let size = network.size;
            network.padded = None;
            network.input().0.fill(0.5);
            let infer = |outputs: &[Output<'_>]| {
                head::infer::head(outputs, size, family, names.as_ref().map(Vec::len))
                    .map_err(|no| (no, describe(outputs)))
            };
            let found = network
                .run(infer)
                .map_err(|message| DetectError::Refused { path: path.clone(), message })?
                .map_err(|(no, outputs)| explain(path, no, outputs, family, names.as_ref().map_or(0, Vec::len)))?;
            (found, network.outputs.clone())
        };
        let names = name_classes(path, names, &fitting)?;
        let classes = Classes::new(&names, config)?;
        let (fit, channels) = fitting.head.input(&outputs);
        let size = network.borrow().size;
        let candidates = Candidates::new(classes.lowest, size);
        let digest = Name::new(&sha256[..16]);
        let (head, area) = (fitting.head, config.area);
        Ok(Self { network, head, fit, channels, classes, area, sha256, digest, size, candidates })
    }

    /// Closes it for this thread; the next one to open the same model, on any thread, gets its network. One network
    /// is kept so at a time.
    pub fn set_aside(self) {
        runtime::set_aside(self.sha256, self.network);
    }

    /// The first 16 hex digits of the file's SHA-256.
    pub fn digest(&self) -> Name {
        self.digest
    }

    /// The file's SHA-256 in hex.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The model's family, configured or inferred.
    pub fn family(&self) -> ModelFamily {
        self.head.family()
    }

    /// Names of the model's classes, in the order of its outputs.
    pub fn classes(&self) -> &[Name] {
        &self.classes.names
    }

    /// Width and height of the network's input, px.
    pub fn input_size(&self) -> (usize, usize) {
        self.size
    }

    /// The score from which a detection of `class` starts a track.
    pub fn threshold(&self, class: Name) -> Option<f32> {
        self.classes.names.iter().position(|&name| name == class).map(|i| self.classes.thresholds[i])
    }

    /// How many boxes made no sense so far (NaN, infinite, inside out, far outside, a class without a name).
    pub fn dropped(&self) -> u64 {
        self.candidates.dropped
    }

    /// Detects in a frame: boxes in source pixels, clipped to the area, after NMS, best score first.
    ///
    /// # Errors
    /// A pixel format that is not read, or a failure of ONNX Runtime; the next frame may do.
    pub fn detect(&mut self, frame: &Frame) -> Result<Vec<Detection>, DetectError> {
        let planes = pixels::planes(frame)?;
        let (width, height) = (planes.luma.width, planes.luma.height);
        let whole = Rect { x0: 0, y0: 0, x1: width, y1: height };
        let region = self.area.map_or(whole, |area| Rect::from_fractions(area, width, height));
        let Some(geometry) = Geometry::new(region, self.size, self.fit) else { return Ok(Vec::new()) };
        let mut network = self.network.borrow_mut();
        let same = network.padded == Some((geometry, self.channels));
        network.padded = Some((geometry, self.channels));
        let (input, scratch) = network.input();
        if !same {
            letterbox::pad(&self.channels, input);
        }
        letterbox::fill(&planes, &geometry, &self.channels, self.size, scratch, input);
        let candidates = &mut self.candidates;
        candidates.taken.clear();
        let head = &self.head;
        let failed = |message| DetectError::Inference { digest: self.sha256[..16].to_owned(), message };
        network
            .run(|outputs| head.read(outputs, candidates).ok_or_else(|| describe(outputs)))
            .map_err(failed)?
            .map_err(|outputs| failed(format!("its outputs changed their shape to {outputs}")))?;
        Ok(finish(&self.classes, self.head.repeats(), &geometry, candidates))
    }
}

/// From candidates of the input to detections of the source.
fn finish(classes: &Classes, repeats: bool, geometry: &Geometry, candidates: &mut Candidates) -> Vec<Detection> {
    let Rect { x0, y0, x1, y1 } = geometry.region;
    let Candidates { taken, dropped, .. } = candidates;
    taken.retain_mut(|c| {
        let Some(floor) = classes.floors.get(c.class) else {
            *dropped += 1;
            return false;
        };
        if floor.is_none_or(|floor| c.score < floor) {
            return false;
        }
        let b = geometry.in_source(c.bounds);
        let (x, y) = (|v: f32| v.clamp(x0 as f32, x1 as f32), |v: f32| v.clamp(y0 as f32, y1 as f32));
        c.bounds = [x(b[0]), y(b[1]), x(b[2]), y(b[3])];
        let inside = c.bounds[0] < c.bounds[2] && c.bounds[1] < c.bounds[3];
        *dropped += u64::from(!inside);
        inside
    });
    nms::settle(taken, repeats);
    let detection = |c: &head::Candidate| {
        let [x0, y0, x1, y1] = c.bounds;
        Detection { class: classes.names[c.class], score: c.score, x0, y0, x1, y1 }
    };
    taken.iter().map(detection).collect()
}

fn read(path: &Path) -> Result<Vec<u8>, DetectError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(bytes),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Err(DetectError::Missing { path: path.to_owned() }),
        Err(source) => Err(DetectError::Read { path: path.to_owned(), source }),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The class names of a model whose head is known.
fn name_classes(path: &Path, names: Option<Vec<String>>, fitting: &Fitting) -> Result<Vec<String>, DetectError> {
    let coco = || COCO.iter().map(|&name| name.to_owned()).collect();
    match (names, fitting.classes) {
        (Some(names), _) => Ok(names),
        (None, Some(80)) => Ok(coco()),
        (None, Some(count)) => Err(DetectError::NoClasses { path: path.to_owned(), count }),
        (None, None) => {
            tracing::warn!(
                "model {}: does not say how many classes it has; taking the 80 of COCO (set `classes` if it has others)",
                path.display()
            );
            Ok(coco())
        }
    }
}

/// Names, types and shapes of outputs, for messages.
fn describe(outputs: &[Output<'_>]) -> String {
    let one = |o: &Output<'_>| {
        let kind = match o.values {
            Values::Floats(_) => "float32",
            Values::Longs(_) => "int64",
            Values::Ints(_) => "int32",
            Values::Other => "another type",
        };
        let shape: Vec<String> = o.shape.iter().map(i64::to_string).collect();
        format!("{}: {kind} {}", o.name, shape.join("×"))
    };
    outputs.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn explain(path: &Path, no: NoHead, outputs: String, family: Option<ModelFamily>, given: usize) -> DetectError {
    let path = path.to_owned();
    match (no, family) {
        (NoHead::Wrong(looks), Some(family)) => {
            let looks = looks.map_or_else(String::new, |l| format!(", which are those of `{}`", error::family_name(l)));
            DetectError::WrongFamily { path, family, outputs, looks }
        }
        (NoHead::Ambiguous(families), _) => DetectError::AmbiguousFamily { path, outputs, families },
        (NoHead::Count(model), _) => DetectError::ClassCount { path, model, given },
        (NoHead::Unknown | NoHead::Wrong(_), _) => DetectError::UnknownFamily { path, outputs },
    }
}
