//! Presentation order from packets in decoding order: when each frame is shown, for how long, as which number,
//! in which generation.
//!
//! In: the presentation time of each packet in decoding order, with the time before which nothing can follow
//! any more (its DTS). Out: a [`Place`] for each. A frame is placed once the frame after it is known, so its
//! length is the exact distance to the next one and the frames of a generation partition its time. With a valid
//! DTS this takes as many packets as the stream reorders; without, [`LOOKAHEAD`].
//!
//! Invariants: places are given in rising order of time; a gap of more than [`BRIDGE`] beyond the usual spacing
//! starts a new generation at the later frame; numbers rise by one within a file.
//! State: the packets not yet placed, at most [`LOOKAHEAD`].

use gemba_schemas::id::Generation;
use gemba_schemas::time::{EventTime, Micros};
use std::collections::BTreeMap;

/// The longest pause that a generation bridges, within a file and between files.
pub const BRIDGE: Micros = Micros::from_secs(2);

/// Packets that may wait for their successor in presentation order. H.264 and HEVC reorder by at most 16 frames.
const LOOKAHEAD: usize = 32;

/// Where a frame stands in presentation order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its generation; the generation starts at this event time.
    pub generation: Generation,
    /// Event time of presentation.
    pub ts: EventTime,
    /// How long it is shown: until the next frame, if that follows without a gap.
    pub duration: Micros,
    /// Number within its file, in order of presentation, from 0.
    pub number: u64,
}

/// The order of presentation of one plan.
#[derive(Debug)]
pub(super) struct Timeline {
    generation: Generation,
    /// Event time (µs) → length that the container declares, 0 if none; not yet placed.
    waiting: BTreeMap<i64, i64>,
    /// Placed, not yet taken.
    placed: BTreeMap<i64, Place>,
    last: Option<Place>,
    number: u64,
    /// No frame before this can still arrive.
    floor: i64,
    /// Usual distance of frames in µs: the last one seen, at first the one that the container announces.
    spacing: i64,
    /// The container's announced distance in µs.
    nominal: i64,
    /// Whether declared lengths are meant to be shown (GIF) rather than derived from the next frame's time (MP4).
    declared: bool,
}

impl Timeline {
    /// An empty one; the first frame belongs to `generation`.
    pub(super) fn new(generation: Generation) -> Self {
        Self {
            generation,
            waiting: BTreeMap::new(),
            placed: BTreeMap::new(),
            last: None,
            number: 0,
            floor: i64::MIN,
            spacing: 0,
            nominal: 0,
            declared: false,
        }
    }

    /// A new file, or new footage after a break in its clock: everything before has been placed.
    pub(super) fn restart(&mut self, nominal: Micros, declared: bool) {
        self.place_all();
        self.floor = i64::MIN;
        self.nominal = nominal.0.clamp(1_000, 10_000_000);
        self.spacing = self.nominal;
        self.declared = declared;
    }

    /// The next frames are numbered from 0 again.
    pub(super) fn new_file(&mut self) {
        self.number = 0;
    }

    /// End of the last placed frame's display.
    pub(super) fn end(&self) -> Option<EventTime> {
        self.last.map(|p| p.ts + p.duration)
    }

    /// The generation of the last placed frame.
    pub(super) fn generation(&self) -> Generation {
        self.generation
    }

    /// Number of frames placed in this file.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Time of the last placed frame.
    pub(super) fn last(&self) -> Option<EventTime> {
        self.last.map(|p| p.ts)
    }

    /// Takes in a frame; `floor` is the event time before which no later packet is shown, if that is known. Gives
    /// the time under which it is kept (two frames of one instant are told apart by 1 µs), or `None` if
    /// frames after it were placed already.
    pub(super) fn add(&mut self, ts: EventTime, length: Micros, floor: Option<EventTime>) -> Option<EventTime> {
        let mut ts = ts.0;
        while self.waiting.contains_key(&ts) {
            ts += 1;
        }
        let fresh = self.last.is_none_or(|last| last.ts.0 < ts);
        if fresh {
            self.waiting.insert(ts, length.0.max(0));
        }
        self.floor = self.floor.max(floor.map_or(i64::MIN, |f| f.0));
        while let Some((&next, _)) = self.waiting.iter().nth(1) {
            if next > self.floor && self.waiting.len() <= LOOKAHEAD {
                break;
            }
            self.place_first(Some(next));
        }
        fresh.then_some(EventTime(ts))
    }

