//! The tracker on simulated sequences with known truth: identities kept, and line counts. Tests only.

use super::footage::shared;
use super::judge::{self, crossings};
use super::kalman::Ltrb;
use super::score::{Boxes, compare};
use super::tracker::{TrackEvent, Tracker, TrackerConfig};
use crate::detect::Detection;
use gemba_schemas::geometry::{PixelBox, Point};
use gemba_schemas::id::Name;
use gemba_schemas::time::{EventTime, Micros};
use std::collections::BTreeMap;
use std::path::PathBuf;

pub const SIZE: (u16, u16) = (1280, 720);
const FRAME: i64 = 40_000;

pub struct Sequence {
    pub truth: Boxes,
    pub seen: BTreeMap<u64, Vec<Detection>>,
    pub frames: u64,
    pub line: f64,
    /// Frame, and whether downwards.
    pub events: Vec<(u64, bool)>,
}

fn table(path: PathBuf) -> Vec<Vec<f64>> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|l| l.split(',').map(|v| v.trim().parse().unwrap()).collect()).collect()
}

fn load(name: &str) -> Option<Sequence> {
    let dir = shared().join("data/track").join(name);
    if !dir.exists() {
        println!("skipped: no {}", dir.display());
        return None;
    }
    let json: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(dir.join("seq.json")).unwrap()).unwrap();
    let mut truth = Boxes::new();
    for r in table(dir.join("gt.txt")) {
        truth.entry(r[0] as u64).or_default().push((r[1] as u32, [r[2], r[3], r[2] + r[4], r[3] + r[5]]));
    }
    let mut seen: BTreeMap<u64, Vec<Detection>> = BTreeMap::new();
    for r in table(dir.join("det.txt")) {
        let (x0, y0, w, h) = (r[2] as f32, r[3] as f32, r[4] as f32, r[5] as f32);
        let d = Detection { class: Name::new("person"), score: r[6] as f32, x0, y0, x1: x0 + w, y1: y0 + h };
        seen.entry(r[0] as u64).or_default().push(d);
    }
    let events = json["line"]["events"].as_array().unwrap();
    let events = events.iter().map(|e| (e[0].as_u64().unwrap(), e[2] == "down")).collect();
    let (frames, line) = (json["frames"].as_u64().unwrap(), json["line"]["y"].as_f64().unwrap());
    Some(Sequence { truth, seen, frames, line, events })
}

/// Crossings of the sequence's line by foot points of boxes, as (frame, downwards).
pub fn line_events(boxes: &Boxes, line: f64) -> Vec<(u64, bool)> {
    let mut paths: BTreeMap<u32, judge::Path> = BTreeMap::new();
    for (frame, boxes) in boxes {
        for (id, b) in boxes {
            let bounds = PixelBox::from_f32(b[0] as f32, b[1] as f32, b[2] as f32, b[3] as f32);
            let at = judge::foot_of(EventTime(*frame as i64 * FRAME), bounds, SIZE.0, SIZE.1);
            paths.entry(*id).or_default().push(at);
        }
    }
    let y = line / f64::from(SIZE.1);
    // Looking to the right, the right-hand side is below.
    let (a, b) = (Point::from_f64(0.0, y), Point::from_f64(1.0, y));
    let all = paths.values().flat_map(|p| crossings(p, a, b, 1280.0 / 720.0));
    all.map(|(ts, down)| ((ts.0 / FRAME) as u64, down)).collect()
}

/// Events of either list without a partner of the same direction within two seconds.
fn unpaired(truth: &[(u64, bool)], found: &[(u64, bool)]) -> usize {
    let cost = |t: usize, f: usize| {
        if truth[t].1 == found[f].1 { truth[t].0.abs_diff(found[f].0) as f64 } else { f64::INFINITY }
    };
    let pairs = super::assign::assign(truth.len(), found.len(), 50.0, cost);
    truth.len() + found.len() - 2 * pairs.iter().flatten().count()
}

