//! Tracking as a stage: [`Detections`] of a camera in, `track_point` and `track_end` facts out.
//!
//! State: the tracker and the thinning of each live track of the running generation; all of it goes at its end.

use super::Detections;
use super::thin::{Thin, reach};
use super::tracker::{Sighting, TrackEvent, Tracker, TrackerConfig};
use crate::stage::{Outlet, Seen, Stage};
use gemba_schemas::fact::{TrackEnd, TrackPoint};
use gemba_schemas::id::{FactId, Generation, Name};
use gemba_schemas::time::Micros;
use std::collections::BTreeMap;
use std::convert::Infallible;

/// Score from which a detection continues a track (the lower threshold of ByteTrack).
const LOW: f32 = 0.1;

/// Follows the detected things of one camera.
pub struct TrackStage {
    threshold: f32,
    thresholds: BTreeMap<Name, f32>,
    lost_after: Micros,
    run: Option<Run>,
}

/// What is kept of the running generation.
struct Run {
    camera: Name,
    generation: Generation,
    model: Name,
    width: u16,
    height: u16,
    tracker: Tracker,
    thin: BTreeMap<u32, Thin>,
}

impl TrackStage {
    /// A stage in which a detection of score `threshold` (0–1) begins a track, and a track that is not
    /// seen is kept for `lost_after`.
    pub fn new(threshold: f32, lost_after: Micros) -> Self {
        Self { threshold, thresholds: BTreeMap::new(), lost_after, run: None }
    }

    /// The same stage with other thresholds for single classes.
    pub fn with_thresholds(mut self, thresholds: impl IntoIterator<Item = (Name, f32)>) -> Self {
        self.thresholds.extend(thresholds);
        self
    }

    fn begin(&self, first: &Detections) -> Run {
        let config = TrackerConfig {
            threshold: self.threshold,
            thresholds: self.thresholds.clone(),
            low: LOW,
            lost_after: self.lost_after,
            width: first.width,
            height: first.height,
        };
        Run {
            camera: first.meta.camera,
            generation: first.meta.generation,
            model: first.model,
            width: first.width,
            height: first.height,
            tracker: Tracker::new(config),
            thin: BTreeMap::new(),
        }
    }
}

impl Stage for TrackStage {
    type In = Detections;
    type Out = Infallible;

    fn step(&mut self, item: Seen<Detections>, out: &mut Outlet<Infallible>) {
        match item {
            Seen::Item(seen) => {
                // A generation that changed without an end was cut off; what it still held is closed all the same.
                if self.run.as_ref().is_some_and(|r| r.generation != seen.meta.generation)
                    && let Some(run) = self.run.take()
                {
                    run.finish(out);
                }
                let fresh = if self.run.is_none() { Some(self.begin(&seen)) } else { None };
                let run = match fresh {
                    Some(run) => self.run.insert(run),
                    None => match &mut self.run {
                        Some(run) => run,
                        None => return,
                    },
                };
                let events = run.tracker.step(seen.meta.ts, seen.meta.number, &seen.boxes);
                run.report(events, out);
            }
            Seen::End(_) => {
                if let Some(run) = self.run.take() {
                    run.finish(out);
                }
            }
        }
    }
}

impl Run {
    fn finish(mut self, out: &mut Outlet<Infallible>) {
        let events = self.tracker.finish();
        self.report(events, out);
    }

    fn report(&mut self, events: Vec<TrackEvent>, out: &mut Outlet<Infallible>) {
        let reach = reach(self.width, self.height);
        for event in events {
            match event {
                TrackEvent::Seen { track, class, at } => {
                    let points = self.thin.entry(track).or_default().step(at, reach);
                    out.facts.extend(points.map(|at| self.point(track, class, at).into()));
                }
                TrackEvent::Ended { track, class, first_seen, last_seen, last_frame, detections, reason } => {
                    let last = self.thin.remove(&track).and_then(Thin::finish);
                    out.facts.extend(last.map(|at| self.point(track, class, at).into()));
                    let (camera, generation, model) = (self.camera, self.generation, self.model);
                    let id = FactId::of("track_end", camera, generation, &[&track.to_le_bytes()]);
                    out.facts.push(
                        TrackEnd {
                            id,
                            camera,
                            generation,
                            track,
                            class,
                            first_seen,
                            last_seen,
                            last_frame,
                            detections,
                            reason,
                            model,
                        }
                        .into(),
                    );
                }
            }
        }
    }

    fn point(&self, track: u32, class: Name, at: Sighting) -> TrackPoint {
        let parts: [&[u8]; 2] = [&track.to_le_bytes(), &at.ts.0.to_le_bytes()];
        TrackPoint {
            id: FactId::of("track_point", self.camera, self.generation, &parts),
            camera: self.camera,
            generation: self.generation,
            track,
            ts: at.ts,
            frame: at.frame,
            class,
            score: at.score,
            x0: at.bounds.x0,
            y0: at.bounds.y0,
            x1: at.bounds.x1,
            y1: at.bounds.y1,
            width: self.width,
            height: self.height,
            model: self.model,
        }
    }
}