    /// Places what waits: nothing follows.
    pub(super) fn place_all(&mut self) {
        while !self.waiting.is_empty() {
            let next = self.waiting.keys().nth(1).copied();
            self.place_first(next);
        }
    }

    /// The place of the frame kept under `ts`, once it is known.
    pub(super) fn take(&mut self, ts: EventTime) -> Option<Place> {
        self.placed.remove(&ts.0)
    }

    /// Every frame before this was taken.
    pub(super) fn settled(&self) -> EventTime {
        let placed = self.placed.keys().next().copied();
        EventTime(placed.unwrap_or_else(|| self.last.map_or(i64::MIN, |p| p.ts.0 + 1)))
    }

    fn place_first(&mut self, next: Option<i64>) {
        let Some((ts, length)) = self.waiting.pop_first() else { return };
        let usual = if self.declared && length > 0 { length } else { self.spacing };
        let limit = BRIDGE.0 + usual.max(self.nominal);
        let duration = match next {
            Some(next) if next - ts <= limit => next - ts,
            None if (1..=limit).contains(&length) => length,
            _ => usual,
        };
        if next.is_some() {
            self.spacing = duration;
        }
        if self.end().is_some_and(|end| EventTime(ts) - end > BRIDGE) {
            self.generation = Generation(ts);
        }
        let place =
            Place { generation: self.generation, ts: EventTime(ts), duration: Micros(duration), number: self.number };
        self.number += 1;
        self.last = Some(place);
        self.placed.insert(ts, place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(packets: &[(i64, Option<i64>)]) -> Vec<Place> {
        let mut line = Timeline::new(Generation(0));
        line.restart(Micros(40), false);
        line.nominal = 40;
        line.spacing = 40;
        let kept: Vec<_> =
            packets.iter().filter_map(|&(ts, dts)| line.add(EventTime(ts), Micros(0), dts.map(EventTime))).collect();
        line.place_all();
        let mut places: Vec<Place> = kept.into_iter().filter_map(|ts| line.take(ts)).collect();
        places.sort_by_key(|p| p.ts);
        places
    }

    #[test]
    fn reordered_frames_are_numbered_and_measured_as_shown() {
        let dts = |i: i64| Some(i * 40 - 80);
        let decoding = [0, 160, 80, 40, 120, 320, 240, 200, 280];
        let packets: Vec<_> = decoding.iter().zip(0..).map(|(&ts, i)| (ts, dts(i))).collect();
        let places = run(&packets);
        let shown: Vec<_> = places.iter().map(|p| (p.number, p.ts.0, p.duration.0)).collect();
        assert_eq!(shown, (0..9).map(|i| (i as u64, i * 40, 40)).collect::<Vec<_>>());
        let without: Vec<_> = packets.iter().map(|&(ts, _)| (ts, None)).collect();
        assert_eq!(run(&without), places, "the same without DTS, only later");
    }

    #[test]
    fn a_jump_starts_a_generation_and_keeps_the_length_before_it() {
        let far = 900_000_000;
        let places = run(&[(0, Some(0)), (40, Some(40)), (far, Some(far)), (far + 40, Some(far + 40))]);
        assert_eq!(places.iter().map(|p| p.generation.0).collect::<Vec<_>>(), [0, 0, far, far]);
        assert_eq!(places[1].duration, Micros(40));
        assert_eq!(places[3].number, 3);
    }

    #[test]
    fn a_pause_is_bridged() {
        let places = run(&[(0, Some(0)), (1_900_000, Some(1_900_000))]);
        assert_eq!((places[0].duration.0, places[1].generation.0), (1_900_000, 0));
    }

    #[test]
    fn what_comes_too_late_is_refused_and_equal_times_are_told_apart() {
        let places = run(&[(0, Some(0)), (40, Some(40)), (80, Some(80)), (10, Some(90)), (80, Some(80))]);
        assert_eq!(places.iter().map(|p| p.ts.0).collect::<Vec<_>>(), [0, 40, 80, 81]);
    }
}
