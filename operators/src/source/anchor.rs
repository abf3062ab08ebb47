//! When a clip's recording began, as far as the clip itself can tell.
//!
//! In: a clip. Out: the event time of its first frame and where that is known from, the first of: a sidecar
//! `<clip>.start` with one RFC 3339 instant, a pattern on the file's name, the container's creation time, the
//! file's modification time minus its length. (The camera's `start` is the plan's affair: it is about the
//! first clip of all.)

use super::error::SourceError;
use gemba_schemas::fact::Clock;
use gemba_schemas::site::Camera;
use gemba_schemas::time::{EventTime, Micros};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// The clocks of a camera's clips.
pub(super) struct Anchors {
    zone: TimeZone,
    pattern: Option<String>,
    /// Recording start of the first clip.
    pub(super) start: Option<EventTime>,
}

/// A clip's own idea of its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Anchor {
    pub at: EventTime,
    pub clock: Clock,
}

impl Anchors {
    /// Checks the settings: time zone, `start`, `filename_time`. `start` of the command line goes before the camera's.
    pub(super) fn new(camera: &Camera, zone: &str, start: Option<EventTime>) -> Result<Self, SourceError> {
        let wrong =
            |key: &'static str, message: String| SourceError::Setting { camera: camera.name.clone(), key, message };
        let zone = TimeZone::get(zone).map_err(|e| {
            wrong("time_zone", format!("`{zone}` is no IANA time zone ({e}); write for example `Europe/Berlin`"))
        })?;
        let written = camera.start.as_deref().map(|text| {
            text.trim().parse::<Timestamp>().map_err(|e| {
                wrong("start", format!("`{text}` is no RFC 3339 instant ({e}); write for example 2024-05-01T08:00:00Z"))
            })
        });
        let written = written.transpose()?.map(|at| EventTime(at.as_microsecond()));
        Ok(Self { zone, pattern: camera.filename_time.clone(), start: start.or(written) })
    }

    /// What can be known without opening the clip. A sidecar or name that cannot be read is an `Err` with the reason.
    pub(super) fn outside(&self, clip: &Path) -> (Option<Anchor>, Vec<String>) {
        let mut complaints = Vec::new();
        match sidecar(clip) {
            Ok(Some(at)) => return (Some(Anchor { at, clock: Clock::Sidecar }), complaints),
            Ok(None) => {}
            Err(complaint) => complaints.push(complaint),
        }
        let named = self.pattern.as_deref().map(|pattern| self.named(clip, pattern));
        match named {
            Some(Ok(at)) => (Some(Anchor { at, clock: Clock::Filename }), complaints),
            Some(Err(complaint)) => {
                complaints.push(complaint);
                (None, complaints)
            }
            None => (None, complaints),
        }
    }

    fn named(&self, clip: &Path, pattern: &str) -> Result<EventTime, String> {
        let stem = clip.file_stem().unwrap_or_default().to_string_lossy();
        let read = || -> Result<Timestamp, jiff::Error> {
            let time = jiff::fmt::strtime::parse(pattern, stem.as_bytes())?;
            // A name with an offset or a count of seconds is an instant; any other is on the site's clock, and
            // of an hour that the clock repeats, the first.
            time.to_timestamp().or_else(|_| self.zone.to_timestamp(time.to_datetime()?))
        };
        read()
            .map(|at| EventTime(at.as_microsecond()))
            .map_err(|e| format!("the name does not follow filename_time `{pattern}`: {e}"))
    }
}

/// The modification time minus the length. Only this anchor is unsure: copying a file may change it.
pub(super) fn modified(clip: &Path, length: Micros) -> Anchor {
    let modified = clip.metadata().and_then(|m| m.modified()).ok();
    let since = modified.and_then(|at| at.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    let at = i64::try_from(since.as_micros()).unwrap_or(0);
    Anchor { at: EventTime(at) - length, clock: Clock::Mtime }
}

fn sidecar(clip: &Path) -> Result<Option<EventTime>, String> {
    let mut name: OsString = clip.as_os_str().into();
    name.push(".start");
    match std::fs::read_to_string(PathBuf::from(name)) {
        Ok(text) => match text.trim().parse::<Timestamp>() {
            Ok(at) => Ok(Some(EventTime(at.as_microsecond()))),
            Err(e) => Err(format!("the sidecar .start holds no RFC 3339 instant: {e}")),
        },
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(format!("the sidecar .start cannot be read: {}", e.kind())),
    }
}
