//! Reads a network's outputs: from tensors to candidates in input pixels, one file per family.
//!
//! [`infer::head`] finds the family from the shapes once, when a model is opened; [`Head::read`] then turns
//! each frame's outputs into candidates. What a sane model does not say (NaN, infinities, scores above one,
//! boxes turned inside out or far outside) is dropped and counted.

mod detr;
mod fastestdet;
pub mod infer;
mod yolov8;
mod yolox;

use super::letterbox::{Channels, Fit};
use gemba_schemas::site::ModelFamily;

/// A box that may be a detection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// Class number.
    pub class: usize,
    /// Confidence, 0–1.
    pub score: f32,
    /// Left, top, right, bottom; of the input, later of the source, px.
    pub bounds: [f32; 4],
}

/// The values of an output.
#[derive(Clone, Copy, Debug)]
pub enum Values<'a> {
    /// Boxes, scores.
    Floats(&'a [f32]),
    /// Labels.
    Longs(&'a [i64]),
    /// Labels.
    Ints(&'a [i32]),
    /// Of a type that no family uses.
    Other,
}

/// An output of a network: its name, its shape in this run, its values.
#[derive(Clone, Copy, Debug)]
pub struct Output<'a> {
    /// Name in the graph.
    pub name: &'a str,
    /// Shape in this run.
    pub shape: &'a [i64],
    /// Values in row-major order.
    pub values: Values<'a>,
}

impl<'a> Output<'a> {
    /// The floats, if they are as many as the shape says.
    fn floats(&self) -> Option<&'a [f32]> {
        match self.values {
            Values::Floats(f) if f.len() as i64 == self.shape.iter().product::<i64>() => Some(f),
            _ => None,
        }
    }

    /// The class number at `index`.
    fn label(&self, index: usize) -> Option<usize> {
        match self.values {
            Values::Longs(v) => v.get(index).and_then(|&l| usize::try_from(l).ok()),
            Values::Ints(v) => v.get(index).and_then(|&l| usize::try_from(l).ok()),
            _ => None,
        }
    }
}

/// Collects candidates.
#[derive(Debug, Default)]
pub struct Candidates {
    /// Those that were taken.
    pub taken: Vec<Candidate>,
    /// How many made no sense.
    pub dropped: u64,
    /// Lowest score of interest.
    pub floor: f32,
    /// Width and height of the input, px.
    pub size: (usize, usize),
    /// Best score and its class for each box, for heads that list scores class by class.
    best: Vec<(f32, u32)>,
}

impl Candidates {
    /// None yet, for an input of `size` and scores from `floor` up.
    pub fn new(floor: f32, size: (usize, usize)) -> Self {
        Self { floor, size, ..Self::default() }
    }

    /// Takes a box given by its centre, width and height.
    fn centred(&mut self, class: usize, score: f32, [x, y, w, h]: [f32; 4]) {
        self.corners(class, score, [x - w / 2.0, y - h / 2.0, x + w / 2.0, y + h / 2.0]);
    }

    /// Takes a box given by its corners.
    fn corners(&mut self, class: usize, score: f32, bounds: [f32; 4]) {
        if score < self.floor {
            return;
        }
        let far = 4.0 * self.size.0.max(self.size.1) as f32;
        // A hair above one is rounding.
        let sane =
            score <= 1.001 && bounds.iter().all(|v| v.abs() <= far) && bounds[0] < bounds[2] && bounds[1] < bounds[3];
        if sane {
            self.taken.push(Candidate { class, score: score.min(1.0), bounds });
        } else {
            self.dropped += 1;
        }
    }
}

/// How a model's outputs are laid out.
#[derive(Clone, Debug, PartialEq)]
pub enum Head {
    /// 1×N×(5+C), relative to a grid of strides 8, 16, 32.
    Yolox,
    /// 1×(4+C)×N, or 1×N×(4+C) when `rows`.
    Yolov8 {
        /// One row a box.
        rows: bool,
    },
    /// 1×(5+C)×H×W.
    Fastestdet,
    /// Two outputs: class scores before the activation, boxes as centre and size in fractions.
    Queries {
        /// Index of the class scores.
        logits: usize,
        /// Index of the boxes.
        boxes: usize,
        /// The last class is *no object* and scores are a softmax; else each is a sigmoid.
        softmax: bool,
    },
    /// Three outputs: labels, boxes as corners, scores.
    Labelled {
        /// Index of the labels.
        labels: usize,
        /// Index of the boxes.
        boxes: usize,
        /// Index of the scores.
        scores: usize,
    },
    /// 1×N×6: corners in input pixels, score, class (YOLOv10).
    Rows,
}

impl Head {
    /// The family it belongs to.
    pub fn family(&self) -> ModelFamily {
        match self {
            Self::Yolox => ModelFamily::Yolox,
            Self::Yolov8 { .. } => ModelFamily::Yolov8,
            Self::Fastestdet => ModelFamily::Fastestdet,
            Self::Queries { .. } | Self::Labelled { .. } | Self::Rows => ModelFamily::Detr,
        }
    }

    /// Whether the model may list one thing several times.
    pub fn repeats(&self) -> bool {
        self.family() != ModelFamily::Detr
    }

    /// How its input is made.
    pub fn input(&self, outputs: &[String]) -> (Fit, Channels) {
        match self {
            Self::Yolox => (Fit::TopLeft, Channels::BGR_LEVELS),
            Self::Yolov8 { .. } | Self::Rows => (Fit::Centre, Channels::RGB_UNIT),
            Self::Fastestdet => (Fit::Stretch, Channels::BGR_UNIT),
            // DETR and RF-DETR (whose exporter names its outputs so) keep the ImageNet normalisation of their
            // backbones; RT-DETR and what follows it take 0–1.
            Self::Queries { softmax, .. } if *softmax || outputs.iter().any(|name| name == "dets") => {
                (Fit::Stretch, Channels::RGB_IMAGENET)
            }
            Self::Queries { .. } | Self::Labelled { .. } => (Fit::Stretch, Channels::RGB_UNIT),
        }
    }

    /// Reads one run's outputs; `None` when their shapes are not those of the head.
    pub fn read(&self, outputs: &[Output<'_>], to: &mut Candidates) -> Option<()> {
        match self {
            Self::Yolox => yolox::read(outputs.first()?, to),
            Self::Yolov8 { rows: false } => yolov8::read_columns(outputs.first()?, to),
            Self::Yolov8 { rows: true } => yolov8::read_rows(outputs.first()?, to),
            Self::Fastestdet => fastestdet::read(outputs.first()?, to),
            Self::Queries { logits, boxes, softmax } => {
                detr::read_queries(outputs.get(*logits)?, outputs.get(*boxes)?, *softmax, to)
            }
            Self::Labelled { labels, boxes, scores } => {
                detr::read_labelled(outputs.get(*labels)?, outputs.get(*boxes)?, outputs.get(*scores)?, to)
            }
            Self::Rows => detr::read_rows(outputs.first()?, to),
        }
    }
}

/// The place and value of the greatest number; the first of equals, never a NaN.
fn greatest(values: impl IntoIterator<Item = f32>) -> Option<(usize, f32)> {
    values.into_iter().enumerate().fold(None, |best, (i, v)| match best {
        _ if v.is_nan() => best,
        Some((_, b)) if v <= b => best,
        _ => Some((i, v)),
    })
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}
