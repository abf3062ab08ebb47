//! What can go wrong with a detector: at opening (the model, its file, the library that runs it, the
//! configuration) and at a frame. Every message names the file or key and says what to do.

use gemba_schemas::site::ModelFamily;
use std::path::PathBuf;

/// What is wrong with a detector or with a frame given to it.
#[derive(Debug, thiserror::Error)]
pub enum DetectError {
    /// There is no such file.
    #[error("model {}: no such file; set `path` of the [[model]] to an .onnx file (relative to the site file)", path.display())]
    Missing {
        /// The model's file.
        path: PathBuf,
    },
    /// The file could not be read.
    #[error("model {}: cannot be read: {source}", path.display())]
    Read {
        /// The model's file.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("model {}: not an ONNX model ({why}); give the .onnx file that the model was exported to", path.display())]
    NotOnnx {
        /// The model's file.
        path: PathBuf,
        /// How it was seen.
        why: String,
    },
    /// The model keeps weights in other files.
    #[error(
        "model {}: keeps its weights outside the file (external data in `{file}`); one digest could not identify it, so \
         it is refused: save it as one file (`onnx.save(onnx.load(\"model.onnx\"), \"one.onnx\")`)", path.display()
    )]
    ExternalData {
        /// The model's file.
        path: PathBuf,
        /// The first other file it names.
        file: String,
    },
    /// The file is not the pinned one.
    #[error(
        "model {}: its SHA-256 is {found}, but `sha256` of the [[model]] says {expected}; restore the file or change the pin",
        path.display()
    )]
    Digest {
        /// The model's file.
        path: PathBuf,
        /// From the configuration.
        expected: String,
        /// Of the file.
        found: String,
    },
    /// ONNX Runtime was not found.
    #[error(
        "ONNX Runtime is not installed (looked for {tried}); run `make setup`, or set ORT_DYLIB_PATH to libonnxruntime.so"
    )]
    NoRuntime {
        /// Where it was looked for.
        tried: String,
    },
    /// ONNX Runtime was found but does not load.
    #[error("ONNX Runtime at {} does not load: {message}; run `make setup` again, or unset ORT_DYLIB_PATH", path.display())]
    BrokenRuntime {
        /// The library.
        path: PathBuf,
        /// The loader's words.
        message: String,
    },
    /// ONNX Runtime refused the model.
    #[error("model {}: ONNX Runtime refuses it: {message}", path.display())]
    Refused {
        /// The model's file.
        path: PathBuf,
        /// ONNX Runtime's words.
        message: String,
    },
    /// The model does not take one picture.
    #[error(
        "model {}: takes {inputs}; it must take one picture as float32 1×3×height×width (DETR-like models may take its \
         size as a second input)", path.display()
    )]
    Input {
        /// The model's file.
        path: PathBuf,
        /// Its inputs.
        inputs: String,
    },
    /// No family has such outputs.
    #[error(
        "model {}: its outputs ({outputs}) fit no known family (yolox 1×N×(5+C), yolov8 1×(4+C)×N, fastestdet \
         1×(5+C)×H×W, detr); set `family` of the [[model]] if it is one of these, else export it as one", path.display()
    )]
    UnknownFamily {
        /// The model's file.
        path: PathBuf,
        /// Its outputs' names and shapes.
        outputs: String,
    },
    /// Several families have such outputs.
    #[error(
        "model {}: its outputs ({outputs}) fit several families ({families}); set `family` of the [[model]]",
        path.display()
    )]
    AmbiguousFamily {
        /// The model's file.
        path: PathBuf,
        /// Its outputs' names and shapes.
        outputs: String,
        /// The families.
        families: String,
    },
    /// The configured family does not have such outputs.
    #[error(
        "model {}: `family = \"{}\"` does not fit its outputs ({outputs}){looks}; correct or remove `family`",
        path.display(), family_name(*family)
    )]
    WrongFamily {
        /// The model's file.
        path: PathBuf,
        /// The configured family.
        family: ModelFamily,
        /// Its outputs' names and shapes.
        outputs: String,
        /// What they look like, if that is clear.
        looks: String,
    },
    /// The list of classes is of another length.
    #[error("model {}: has {model} classes, but {given} names are given; correct `classes` of the [[model]]", path.display())]
    ClassCount {
        /// The model's file.
        path: PathBuf,
        /// Classes of the model.
        model: String,
        /// Names given.
        given: usize,
    },
    /// The classes have no names.
    #[error(
        "model {}: has {count} classes, which are not the 80 of COCO; name them in `classes` of the [[model]] (a list, or \
         a file with one name a line)", path.display()
    )]
    NoClasses {
        /// The model's file.
        path: PathBuf,
        /// Classes of the model.
        count: usize,
    },
    /// The file of class names could not be read.
    #[error("class names {}: {source}; `classes` of the [[model]] is a file with one name a line", path.display())]
    ClassFile {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// The configuration names a class that the model does not have.
    #[error("model `{model}` has no class `{class}` (asked for by `{key}` of [camera.detect]){nearest}")]
    UnknownClass {
        /// The model's name in the site file.
        model: String,
        /// The class.
        class: String,
        /// `classes` or `thresholds`.
        key: &'static str,
        /// The nearest valid name, or all.
        nearest: String,
    },
    /// The frame's samples are of a kind that is not read.
    #[error("pixel format {format} is not read by detectors (8-bit YUV 4:2:0, 4:2:2, 4:4:4, NV12 or grey are)")]
    PixelFormat {
        /// FFmpeg's name of it.
        format: String,
    },
    /// Running the model failed.
    #[error("model {digest}: {message}")]
    Inference {
        /// The model's digest.
        digest: String,
        /// ONNX Runtime's words.
        message: String,
    },
}

/// A family's name as it is written in the site file.
pub(super) fn family_name(family: ModelFamily) -> &'static str {
    match family {
        ModelFamily::Yolox => "yolox",
        ModelFamily::Yolov8 => "yolov8",
        ModelFamily::Fastestdet => "fastestdet",
        ModelFamily::Detr => "detr",
    }
}
