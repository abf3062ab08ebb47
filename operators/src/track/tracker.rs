//! The tracker: detections of one generation in, confirmed tracks out.
//!
//! ByteTrack (Y. Zhang et al., *ByteTrack: Multi-Object Tracking by Associating Every Detection Box*, ECCV
//! 2022): what is seen clearly is matched first, what is seen faintly continues the tracks that are left, and
//! only what is seen clearly begins a track. Every matching is an optimal assignment ([`super::assign`]).
//!
//! What differs from the paper, and why:
//! - the cost of a pair is how unlikely the detection is under the track's Kalman filter, not 1 − IoU: samples
//!   are 40 to 250 ms apart, and at the latter the boxes of a walking person hardly overlap; the filter
//!   knows how far a thing may have come and prefers the track that predicted well to one that could be anywhere;
//! - a new track is confirmed by its third detection (a miss in between is forgiven), and what it showed
//!   until then is given out with its own time; a track that is never confirmed is never heard of;
//! - a thing that starts, stops or turns leaves its filter behind but hardly its own place: clear detections
//!   that fit no filter are matched a last time by overlap, where no other track is near;
//! - a box that lies inside one that was matched begins no track: it is a part of that thing; one that begins
//!   partly inside is confirmed by its sixth detection only;
//! - a track that leaves over the picture's edge ends there, so the next one to come in is not taken for it.
//!
//! State: the live tracks, a few hundred bytes each. Invariants: a detection updates at most one track; tracks are
//! numbered from 1 in order of confirmation; nothing depends on anything but the sequence of steps.

use super::assign::assign;
use super::kalman::{Ltrb, MovingBox};
use crate::detect::Detection;
use gemba_schemas::fact::TrackEndReason;
use gemba_schemas::geometry::PixelBox;
use gemba_schemas::id::Name;
use gemba_schemas::score::Score;
use gemba_schemas::time::{EventTime, Micros};
use std::collections::BTreeMap;

/// Detections after which a track is confirmed.
const CONFIRM: u32 = 3;
/// The same for a track that began over another one's box: a detector that sees half a thing as a thing of its own
/// does so for a few samples only.
const CONFIRM_DOUBTFUL: u32 = 6;
/// Samples in a row that a track may miss before it is confirmed.
const FORGIVEN: u32 = 2;
/// Worst fit at which a clear detection may still continue a confirmed track ([`MovingBox::misfit`]).
const WORST_FIT: f64 = 22.0;
/// The same for a track not yet confirmed, whose velocity is still unknown.
const WORST_YOUNG_FIT: f64 = 26.0;
/// The same for faint detections.
const WORST_FAINT_FIT: f64 = 16.0;
/// How long after it was last seen a track is still continued by faint detections.
const FAINT_WITHIN: Micros = Micros::from_secs(1);
/// Overlap (IoU) from which a clear detection continues a track that its filter did not expect there.
const OWN_PLACE: f64 = 0.3;
/// Overlap (IoU) with another track from which it is uncertain whose place it is.
const NEAR: f64 = 0.1;
/// Overlap (IoU) from which a detection is taken for a second box of a thing that was matched already.
const SAME_THING: f64 = 0.7;
/// Share of a box inside another from which it is taken for a part of the same thing.
const PART_OF: f64 = 0.85;
/// Share of a box inside another from which it may yet be a second box of the same thing.
const DOUBTFUL: f64 = 0.3;
/// Share of its last seen area below which a track that is not seen has left the picture.
const LEFT_SHARE: f64 = 0.3;

/// What a tracker needs to know.
#[derive(Clone, Debug)]
pub struct TrackerConfig {
    /// Score from which a detection is clear: it may begin a track. 0–1.
    pub threshold: f32,
    /// The same for single classes, over `threshold`.
    pub thresholds: BTreeMap<Name, f32>,
    /// Score from which a detection may continue a track. 0–1.
    pub low: f32,
    /// How long a track that is not seen is kept.
    pub lost_after: Micros,
    /// Width of the picture, px.
    pub width: u16,
    /// Height of the picture, px.
    pub height: u16,
}

