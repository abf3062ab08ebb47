//! Units: which runs of footage are to be read, with the stages that each needs.
//!
//! A unit is one planned generation of one camera. It is finished when stored coverage of the same footage
//! under the same vision settings says that it ended; such a unit is not read again. What is stored of an
//! unfinished one is expected again; what is stored of the same stretch of time from other footage or under
//! other settings is retracted at the tick at which the new reading begins.

use crate::commit::Loaded;
use gemba_operators::decode::Decode;
use gemba_operators::detect::stage::{DetectStage, Eye, Gate};
use gemba_operators::detect::{Detector, DetectorConfig};
use gemba_operators::motion::{Blobs, MotionStage};
use gemba_operators::sample::Sampler;
use gemba_operators::scan::{ScanArea, ScanConfig, Scanner};
use gemba_operators::source::{self, GenerationPlan, Source, StopFlag};
use gemba_operators::track::TrackStage;
use gemba_schemas::fact::{Coverage, CoverageEnd, Fact};
use gemba_schemas::id::{self, Generation, Name};
use gemba_schemas::site::{Camera, ClassNames, Site};
use gemba_schemas::time::{EventTime, Micros};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Detections below a track's starting threshold go on down to this score (ByteTrack's second association).
const TRACKED_FROM: f32 = 0.1;

/// What is wrong with the footage asked for.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// An argument cannot be understood.
    #[error("`{argument}`: {message}")]
    Argument {
        /// As given.
        argument: String,
        /// What to write instead.
        message: String,
    },
    /// A camera's settings do not fit its footage or its model.
    #[error("camera `{camera}`: {message}")]
    Camera {
        /// Its name.
        camera: String,
        /// What is wrong and what to do.
        message: String,
    },
}

/// Footage from the command line.
#[derive(Clone, Debug, Default)]
pub struct Override {
    /// Paths by camera; empty: every camera's own source.
    by_camera: BTreeMap<String, Vec<PathBuf>>,
    start: Option<EventTime>,
}

impl Override {
    /// From `path` (a site with one camera) or `camera=path` arguments, and `--start`.
    pub fn parse(footage: &[String], start: Option<&str>, site: &Site) -> Result<Self, PlanError> {
        let argument = |argument: &str, message: String| PlanError::Argument { argument: argument.into(), message };
        let start = start
            .map(|text| {
                EventTime::parse(text)
                    .ok_or_else(|| argument(text, "no instant; write RFC 3339, such as 2026-01-15T08:00:00Z".into()))
            })
            .transpose()?;
        let names: Vec<_> = site.cameras.iter().map(|c| c.name.as_str()).collect();
        let mut by_camera: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
        for given in footage {
            let named = given.split_once('=').filter(|(camera, _)| names.contains(camera));
            let (camera, path) = match (named, names.as_slice()) {
                (Some(named), _) => named,
                (None, [only]) => (*only, given.as_str()),
                (None, _) => {
                    let names = names.join("`, `");
                    let message =
                        format!("which camera? The site has several: write `camera=path` with one of `{names}`");
                    return Err(argument(given, message));
                }
            };
            by_camera.entry(camera.into()).or_default().push(path.into());
        }
        Ok(Self { by_camera, start })
    }

    /// Whether a camera is read.
    pub fn reads(&self, camera: &Camera) -> bool {
        match self.by_camera.is_empty() {
            true => camera.source.is_some(),
            false => self.by_camera.contains_key(&camera.name),
        }
    }

    /// At most so many runs of footage are to be read.
    pub fn runs(&self, site: &Site) -> usize {
        site.cameras.iter().filter(|c| self.reads(c)).map(|c| self.of(site, c).files()).sum()
    }

    /// What to read of a camera.
    pub fn of<'a>(&'a self, site: &'a Site, camera: &'a Camera) -> source::Footage<'a> {
        source::Footage {
            camera,
            base: &site.base,
            zone: &site.site.time_zone,
            instead: self.by_camera.get(&camera.name).map(Vec::as_slice),
            start: self.start,
        }
    }
}

