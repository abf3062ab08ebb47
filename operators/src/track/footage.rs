//! Blobs and tracks on the clips of `GEMBA_SHARED`, against their truth. Tests only; frames come from the `ffmpeg`
//! program, so that nothing but the stages is under test.

use super::{TrackStage, judge};
use crate::detect::stage::{DetectStage, Eye, Gate};
use crate::detect::{Detector, DetectorConfig};
use crate::frame::{Frame, FrameMeta, Picture, Wanted};
use crate::motion::Blobs;
use crate::stage::{End, Outlet, Seen, Stage};
use gemba_schemas::fact::{CoverageEnd, Fact};
use gemba_schemas::geometry::Point;
use gemba_schemas::id::{Generation, Name};
use gemba_schemas::site::Model;
use gemba_schemas::time::{EventTime, Micros};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;

/// The folder of shared data.
pub fn shared() -> PathBuf {
    std::env::var_os("GEMBA_SHARED")
        .map_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared").into(), PathBuf::from)
}

/// Every frame of `clip` at 6 fps. `None`, with a word, when the clip or `ffmpeg` is not there.
fn frames(clip: &Path, width: usize, height: usize) -> Option<impl Iterator<Item = Frame> + use<>> {
    if !clip.exists() {
        println!("skipped: no {}", clip.display());
        return None;
    }
    let ffmpeg = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(clip)
        .args(["-vf", "fps=6", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-"])
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut ffmpeg) = ffmpeg else {
        println!("skipped: no ffmpeg");
        return None;
    };
    let mut pipe = ffmpeg.stdout.take().unwrap();
    let mut number = 0;
    Some(std::iter::from_fn(move || {
        let mut y = vec![0; width * height];
        let (mut u, mut v) = (vec![0; width * height / 4], vec![0; width * height / 4]);
        if pipe
            .read_exact(&mut y)
            .and_then(|()| pipe.read_exact(&mut u))
            .and_then(|()| pipe.read_exact(&mut v))
            .is_err()
        {
            let _ = ffmpeg.wait();
            return None;
        }
        let meta = FrameMeta {
            camera: Name::new("c"),
            generation: Generation(0),
            ts: EventTime(number as i64 * 1_000_000 / 6),
            duration: Micros(1_000_000 / 6),
            number,
            file: Name::new("clip"),
            wanted: Wanted { codes: false, motion: true, detect: true },
            corrupt: false,
        };
        number += 1;
        Some(Frame { meta, picture: Rc::new(Picture::Rendered { y, u, v, width, height }) })
    }))
}

/// The stored paths of the tracks that `eye` sees in `frames`.
fn follow(frames: impl Iterator<Item = Frame>, eye: DetectStage) -> BTreeMap<u32, judge::Path> {
    let (mut eye, mut stage) = (eye, TrackStage::new(0.5, Micros::from_secs(3)));
    let mut out = Outlet::default();
    let mut last = EventTime(0);
    let end = |ts| End { camera: Name::new("c"), generation: Generation(0), ts, reason: CoverageEnd::EndOfFootage };
    let mut feed = |item, out: &mut Outlet<Infallible>| {
        let mut seen = Outlet::default();
        eye.step(item, &mut seen);
        assert!(seen.facts.is_empty(), "{:?}", seen.facts);
        seen.items.into_iter().for_each(|item| stage.step(item, out));
    };
    for frame in frames {
        last = frame.meta.ts;
        feed(Seen::Item(frame), &mut out);
    }
    feed(Seen::End(end(last)), &mut out);
    let mut tracks: BTreeMap<u32, judge::Path> = BTreeMap::new();
    for fact in out.facts {
        if let Fact::TrackPoint(p) = fact {
            tracks.entry(p.track).or_default().push(judge::foot(&p));
        }
    }
    tracks
}

/// The visits of all tracks to a polygon, s.
fn visits(tracks: &BTreeMap<u32, judge::Path>, polygon: &[Point]) -> Vec<(f64, f64)> {
    let all = tracks.values().flat_map(|path| judge::visits(path, polygon));
    all.map(|(a, b)| (a.0 as f64 / 1e6, b.0 as f64 / 1e6)).collect()
}

fn json(path: &Path) -> serde_json::Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn points(list: &serde_json::Value, width: f64, height: f64) -> Vec<Point> {
    let at = |p: &serde_json::Value| Point::from_f64(p[0].as_f64().unwrap() / width, p[1].as_f64().unwrap() / height);
    list.as_array().unwrap().iter().map(at).collect()
}

/// How many of the true intervals have one of `found` with both edges within `tolerance`, each used once.
fn agree(truth: &[(f64, f64)], found: &[(f64, f64)], tolerance: f64) -> usize {
    let fits = |t: &(f64, f64), f: &(f64, f64)| (t.0 - f.0).abs() <= tolerance && (t.1 - f.1).abs() <= tolerance;
    let pairs =
        super::assign::assign(truth.len(), found.len(), 1.0, |t, f| if fits(&truth[t], &found[f]) { 0.0 } else { 1.0 });
    pairs.iter().flatten().count()
}

#[test]
fn golden_floor_by_motion() {
    let clips = shared().join("data/clips");
    let Some(frames) = frames(&clips.join("floor-7.mp4"), 1280, 720) else { return };
    let truth = json(&clips.join("floor-7.json"));
    let tracks = follow(frames, DetectStage::new(Some(blobs())));

    let (mut right, mut all) = (0, 0);
    for (zone, polygon) in truth["zones"].as_object().unwrap() {
        let found = visits(&tracks, &points(polygon, 1280.0, 720.0));
        let stays = truth["visits"].as_array().unwrap().iter().filter(|v| v["zone"] == zone.as_str());
        let stays: Vec<(f64, f64)> =
            stays.map(|v| (v["enter_s"].as_f64().unwrap(), v["leave_s"].as_f64().unwrap())).collect();
        let agreed = agree(&stays, &found, 1.0);
        println!("{zone}: {agreed} of {} visits; found {found:.1?}", stays.len());
        (right, all) = (right + agreed, all + stays.len());
    }
    let line = points(&truth["line"]["points"], 1280.0, 720.0);
    let mut found: Vec<(f64, bool)> = tracks
        .values()
        .flat_map(|path| judge::crossings(path, line[0], line[1], 1280.0 / 720.0))
        .map(|(ts, side)| (ts.0 as f64 / 1e6, side))
        .collect();
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    println!("crossings {found:.2?}");
    let events = truth["crossings"].as_array().unwrap();
    for direction in ["in", "out"] {
        let pick = |e: &&serde_json::Value| e["direction"] == direction;
        let expected: Vec<(f64, f64)> =
            events.iter().filter(pick).map(|e| e["t_s"].as_f64().unwrap()).map(|t| (t, t)).collect();
        // The inside is the right side of the picture; the line runs upwards, so that is to its right.
        let got: Vec<(f64, f64)> = found.iter().filter(|f| f.1 == (direction == "in")).map(|f| (f.0, f.0)).collect();
        assert_eq!(got.len(), expected.len(), "{direction}");
        assert_eq!(agree(&expected, &got, 1.0), expected.len(), "{direction}");
    }
    assert!(right >= 9, "{right} of {all} visits");
}

/// The floor on which everybody stands and walks off, as fractions: it begins above the bottom edge, over which
/// everybody comes in, and ends at the right edge, over which everybody leaves.
const TABLE: [[f64; 2]; 4] = [[0.25, 0.60], [1.01, 0.60], [1.01, 1.01], [0.25, 1.01]];

fn blobs() -> Eye {
    Eye::Blobs(Blobs::new(Name::new("person"), None))
}

fn network(model: &str) -> Eye {
    let model = Model { name: "m".into(), path: shared().join(model), sha256: None, family: None, classes: None };
    let config = DetectorConfig {
        model,
        classes: vec!["person".into()],
        threshold: 0.5,
        thresholds: BTreeMap::new(),
        low_threshold: 0.1,
        area: None,
    };
    Eye::Network(Detector::open(&config).unwrap())
}

/// Exactly the six visits of the person clip, edges within 1.5 s.
fn check_person(eye: impl FnOnce() -> DetectStage) {
    let clips = shared().join("data/clips");
    let Some(frames) = frames(&clips.join("one-by-one-person-detection.mp4"), 768, 432) else { return };
    let tracks = follow(frames, eye());
    let truth = json(&clips.join("truth.json"));
    let stays = truth["one-by-one-person-detection.mp4"]["visits_s"].as_array().unwrap();
    let stays: Vec<(f64, f64)> = stays.iter().map(|v| (v[0].as_f64().unwrap(), v[1].as_f64().unwrap())).collect();
    let mut found = visits(&tracks, &TABLE.map(|[x, y]| Point::from_f64(x, y)));
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    println!("visits {found:.1?}");
    assert_eq!(found.len(), stays.len());
    assert_eq!(agree(&stays, &found, 1.5), stays.len());
}

#[test]
fn golden_person_by_motion() {
    check_person(|| DetectStage::new(Some(blobs())));
}

#[test]
fn golden_person_by_fastestdet() {
    check_person(|| DetectStage::new(Some(network("data/models/fastestdet/FastestDet.onnx"))));
}

#[test]
fn golden_person_by_fastestdet_gated() {
    let gate = Gate { heartbeat: Micros::from_secs(1) };
    let eye = || DetectStage::new(Some(network("data/models/fastestdet/FastestDet.onnx")));
    check_person(|| eye().gated(gate, [0.0, 0.0, 1.0, 1.0]));
}

#[test]
fn golden_person_by_yolox() {
    check_person(|| DetectStage::new(Some(network("data/models/yolox-nano/yolox_nano.onnx"))));
}