/// What is known of a confirmed track at one sample in which it was seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sighting {
    /// Event time.
    pub ts: EventTime,
    /// Frame number.
    pub frame: u64,
    /// Score of the detection.
    pub score: Score,
    /// The filtered box, within the picture.
    pub bounds: PixelBox,
}

/// What a step gives out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TrackEvent {
    /// A confirmed track was seen.
    Seen {
        /// Number of the track.
        track: u32,
        /// Its class.
        class: Name,
        /// When and where.
        at: Sighting,
    },
    /// A confirmed track ended; its number does not come again.
    Ended {
        /// Number of the track.
        track: u32,
        /// Its class.
        class: Name,
        /// When it was first seen.
        first_seen: EventTime,
        /// When it was last seen.
        last_seen: EventTime,
        /// Frame in which it was last seen.
        last_frame: u64,
        /// Samples in which it was seen.
        detections: u32,
        /// Why it ended.
        reason: TrackEndReason,
    },
}

struct Track {
    /// 0 until confirmed.
    number: u32,
    class: Name,
    group: Name,
    shape: MovingBox,
    /// The filtered box when last seen.
    last: Ltrb,
    first_seen: EventTime,
    last_seen: EventTime,
    last_frame: u64,
    detections: u32,
    /// Detections that confirm it.
    confirm: u32,
    /// Samples in a row in which it was not seen.
    missed: u32,
    /// What it showed and was not given out yet, because it is not confirmed.
    held: Vec<Sighting>,
}

/// The tracker of one generation.
pub struct Tracker {
    config: TrackerConfig,
    tracks: Vec<Track>,
    now: Option<EventTime>,
    confirmed: u32,
}

impl Tracker {
    /// A tracker that has seen nothing yet.
    pub fn new(config: TrackerConfig) -> Self {
        Self { config, tracks: Vec::new(), now: None, confirmed: 0 }
    }

    /// Takes in the detections of the next sample. Samples come in order of time; one that does not is
    /// taken as simultaneous with the last.
    pub fn step(&mut self, ts: EventTime, frame: u64, detections: &[Detection]) -> Vec<TrackEvent> {
        let mut events = Vec::new();
        let before = self.now.unwrap_or(ts);
        let now = ts.max(before);
        self.now = Some(now);
        let dt = (now - before).as_secs_f64();
        for track in &mut self.tracks {
            track.shape.predict(dt);
        }
        self.drop_ended(now, &mut events);

        let boxes: Vec<Ltrb> = detections.iter().map(ltrb).collect();
        let usable = |b: &Ltrb| b.iter().all(|v| v.is_finite()) && b[0] < b[2] && b[1] < b[3];
        let threshold = |d: &Detection| self.config.thresholds.get(&d.class).copied().unwrap_or(self.config.threshold);
        let (mut clear, mut faint): (Vec<usize>, Vec<usize>) = (0..boxes.len())
            .filter(|&i| usable(&boxes[i]) && detections[i].score >= self.config.low.min(threshold(&detections[i])))
            .partition(|&i| detections[i].score >= threshold(&detections[i]));

        let mut matched: Vec<Option<usize>> = vec![None; self.tracks.len()];
        let (known, young): (Vec<usize>, Vec<usize>) = (0..self.tracks.len()).partition(|&t| self.tracks[t].number > 0);
        let seen = Samples { detections, boxes: &boxes };
        let misfit = |track: &Track, at: &Ltrb| track.shape.misfit(*at);
        let apart = |track: &Track, at: &Ltrb| 1.0 - iou(&track.shape.bounds(), at).max(iou(&track.last, at));
        self.pair(&known, &mut clear, seen, (WORST_FIT, misfit), &mut matched);
        let recent: Vec<usize> = known
            .into_iter()
            .filter(|&t| matched[t].is_none() && now - self.tracks[t].last_seen <= FAINT_WITHIN)
            .collect();
        self.pair(&recent, &mut faint, seen, (WORST_FAINT_FIT, misfit), &mut matched);
        let astray: Vec<usize> = recent.into_iter().filter(|&t| matched[t].is_none()).collect();
        let near = |d: usize| self.tracks.iter().filter(|t| t.number > 0 && apart(t, &boxes[d]) < 1.0 - NEAR).count();
        let (mut alone, crowded): (Vec<usize>, Vec<usize>) = clear.iter().partition(|&&d| near(d) == 1);
        self.pair(&astray, &mut alone, seen, (1.0 - OWN_PLACE, apart), &mut matched);
        clear = [alone, crowded].concat();
        clear.sort_unstable();
        self.pair(&young, &mut clear, seen, (WORST_YOUNG_FIT, misfit), &mut matched);
        let young: Vec<usize> = young.into_iter().filter(|&t| matched[t].is_none()).collect();
        self.pair(&young, &mut faint, seen, (WORST_FAINT_FIT, misfit), &mut matched);

        for (track, choice) in self.tracks.iter_mut().zip(&matched) {
            let Some(d) = *choice else {
                track.missed += 1;
                continue;
            };
            track.see(ts, frame, &detections[d], &self.config);
            if track.number == 0 && track.detections >= track.confirm {
                self.confirmed += 1;
                track.number = self.confirmed;
            }
            if track.number > 0 {
                let (track, class, held) = (track.number, track.class, std::mem::take(&mut track.held));
                events.extend(held.into_iter().map(|at| TrackEvent::Seen { track, class, at }));
            }
        }
        self.tracks.retain(|t| t.number > 0 || t.missed <= FORGIVEN);
        for d in clear {
            let same = |m: usize| {
                group(detections[m].class) == group(detections[d].class)
                    && (iou(&boxes[m], &boxes[d]) > SAME_THING || inside(&boxes[d], &boxes[m]) > PART_OF)
            };
            let doubtful = |m: usize| {
                group(detections[m].class) == group(detections[d].class) && inside(&boxes[d], &boxes[m]) > DOUBTFUL
            };
            if !matched.iter().flatten().any(|&m| same(m)) {
                let confirm = if matched.iter().flatten().any(|&m| doubtful(m)) { CONFIRM_DOUBTFUL } else { CONFIRM };
                self.tracks.push(Track { confirm, ..Track::new(ts, frame, &detections[d], &self.config) });
            }
        }
        events
    }