/// A run of footage to read.
pub struct Unit {
    /// Its clips and length.
    pub plan: GenerationPlan,
    /// Stored generations that this reading replaces.
    pub stale: Vec<(Name, Generation)>,
    camera: Arc<Camera>,
    site: Arc<Site>,
    vision: Name,
}

/// What there is to do.
#[derive(Default)]
pub struct Planned {
    /// Units to read.
    pub units: Vec<Arc<Unit>>,
    /// Stored generations of which facts will be reported again.
    pub again: Vec<(Name, Generation)>,
    /// Footage that cannot be read.
    pub faults: Vec<Fact>,
    /// Units that were finished before.
    pub done: usize,
}

/// Finds the footage, and what of it is to be read.
pub fn plan(site: &Site, footage: &Override, loaded: &Loaded) -> Result<Planned, PlanError> {
    let shared = Arc::new(site.clone());
    let mut planned = Planned::default();
    let cameras: Vec<_> = site.cameras.iter().filter(|c| footage.reads(c)).collect();
    if cameras.is_empty() {
        return Err(PlanError::Argument {
            argument: "replay".into(),
            message: "no footage: give a camera its `source`, or name footage as `camera=path`".into(),
        });
    }
    for camera in cameras {
        let name = Name::new(&camera.name);
        let wrong = |message: String| PlanError::Camera { camera: camera.name.clone(), message };
        let (vision, detector) = vision(site, camera).map_err(wrong)?;
        let before = planned.units.len();
        let found = source::plan(&footage.of(site, camera)).map_err(|e| wrong(e.to_string()))?;
        planned.faults.extend(found.faults);
        let setup = Arc::new(camera.clone());
        let stored: Vec<&Coverage> = loaded.coverage.iter().filter(|c| c.camera == name).collect();
        let current: Vec<Name> = found.generations.iter().map(|g| g.footage).collect();
        for plan in found.generations {
            let same = |c: &&&Coverage| c.footage == plan.footage && c.vision == vision;
            let ended = |c: &Coverage| matches!(c.end_reason, CoverageEnd::EndOfFootage | CoverageEnd::Truncated);
            if stored.iter().filter(same).any(|c| ended(c)) {
                planned.done += 1;
                continue;
            }
            let (begins, ends) = (EventTime(plan.generation.0), EventTime(plan.generation.0) + plan.duration);
            // The newest reading of a stretch of a camera's time replaces the others, except those that are
            // part of this same plan.
            let replaced = |c: &&&Coverage| {
                let overlaps = c.started < ends && begins < c.ended;
                let sibling = c.vision == vision && current.contains(&c.footage);
                (overlaps || c.footage == plan.footage) && !sibling
            };
            let mut stale: Vec<_> = stored.iter().filter(replaced).map(|c| (c.camera, c.generation)).collect();
            stale.sort_unstable();
            stale.dedup();
            // Facts of an interrupted reading, also those after its last coverage row.
            planned.again.extend(stored.iter().filter(same).map(|c| (c.camera, c.generation)));
            planned.again.push((name, plan.generation));
            planned.units.push(Arc::new(Unit { plan, stale, camera: setup.clone(), site: shared.clone(), vision }));
        }
        if let Some(detector) = detector.filter(|_| planned.units.len() > before) {
            // For the worker that will read it.
            detector.set_aside();
        }
    }
    planned.again.sort_unstable();
    planned.again.dedup();
    planned.again.retain(|key| !planned.units.iter().any(|u| u.stale.contains(key)));
    Ok(planned)
}

/// The digest of everything that decides which facts a camera's pixels give, and its detector, where it has a network.
fn vision(site: &Site, camera: &Camera) -> Result<(Name, Option<Detector>), String> {
    let mut text = format!("{}\n{}", env!("CARGO_PKG_VERSION"), site.vision_digest_text(camera));
    for trigger in triggers(camera) {
        text.push_str(&format!("trigger {trigger:?}\n"));
    }
    // A model that cannot be used is found out here, before anything is read.
    let open = |config| Detector::open(&config).map_err(|e| e.to_string());
    let detector = detector_config(site, camera).map(open).transpose()?;
    if let Some(detector) = &detector {
        text.push_str(&format!("model {}\n", detector.sha256()));
    }
    Ok((id::text_digest(&text), detector))
}

