//! A model's class names, which of them are wanted, and from which score on.

use super::{DetectError, DetectorConfig};
use gemba_schemas::id::Name;
use gemba_schemas::site::{ClassNames, Model};
use std::path::Path;

/// The 80 classes of COCO (2017) in the order of detectors trained on it.
#[rustfmt::skip]
pub const COCO: [&str; 80] = [
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow",
    "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee",
    "skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard",
    "tennis racket", "bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple",
    "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch",
    "potted plant", "bed", "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard", "cell phone",
    "microwave", "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors", "teddy bear",
    "hair drier", "toothbrush",
];

/// The names that the configuration gives, else those that the exporter left in the file; else none.
pub fn given(model: &Model, from_file: Option<Vec<String>>) -> Result<Option<Vec<String>>, DetectError> {
    Ok(match &model.classes {
        None => from_file,
        Some(ClassNames::List(names)) => Some(names.clone()),
        Some(ClassNames::File(path)) => Some(read(path)?),
    })
}

fn read(path: &Path) -> Result<Vec<String>, DetectError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| DetectError::ClassFile { path: path.to_owned(), source })?;
    Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

/// What is asked of each class.
#[derive(Clone, Debug)]
pub struct Classes {
    /// Names by class number.
    pub names: Vec<Name>,
    /// Lowest score given out, by class number; `None` for a class that is not wanted.
    pub floors: Vec<Option<f32>>,
    /// Score from which a detection starts a track, by class number.
    pub thresholds: Vec<f32>,
    /// The lowest of the floors: what scores less need not be looked at.
    pub lowest: f32,
}

impl Classes {
    /// Applies the filter and the thresholds of `config` to the model's `names`.
    pub fn new(names: &[String], config: &DetectorConfig) -> Result<Self, DetectError> {
        let known = |key, class: &String| {
            if names.contains(class) {
                return Ok(());
            }
            let nearest = names
                .iter()
                .map(|name| (strsim::damerau_levenshtein(name, class), name))
                .min()
                .filter(|(distance, name)| *distance <= name.len().div_ceil(3))
                .map_or_else(|| format!("; it has {}", names.join(", ")), |(_, name)| format!("; `{name}` is meant?"));
            Err(DetectError::UnknownClass { model: config.model.name.clone(), class: class.clone(), key, nearest })
        };
        config.classes.iter().try_for_each(|class| known("classes", class))?;
        config.thresholds.keys().try_for_each(|class| known("thresholds", class))?;
        let thresholds: Vec<f32> =
            names.iter().map(|name| config.thresholds.get(name).copied().unwrap_or(config.threshold)).collect();
        let wanted = |name| config.classes.is_empty() || config.classes.contains(name);
        let floors: Vec<Option<f32>> = names
            .iter()
            .zip(&thresholds)
            .map(|(name, &threshold)| wanted(name).then_some(config.low_threshold.min(threshold)))
            .collect();
        let lowest = floors.iter().flatten().copied().fold(f32::INFINITY, f32::min);
        Ok(Self { names: names.iter().map(|name| Name::new(name)).collect(), floors, thresholds, lowest })
    }
}