    /// Ends every track: the coverage ended.
    pub fn finish(&mut self) -> Vec<TrackEvent> {
        let tracks = std::mem::take(&mut self.tracks);
        tracks.iter().filter(|t| t.number > 0).map(|t| t.ended(TrackEndReason::CoverageEnd)).collect()
    }

    /// Matches `tracks` with the detections in `left` that are of the same class group, and takes those used
    /// out of `left`. A pair whose cost is `worst` or more is no match.
    fn pair(
        &self,
        tracks: &[usize],
        left: &mut Vec<usize>,
        seen: Samples,
        (worst, cost): (f64, impl Fn(&Track, &Ltrb) -> f64),
        matched: &mut [Option<usize>],
    ) {
        if tracks.is_empty() || left.is_empty() {
            return;
        }
        let groups: Vec<Name> = left.iter().map(|&d| group(seen.detections[d].class)).collect();
        let pairs = assign(tracks.len(), left.len(), worst, |t, d| {
            let track = &self.tracks[tracks[t]];
            if track.group == groups[d] { cost(track, &seen.boxes[left[d]]) } else { worst }
        });
        let mut used = vec![false; left.len()];
        for (t, d) in pairs.into_iter().enumerate() {
            if let Some(d) = d {
                matched[tracks[t]] = Some(left[d]);
                used[d] = true;
            }
        }
        let mut used = used.into_iter();
        left.retain(|_| !used.next().unwrap_or(false));
    }

    /// Ends the tracks that were not seen for too long or went out of the picture.
    fn drop_ended(&mut self, now: EventTime, events: &mut Vec<TrackEvent>) {
        let config = &self.config;
        self.tracks.retain(|t| {
            let late = now - t.last_seen > config.lost_after;
            let gone = t.missed > 0 && t.gone(config);
            if (late || gone) && t.number > 0 {
                let reason = if gone || touches_edge(&t.last, config) {
                    TrackEndReason::LeftFrame
                } else {
                    TrackEndReason::Lost
                };
                events.push(t.ended(reason));
            }
            !late && !gone
        });
    }
}

