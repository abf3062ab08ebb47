//! The tracker on simulated sequences with known truth: identities kept, and line counts.

use super::kalman::Ltrb;
use super::score::{Boxes, compare};
use super::tracker::{TrackEvent, Tracker, TrackerConfig};
use crate::detect::Detection;
use gemba_schemas::id::Name;
use gemba_schemas::time::{EventTime, Micros};
use std::collections::BTreeMap;
use std::path::PathBuf;

fn shared() -> PathBuf {
    std::env::var_os("GEMBA_SHARED")
        .map_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared").into(), PathBuf::from)
}

struct Sequence {
    truth: Boxes,
    seen: BTreeMap<u64, Vec<Detection>>,
    frames: u64,
    line: f64,
    events: Vec<(u64, bool)>,
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
        let class = Name::new("person");
        seen.entry(r[0] as u64).or_default().push(Detection {
            class,
            score: r[6] as f32,
            x0: r[2] as f32,
            y0: r[3] as f32,
            x1: (r[2] + r[4]) as f32,
            y1: (r[3] + r[5]) as f32,
        });
    }
    let events =
        json["line"]["events"].as_array().unwrap().iter().map(|e| (e[0].as_u64().unwrap(), e[2] == "down")).collect();
    Some(Sequence {
        truth,
        seen,
        frames: json["frames"].as_u64().unwrap(),
        line: json["line"]["y"].as_f64().unwrap(),
        events,
    })
}

/// Crossings of a horizontal line with hysteresis: settled (300 ms) beyond a band of 1 % of the height on both sides.
fn crossings(tracks: &BTreeMap<u32, Vec<(u64, f64)>>, line: f64) -> Vec<(u64, bool)> {
    let band = 7.2;
    let mut out = Vec::new();
    for points in tracks.values() {
        let (mut settled, mut run): (Option<bool>, Option<(bool, u64)>) = (None, None);
        for &(frame, y) in points {
            if (y - line).abs() <= band {
                continue;
            }
            let below = y > line;
            let since = match run {
                Some((side, since)) if side == below => since,
                _ => {
                    run = Some((below, frame));
                    frame
                }
            };
            if (frame - since) as f64 / 25.0 >= 0.3 {
                if settled.is_some_and(|s| s != below) {
                    out.push((since, below));
                }
                settled = Some(below);
            }
        }
    }
    out.sort_unstable();
    out
}

/// Found and true events that have no partner of the same direction within two seconds.
fn errors(truth: &[(u64, bool)], found: &[(u64, bool)]) -> usize {
    let pairs = super::assign::assign(truth.len(), found.len(), 50.0, |t, f| {
        if truth[t].1 == found[f].1 { truth[t].0.abs_diff(found[f].0) as f64 } else { 50.0 }
    });
    let hits = pairs.iter().flatten().count();
    truth.len() + found.len() - 2 * hits
}

#[test]
fn golden_simulated_sequences() {
    let mut sums = BTreeMap::new();
    for name in ["sim-people-3", "sim-people-8", "sim-people-16", "sim-cars-3"] {
        let Some(s) = load(name) else { return };
        for every in [1u64, 4] {
            let mut tracker = Tracker::new(TrackerConfig {
                thresholds: BTreeMap::new(),
                threshold: 0.5,
                low: 0.1,
                lost_after: Micros::from_secs(3),
                width: 1280,
                height: 720,
            });
            let (mut found, mut feet) = (Boxes::new(), BTreeMap::<u32, Vec<(u64, f64)>>::new());
            let mut all = Vec::new();
            let clock = std::time::Instant::now();
            let steps = (1..=s.frames).filter(|f| (f - 1) % every == 0);
            let mut n = 0;
            for frame in steps {
                n += 1;
                let empty = Vec::new();
                let seen = s.seen.get(&frame).unwrap_or(&empty);
                all.extend(tracker.step(EventTime(frame as i64 * 40_000), frame, seen));
            }
            let took = clock.elapsed().as_secs_f64() / n as f64;
            for e in all {
                if let TrackEvent::Seen { track, at, .. } = e {
                    let b = at.bounds;
                    let b: Ltrb = [b.x0, b.y0, b.x1, b.y1].map(|v| f64::from(v) / 16.0);
                    found.entry(at.frame).or_default().push((track, b));
                    feet.entry(track).or_default().push((at.frame, b[3]));
                }
            }
            let truth: Boxes =
                s.truth.iter().filter(|(f, _)| (*f - 1) % every == 0).map(|(f, b)| (*f, b.clone())).collect();
            let mut true_feet = BTreeMap::<u32, Vec<(u64, f64)>>::new();
            for (f, bs) in &truth {
                for (id, b) in bs {
                    true_feet.entry(*id).or_default().push((*f, b[3]));
                }
            }
            let r = compare(&truth, &found);
            let c = crossings(&feet, s.line);
            let floor = errors(&s.events, &crossings(&true_feet, s.line));
            let e = errors(&s.events, &c);
            let net = |v: &[(u64, bool)], d| v.iter().filter(|x| x.1 == d).count() as i64;
            let counts = (net(&c, true) - net(&s.events, true)).abs() + (net(&c, false) - net(&s.events, false)).abs();
            println!(
                "{name} 1/{every}: IDF1 {:.2} MOTA {:.2} sw {} missed {} false {} of {} tracks {} | line errors {e} (count diff {counts}) of {} floor {floor} | {:.1} µs",
                r.idf1 * 100.0,
                r.mota * 100.0,
                r.switches,
                r.missed,
                r.false_boxes,
                r.truth,
                feet.len(),
                s.events.len(),
                took * 1e6
            );
            if name.contains("people") {
                let sum: &mut (f64, usize, usize, i64) = sums.entry(every).or_default();
                sum.0 += r.idf1 / 3.0;
                sum.1 += e;
                sum.2 += s.events.len();
                sum.3 += counts;
            }
        }
    }
    println!("{sums:?}");
}
