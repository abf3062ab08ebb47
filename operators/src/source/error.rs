//! What can be wrong with a camera's footage, said so that the reader knows what to do.

use ffmpeg_next as ffmpeg;
use gemba_schemas::fact::FaultKind;
use std::path::PathBuf;

/// Why footage cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// One file, folder or pattern; the others can go on.
    #[error("{}: {problem}", path.display())]
    Clip {
        /// The file, folder or pattern.
        path: PathBuf,
        /// What is wrong with it.
        problem: Problem,
    },
    /// A setting of the camera; nothing can go on.
    #[error("camera `{camera}`: {key}: {message}")]
    Setting {
        /// The camera's name.
        camera: String,
        /// The key of the site file.
        key: &'static str,
        /// What was expected.
        message: String,
    },
}

/// What is wrong with a file, folder or pattern.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The system cannot read it.
    #[error("{0}; check the path and its permissions")]
    Io(std::io::ErrorKind),
    /// A pattern that is no glob.
    #[error("not a valid pattern: {0}")]
    Pattern(String),
    /// A folder or pattern without footage.
    #[error("holds no footage; expected files such as {0}")]
    NoClips(String),
    /// No bytes.
    #[error("the file is empty")]
    Empty,
    /// Another kind of file under a video's name.
    #[error("this is `{0}`, not a video container, whatever its name says; it is not read")]
    Foreign(String),
    /// FFmpeg's words.
    #[error("cannot be opened as video: {0}; it may be damaged, cut off or still being written")]
    Library(ffmpeg::Error),
    /// Sound, or nothing.
    #[error("has no video stream")]
    NoVideo,
    /// No picture size could be found.
    #[error("holds no readable picture, or one larger than allowed (8192×8192)")]
    NoPicture,
    /// Larger than [`super::MAX_PIXELS`].
    #[error("the picture of {0}×{1} pixels is larger than allowed (8192×8192)")]
    TooLarge(i32, i32),
    /// This FFmpeg cannot decode it.
    #[error("this FFmpeg has no decoder for `{0}`")]
    NoDecoder(&'static str),
}

impl Problem {
    /// The kind under which it becomes a fault.
    pub fn kind(&self) -> FaultKind {
        match self {
            Self::TooLarge(..) | Self::NoPicture => FaultKind::Format,
            _ => FaultKind::Open,
        }
    }
}