/// Difference of the counts in each direction.
pub fn miscount(truth: &[(u64, bool)], found: &[(u64, bool)]) -> usize {
    let count = |events: &[(u64, bool)], down| events.iter().filter(|e| e.1 == down).count();
    [true, false].into_iter().map(|down| count(truth, down).abs_diff(count(found, down))).sum()
}

/// What the tracker gives on every `every`-th frame, beginning with `first`.
pub fn track(s: &Sequence, every: u64, first: u64) -> Boxes {
    let mut tracker = Tracker::new(TrackerConfig {
        threshold: 0.5,
        thresholds: BTreeMap::new(),
        low: 0.1,
        lost_after: Micros::from_secs(3),
        width: SIZE.0,
        height: SIZE.1,
    });
    let mut found = Boxes::new();
    for frame in (first..=s.frames).step_by(every as usize) {
        let seen = s.seen.get(&frame).map_or(&[][..], Vec::as_slice);
        for event in tracker.step(EventTime(frame as i64 * FRAME), frame, seen) {
            if let TrackEvent::Seen { track, at, .. } = event {
                let b = at.bounds;
                let b: Ltrb = [b.x0, b.y0, b.x1, b.y1].map(|v| f64::from(v) / 16.0);
                found.entry(at.frame).or_default().push((track, b));
            }
        }
    }
    found
}

#[test]
fn golden_simulated_sequences() {
    for every in [1, 4] {
        let (mut idf1, mut runs) = (0.0, 0.0);
        let (mut wrong, mut counts, mut own, mut all) = (0, 0, 0, 0);
        for name in ["sim-people-3", "sim-people-8", "sim-people-16", "sim-cars-3"] {
            let Some(s) = load(name) else { return };
            for first in 1..=every {
                let found = track(&s, every, first);
                let truth: Boxes = s.truth.clone().into_iter().filter(|(f, _)| f % every == first % every).collect();
                let r = compare(&truth, &found);
                let (by_rule, lines) = (line_events(&truth, s.line), line_events(&found, s.line));
                let (bad, miscounted) = (unpaired(&s.events, &lines), miscount(&s.events, &lines));
                println!(
                    "{name} every {every} from {first}: IDF1 {:.2} MOTA {:.2}, {} switches, {} missed, {} false of {}; \
                     line: {bad} of {} wrong, counts off by {miscounted}; the rule on true paths: {} wrong",
                    r.idf1 * 100.0,
                    r.mota * 100.0,
                    r.switches,
                    r.missed,
                    r.false_boxes,
                    r.truth,
                    s.events.len(),
                    unpaired(&s.events, &by_rule),
                );
                if name.contains("people") {
                    (idf1, runs) = (idf1 + r.idf1, runs + 1.0);
                    (wrong, counts, all) = (wrong + bad, counts + miscounted, all + s.events.len());
                    own += unpaired(&by_rule, &lines);
                }
            }
        }
        let mean = idf1 / runs * 100.0;
        println!(
            "people, every {every}: mean IDF1 {mean:.2}; line events wrong {wrong} of {all}, counts off by {counts}, \
             against the same rule on true paths {own}"
        );
        assert!(mean >= if every == 1 { 92.0 } else { 91.0 }, "IDF1 {mean}");
        assert!(counts * 50 <= all, "counts off by {counts} of {all}");
        assert!(wrong * if every == 1 { 50 } else { 17 } <= all, "{wrong} of {all} events wrong");
    }
}

/// `cargo test --release … -- --ignored --nocapture`: time a frame.
#[test]
#[ignore = "measures"]
fn time_a_frame() {
    for name in ["sim-people-3", "sim-people-8", "sim-people-16"] {
        let Some(s) = load(name) else { return };
        for every in [1, 4] {
            let before = judge::cpu();
            for _ in 0..10 {
                track(&s, every, 1);
            }
            println!(
                "{name} every {every}: {:.1?} CPU a frame",
                (judge::cpu() - before) / (10 * (s.frames / every)) as u32
            );
        }
    }
}
