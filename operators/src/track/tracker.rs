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
//!   until then is given out with its own time; a track that is never confirmed is never heard of. It takes part in the
//!   matching of clear detections under a handicap: who comes out from behind another is not taken for that one;
//! - a thing that starts, stops or turns leaves its filter behind but hardly its own place: clear detections
//!   that fit no filter are matched again by overlap, where no other track is near, and before the faint ones: those are
//!   mostly parts of the same thing, and a track that took one would lose the whole;
//! - who is hidden by a nearer one is missed for longer ([`super::life`]);
//! - a box that lies inside one that was matched begins no track: it is a part of that thing; one that begins
//!   partly inside is confirmed by its sixth detection only;
//! - a track that leaves over the picture's edge ends there, so the next one to come in is not taken for it.
//!
//! State: the live tracks, a few hundred bytes each. Invariants: a detection updates at most one track; tracks are
//! numbered from 1 in order of confirmation; nothing depends on anything but the sequence of steps.

use super::assign::assign;
use super::kalman::Ltrb;
use super::life::{CONFIRM, Track, group, ltrb};
use super::overlap::{inside, iou, touches_edge};
use crate::detect::Detection;
use gemba_schemas::fact::TrackEndReason;
use gemba_schemas::geometry::PixelBox;
use gemba_schemas::id::Name;
use gemba_schemas::score::Score;
use gemba_schemas::time::{EventTime, Micros};
use std::collections::BTreeMap;

/// Detections that confirm a track that began over another one's box: a detector that sees half a thing as a thing of
/// its own does so for a few samples only.
const CONFIRM_DOUBTFUL: u32 = 6;
/// Samples in a row that a track may miss before it is confirmed.
const FORGIVEN: u32 = 2;
/// Worst fit at which a clear detection may still continue a confirmed track ([`super::kalman::MovingBox::misfit`]).
const WORST_FIT: f64 = 22.0;
/// The same for a track not yet confirmed, whose velocity is still unknown, once the confirmed ones have chosen.
const WORST_YOUNG_FIT: f64 = 26.0;
/// How much better a detection must fit a track that is not yet confirmed than a confirmed one, to become its own.
const YOUNG_HANDICAP: f64 = 3.0;
/// The same for faint detections.
const WORST_FAINT_FIT: f64 = 16.0;
/// How long after it was last seen a track is still continued by faint detections.
const FAINT_WITHIN: Micros = Micros::from_secs(2);
/// The same for clear detections that its filter did not expect there.
const ASTRAY_WITHIN: Micros = Micros::from_secs(1);
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

/// What a tracker needs to know.
#[derive(Clone, Debug)]
pub struct TrackerConfig {
    /// Score from which a detection is clear: it may begin a track. 0–1.
    pub threshold: f32,
    /// The same for single classes, over `threshold`.
    pub thresholds: BTreeMap<Name, f32>,
    /// Score from which a detection may continue a track. 0–1.
    pub low: f32,
    /// How long a track that is not seen is kept, not counting the time in which it is hidden by a nearer thing; three
    /// times as long at most.
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
        let dt = now - before;
        let size = (self.config.width, self.config.height);
        for track in &mut self.tracks {
            let clipped = touches_edge(&track.last, size) || touches_edge(&track.shape.bounds(), size);
            track.shape.predict(dt.as_secs_f64(), clipped);
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
        let all: Vec<usize> = (0..self.tracks.len()).collect();
        let handicap = |track: &Track| if track.number > 0 { 0.0 } else { YOUNG_HANDICAP };
        let first = |track: &Track, at: &Ltrb| misfit(track, at) + handicap(track);
        self.pair(&all, &mut clear, seen, (WORST_FIT, first), &mut matched);
        let unseen = |tracks: &[usize], matched: &[Option<usize>], within: Micros| -> Vec<usize> {
            let kept = |&t: &usize| matched[t].is_none() && now - self.tracks[t].last_seen <= within;
            tracks.iter().copied().filter(kept).collect()
        };
        let astray = unseen(&known, &matched, ASTRAY_WITHIN);
        let near = |d: usize| self.tracks.iter().filter(|t| t.number > 0 && apart(t, &boxes[d]) < 1.0 - NEAR).count();
        let (mut alone, crowded): (Vec<usize>, Vec<usize>) = clear.iter().partition(|&&d| near(d) == 1);
        self.pair(&astray, &mut alone, seen, (1.0 - OWN_PLACE, apart), &mut matched);
        clear = [alone, crowded].concat();
        clear.sort_unstable();
        let recent = unseen(&known, &matched, FAINT_WITHIN);
        self.pair(&recent, &mut faint, seen, (WORST_FAINT_FIT, misfit), &mut matched);
        let young: Vec<usize> = young.into_iter().filter(|&t| matched[t].is_none()).collect();
        self.pair(&young, &mut clear, seen, (WORST_YOUNG_FIT, misfit), &mut matched);
        let young: Vec<usize> = young.into_iter().filter(|&t| matched[t].is_none()).collect();
        self.pair(&young, &mut faint, seen, (WORST_FAINT_FIT, misfit), &mut matched);

        for (track, choice) in self.tracks.iter_mut().zip(&matched) {
            let Some(d) = *choice else { continue };
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
        let in_view = |(t, choice): (&Track, &Option<usize>)| (choice.is_some() && t.number > 0).then_some(t.last);
        let in_view: Vec<Ltrb> = self.tracks.iter().zip(&matched).filter_map(in_view).collect();
        for (track, _) in self.tracks.iter_mut().zip(&matched).filter(|(_, choice)| choice.is_none()) {
            track.miss(dt, &in_view);
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
        self.tracks.retain(|t| match t.end(now, config) {
            None => true,
            Some(reason) => {
                events.extend((t.number > 0).then(|| t.ended(reason)));
                false
            }
        });
    }
}

/// The detections of a sample and their boxes.
#[derive(Clone, Copy)]
struct Samples<'a> {
    detections: &'a [Detection],
    boxes: &'a [Ltrb],
}