/// The settings of a camera's ONNX detector; `None` when it has none (or uses the built-in one).
pub fn detector_config(site: &Site, camera: &Camera) -> Option<DetectorConfig> {
    let detect = camera.needs().detect?;
    let mut model = site.model(&detect.model)?.clone();
    model.path = site.resolve(&model.path);
    if let Some(ClassNames::File(file)) = &mut model.classes {
        *file = site.resolve(&file);
    }
    Some(DetectorConfig {
        model,
        classes: detect.classes.clone(),
        threshold: detect.threshold.0 as f32,
        thresholds: detect.thresholds.iter().map(|(class, t)| (class.clone(), t.0 as f32)).collect(),
        low_threshold: TRACKED_FROM,
        area: camera.area_rect(&detect.area).filter(|_| detect.area != "frame"),
    })
}

impl Unit {
    /// The camera's name.
    pub fn camera(&self) -> &str {
        &self.camera.name
    }

    fn name(&self) -> Name {
        Name::new(&self.camera.name)
    }

    /// The reader of its clips; `stop` abandons a read that blocks.
    pub fn source(&self, stop: StopFlag) -> Source {
        Source::new(self.name(), [self.plan.clone()], Some(stop))
    }

    /// Its decoder.
    pub fn decoder(&self) -> Decode {
        let needs = self.camera.needs();
        Decode::new(self.name(), self.vision, Sampler::new(needs.codes_rate, needs.motion_rate, needs.detect_rate))
    }

    /// Its code reader.
    pub fn scanner(&self) -> Scanner {
        let codes = self.camera.needs().codes;
        Scanner::new(ScanConfig {
            retries: codes.as_ref().map_or(0, |c| c.retries),
            areas: self.areas(codes.map(|c| c.areas)).map(|(name, rect)| ScanArea { name, rect }).collect(),
            triggers: triggers(&self.camera),
        })
    }

    /// Its detector. Planning has opened the model once, so that it opens here too; if it does not any more,
    /// the camera goes on without.
    pub fn detector(&self) -> DetectStage {
        let Some(detect) = self.camera.needs().detect else { return DetectStage::new(None) };
        let area = self.camera.area_rect(&detect.area).unwrap_or([0.0, 0.0, 1.0, 1.0]);
        let eye = match detector_config(&self.site, &self.camera) {
            Some(config) => Detector::open(&config).ok().map(Eye::Network),
            None => {
                let class = Name::new(detect.classes.first().map_or("person", |c| c));
                Some(Eye::Blobs(Blobs::new(class, (detect.area != "frame").then_some(area))))
            }
        };
        let stage = DetectStage::new(eye);
        if detect.gate { stage.gated(Gate { heartbeat: detect.heartbeat.0 }, area) } else { stage }
    }

    /// Its tracker.
    pub fn tracker(&self) -> TrackStage {
        let Some(detect) = self.camera.needs().detect else { return TrackStage::new(0.5, Micros::from_secs(3)) };
        let single = detect.thresholds.iter().map(|(class, t)| (Name::new(class), t.0 as f32));
        TrackStage::new(detect.threshold.0 as f32, detect.lost_after.0).with_thresholds(single)
    }

    /// Its measurement of motion.
    pub fn motion(&self) -> MotionStage {
        MotionStage::new(self.areas(self.camera.needs().motion.map(|m| m.areas)).collect())
    }

    /// Named areas with their rectangles. Validation has made sure that they exist.
    fn areas(&self, names: Option<Vec<String>>) -> impl Iterator<Item = (Name, [f64; 4])> {
        let names = names.unwrap_or_default().into_iter();
        names.filter_map(|name| Some((Name::new(&name), self.camera.area_rect(&name)?)))
    }
}

/// The texts of the camera's trigger codes.
fn triggers(camera: &Camera) -> Vec<String> {
    let mut triggers: Vec<String> = camera.packing.iter().filter_map(|p| p.trigger.clone()).collect();
    triggers.sort();
    triggers.dedup();
    triggers
}
