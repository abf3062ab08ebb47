//! What there is to read, before reading it: a camera's clips in order of recording, joined into generations.
//!
//! In: a camera, the folder its paths start from, the site's time zone, perhaps footage and a start from the
//! command line. Out: a [`Plan`]: one [`GenerationPlan`] per run of contiguous clips, in order of time, and a
//! fault per file that cannot be read. Each clip is opened, none is decoded; where the container does not tell
//! its length, its packets are read once.
//!
//! Order and anchors: clips that all know their own start are ordered by it, others by name. With a `start` the
//! first clip begins there; a later one keeps its distance to the first if both know their start in the same
//! way (the camera's clock was wrong, not its pace), keeps a sidecar's word, and otherwise follows on. Without,
//! a clip stands where its own anchor says, except that one known only by its modification time follows on when
//! it would overlap the clip before it.
//!
//! A plan's generation is its first; the footage may fall into several (a jump in time, a change of
//! size), all with the digest of the plan. The last coverage row of a plan, and only that one, ends with
//! `end_of_footage` or `truncated`: a plan is finished when such a row exists for its digest.

use super::anchor::{self, Anchor, Anchors};
use super::error::SourceError;
use super::fault_log::{FaultLog, Spot};
use super::find;
use super::open::{self, ClipInfo};
use super::timeline::BRIDGE;
use gemba_schemas::fact::{Clock, Fact, FaultKind, Stage};
use gemba_schemas::id::{Generation, Name};
use gemba_schemas::site::Camera;
use gemba_schemas::time::{EventTime, Micros};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::Xxh3;

/// Which footage to plan.
#[derive(Clone, Copy, Debug)]
pub struct Footage<'a> {
    /// The camera; its `source`, `start` and `filename_time` are read.
    pub camera: &'a Camera,
    /// Folder that the camera's `source` is relative to.
    pub base: &'a Path,
    /// The site's IANA time zone.
    pub zone: &'a str,
    /// Files, folders and patterns instead of the camera's `source`, relative to the working directory.
    pub instead: Option<&'a [PathBuf]>,
    /// Recording start of the first clip instead of the camera's.
    pub start: Option<EventTime>,
}

impl Footage<'_> {
    /// The files that are named, and the errors of what names none; no file is opened.
    fn find(&self) -> (Vec<PathBuf>, Vec<SourceError>) {
        let own: Vec<PathBuf> = self.camera.source.iter().map(PathBuf::from).collect();
        match self.instead {
            Some(list) => find::find(list, Path::new("")),
            None => find::find(&own, self.base),
        }
    }

    /// The number of files that are named: there are at most as many runs to read.
    pub fn files(&self) -> usize {
        self.find().0.len()
    }
}

/// A clip and its place in time.
#[derive(Clone, Debug, PartialEq)]
pub struct Clip {
    /// File name without the folder.
    pub file: Name,
    /// What opening it told.
    pub info: ClipInfo,
    /// Event time of its first frame.
    pub start: EventTime,
    /// Where that is known from.
    pub clock: Clock,
}

/// Contiguous clips of one camera.
#[derive(Clone, Debug, PartialEq)]
pub struct GenerationPlan {
    /// The (first) generation.
    pub generation: Generation,
    /// The clips, in order of time.
    pub clips: Vec<Clip>,
    /// Digest of the names, sizes and first and last 64 KiB of the files.
    pub footage: Name,
    /// From the first frame to the end of the last, as the containers say.
    pub duration: Micros,
    /// Frames, estimated.
    pub frames: u64,
}

/// Everything that a camera has to read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// In order of time.
    pub generations: Vec<GenerationPlan>,
    /// One per file, folder or pattern that cannot be used, and per clip whose clock is doubtful.
    pub faults: Vec<Fact>,
}

/// A clip that opens, before its place in time is known.
struct Candidate {
    info: ClipInfo,
    anchor: Anchor,
}

/// Finds and opens a camera's footage. Fails only for wrong settings; what is wrong with a file is a fault.
pub fn plan(footage: &Footage<'_>) -> Result<Plan, SourceError> {
    let camera = footage.camera;
    let anchors = Anchors::new(camera, footage.zone, footage.start)?;
    if footage.instead.map_or(camera.source.is_none(), <[_]>::is_empty) {
        return Err(SourceError::Setting {
            camera: camera.name.clone(),
            key: "source",
            message: "no footage: set it to a file, a folder or a pattern, or name footage on the command line".into(),
        });
    }
    let (paths, errors) = footage.find();
    let mut faults = Complaints { camera: Name::new(&camera.name), facts: Vec::new() };
    for error in &errors {
        faults.unusable(error, None);
    }
    let mut candidates = Vec::new();
    for path in paths {
        let (outside, doubts) = anchors.outside(&path);
        match open::open(&path, None) {
            Ok(opened) => {
                let info = opened.info;
                let container = info.created.map(|at| Anchor { at, clock: Clock::Container });
                let anchor = outside.or(container).unwrap_or_else(|| anchor::modified(&path, info.duration));
                for doubt in doubts {
                    faults.note(&path, Some(anchor), FaultKind::Timestamp, doubt);
                }
                candidates.push(Candidate { info, anchor });
            }
            Err(error) => faults.unusable(&error, outside),
        }
    }
    let clips = arrange(candidates, anchors.start, &mut faults);
    let mut generations: Vec<GenerationPlan> = Vec::new();
    for clip in clips {
        match generations.last_mut() {
            Some(plan) if joins(plan, &clip) => plan.clips.push(clip),
            _ => generations.push(GenerationPlan {
                generation: Generation(clip.start.0),
                clips: vec![clip],
                footage: Name::default(),
                duration: Micros::ZERO,
                frames: 0,
            }),
        }
    }
    for plan in &mut generations {
        plan.footage = digest(&plan.clips);
        plan.frames = plan.clips.iter().map(|c| c.info.frames).sum();
        plan.duration = plan.clips.last().map_or(Micros::ZERO, |c| c.end() - EventTime(plan.generation.0));
    }
    Ok(Plan { generations, faults: faults.facts })
}