/// The detections of a sample and their boxes.
#[derive(Clone, Copy)]
struct Samples<'a> {
    detections: &'a [Detection],
    boxes: &'a [Ltrb],
}

impl Track {
    fn new(ts: EventTime, frame: u64, detection: &Detection, config: &TrackerConfig) -> Self {
        let seen = ltrb(detection);
        let mut track = Self {
            number: 0,
            class: detection.class,
            group: group(detection.class),
            shape: MovingBox::new(seen),
            last: seen,
            first_seen: ts,
            last_seen: ts,
            last_frame: frame,
            detections: 1,
            confirm: CONFIRM,
            missed: 0,
            held: Vec::new(),
        };
        track.held.push(track.sighting(ts, frame, detection, config));
        track
    }

    fn see(&mut self, ts: EventTime, frame: u64, detection: &Detection, config: &TrackerConfig) {
        self.shape.update(ltrb(detection));
        self.last = self.shape.bounds();
        (self.last_seen, self.last_frame) = (ts, frame);
        self.detections += 1;
        self.missed = 0;
        self.held.push(self.sighting(ts, frame, detection, config));
    }

    fn sighting(&self, ts: EventTime, frame: u64, detection: &Detection, config: &TrackerConfig) -> Sighting {
        let [x0, y0, x1, y1] = self.shape.bounds();
        let within = |v: f64, side: u16| v.clamp(0.0, f64::from(side)) as f32;
        let bounds = PixelBox::from_f32(
            within(x0, config.width),
            within(y0, config.height),
            within(x1, config.width),
            within(y1, config.height),
        );
        Sighting { ts, frame, score: Score::from_f32(detection.score), bounds }
    }

    fn ended(&self, reason: TrackEndReason) -> TrackEvent {
        TrackEvent::Ended {
            track: self.number,
            class: self.class,
            first_seen: self.first_seen,
            last_seen: self.last_seen,
            last_frame: self.last_frame,
            detections: self.detections,
            reason,
        }
    }

    /// Whether it has most likely gone out over the edge that it touched when last seen.
    fn gone(&self, config: &TrackerConfig) -> bool {
        let visible = |b: &Ltrb| {
            let w = b[2].min(f64::from(config.width)) - b[0].max(0.0);
            let h = b[3].min(f64::from(config.height)) - b[1].max(0.0);
            w.max(0.0) * h.max(0.0)
        };
        visible(&self.shape.bounds()) < LEFT_SHARE * visible(&self.last)
    }
}

/// Classes that a detector confuses from one frame to the next are tracked together.
fn group(class: Name) -> Name {
    match class.as_str() {
        "bus" | "truck" => Name::new("car"),
        _ => class,
    }
}

fn ltrb(d: &Detection) -> Ltrb {
    [d.x0.into(), d.y0.into(), d.x1.into(), d.y1.into()]
}

/// Whether a box touches the picture's edge, give or take 1 % of its side.
fn touches_edge(b: &Ltrb, config: &TrackerConfig) -> bool {
    let (w, h) = (f64::from(config.width), f64::from(config.height));
    b[0] <= w * 0.01 || b[1] <= h * 0.01 || b[2] >= w * 0.99 || b[3] >= h * 0.99
}

/// Intersection over union.
fn iou(a: &Ltrb, b: &Ltrb) -> f64 {
    let w = (a[2].min(b[2]) - a[0].max(b[0])).max(0.0);
    let h = (a[3].min(b[3]) - a[1].max(b[1])).max(0.0);
    let area = |r: &Ltrb| (r[2] - r[0]) * (r[3] - r[1]);
    let both = w * h;
    both / (area(a) + area(b) - both).max(f64::MIN_POSITIVE)
}

/// Share of `a` that lies inside `b`.
fn inside(a: &Ltrb, b: &Ltrb) -> f64 {
    let w = (a[2].min(b[2]) - a[0].max(b[0])).max(0.0);
    let h = (a[3].min(b[3]) - a[1].max(b[1])).max(0.0);
    w * h / ((a[2] - a[0]) * (a[3] - a[1])).max(f64::MIN_POSITIVE)
}