impl Clip {
    /// End of its last frame, as the container says.
    pub fn end(&self) -> EventTime {
        self.start + self.info.duration
    }
}

/// Puts the clips in order and in time.
fn arrange(mut candidates: Vec<Candidate>, start: Option<EventTime>, faults: &mut Complaints) -> Vec<Clip> {
    let sure = |c: &Candidate| c.anchor.clock != Clock::Mtime;
    // `find` gave them by name, and the sort is stable: equal anchors stay in that order.
    if candidates.iter().all(sure) || (start.is_none() && !candidates.iter().any(sure)) {
        candidates.sort_by_key(|c| c.anchor.at);
    }
    let first = candidates.first().map(|c| c.anchor);
    let mut clips: Vec<Clip> = Vec::new();
    for Candidate { info, anchor } in candidates {
        let end = clips.last().map(Clip::end);
        let (at, clock) = match (start, first, end) {
            (Some(start), _, None) => (start, Clock::Start),
            (Some(start), Some(first), Some(end)) => match anchor.clock {
                Clock::Sidecar => (anchor.at, Clock::Sidecar),
                Clock::Filename | Clock::Container if first.clock == anchor.clock => {
                    (start + (anchor.at - first.at), Clock::Start)
                }
                _ => (end, Clock::Start),
            },
            (None, _, Some(end)) if anchor.clock == Clock::Mtime && anchor.at < end => (end, Clock::Mtime),
            _ => (anchor.at, anchor.clock),
        };
        if let Some(end) = end.filter(|end| *end - at > BRIDGE) {
            let by = (end - at).as_secs_f64();
            let detail = format!("the recording starts {by:.1} s before the one before it ends; check its clock");
            faults.note(&info.path, Some(Anchor { at, clock }), FaultKind::Timestamp, detail);
        }
        clips.push(Clip { file: file_name(&info.path), info, start: at, clock });
    }
    clips.sort_by_key(|c| c.start);
    clips
}

fn joins(plan: &GenerationPlan, clip: &Clip) -> bool {
    plan.clips.last().is_some_and(|last| {
        let (a, b) = (&last.info, &clip.info);
        (a.width, a.height, a.codec) == (b.width, b.height, b.codec) && (clip.start - last.end()).0.abs() <= BRIDGE.0
    })
}

fn file_name(path: &Path) -> Name {
    Name::new(&path.file_name().unwrap_or(path.as_os_str()).to_string_lossy())
}

/// Names, sizes, and the first and last 64 KiB of each file. A file that cannot be read counts as empty.
fn digest(clips: &[Clip]) -> Name {
    const SAMPLE: u64 = 64 << 10;
    let mut hash = Xxh3::new();
    for clip in clips {
        let mut sample = Vec::new();
        let size = File::open(&clip.info.path)
            .and_then(|mut file| {
                let size = file.metadata()?.len();
                (&mut file).take(SAMPLE).read_to_end(&mut sample)?;
                file.seek(SeekFrom::Start(size.saturating_sub(SAMPLE).max(sample.len() as u64)))?;
                file.take(SAMPLE).read_to_end(&mut sample)?;
                Ok(size)
            })
            .unwrap_or(0);
        let name = clip.file.as_str().as_bytes();
        for part in [&(name.len() as u64).to_le_bytes(), name, &size.to_le_bytes(), &sample[..]] {
            hash.update(part);
        }
        hash.update(&(sample.len() as u64).to_le_bytes());
    }
    Name::new(&format!("{:032x}", hash.digest128()))
}

/// Faults of the whole plan: each file stands for itself, so nothing is counted together.
struct Complaints {
    camera: Name,
    facts: Vec<Fact>,
}

impl Complaints {
    fn unusable(&mut self, error: &SourceError, anchor: Option<Anchor>) {
        if let SourceError::Clip { path, problem } = error {
            self.note(path, anchor, problem.kind(), problem.to_string());
        }
    }

    fn note(&mut self, path: &Path, anchor: Option<Anchor>, kind: FaultKind, detail: String) {
        let at = anchor.map_or(EventTime(0), |a| a.at);
        let mut log = FaultLog::new(self.camera, Stage::Source);
        log.start(Generation(at.0), &mut self.facts);
        log.note(Spot { ts: at, file: file_name(path), frame: 0 }, kind, detail);
        log.finish(&mut self.facts);
    }
}
