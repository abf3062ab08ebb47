//! The same for what cameras see; their facts are written into the journal, as a run does. Times are seconds after midnight;
//! a fact is called by when it began.

use super::{Kinds, SITE, at, expected, facts, listed, post};
use crate::command::{interrupt, write};
use crate::keep::serving;
use gemba_schemas::fact::{
    Attempt, Clock, CodeMiss, CodeRead, Coverage, CoverageEnd, Decoder, Fact, MotionSpan, TrackEnd, TrackEndReason,
    TrackPoint,
};
use gemba_schemas::geometry::Quad;
use gemba_schemas::id::{FactId, Generation, Name};
use gemba_schemas::score::Score;
use gemba_schemas::time::{EventTime, Micros};
use gemba_sinks::{Entry, Journal};
use serde_json::{Value, json};
use std::path::Path;

fn ts(second: i64) -> EventTime {
    EventTime::parse(&at(second)).expect("an instant")
}

/// What one generation of a camera saw.
struct Seen {
    camera: Name,
    generation: Generation,
    facts: Vec<Fact>,
}

impl Seen {
    fn new(camera: &str, began: i64) -> Self {
        Self { camera: camera.into(), generation: Generation(ts(began).0), facts: Vec::new() }
    }

    fn id(&self, kind: &str) -> FactId {
        FactId::of(kind, self.camera, self.generation, &[&self.facts.len().to_le_bytes()])
    }

    fn frame(&self, second: i64) -> u64 {
        ((ts(second).0 - self.generation.0) / 40_000) as u64
    }

    fn coverage(&mut self, from: i64, to: i64, end_reason: CoverageEnd) {
        self.facts.push(Fact::from(Coverage {
            id: self.id("coverage"),
            camera: self.camera,
            generation: self.generation,
            segment: self.facts.len() as u32,
            started: ts(from),
            ended: ts(to),
            first_frame: self.frame(from),
            last_frame: self.frame(to),
            width: 1000,
            height: 1000,
            frames_seen: 25,
            frames_decoded: 25,
            frames_skipped: 0,
            frames_corrupt: 0,
            file: "seen.mp4".into(),
            clock: Clock::Start,
            end_reason,
            footage: "seen".into(),
            vision: "seen".into(),
        }));
    }

    fn read(&mut self, area: &str, text: &str, first: i64, last: i64) {
        self.facts.push(Fact::from(CodeRead {
            id: self.id("code_read"),
            camera: self.camera,
            generation: self.generation,
            area: area.into(),
            text: text.into(),
            payload: text.into(),
            first_seen: ts(first),
            last_seen: ts(last),
            sightings: 50,
            first_frame: self.frame(first),
            last_frame: self.frame(last),
            corners: Quad([0, 0, 50, 0, 50, 50, 0, 50]),
            area_px: 2500,
            decoder: Decoder::Zxing,
            attempt: Attempt::Plain,
        }));
    }

    fn miss(&mut self, first: i64, last: i64) {
        self.facts.push(Fact::from(CodeMiss {
            id: self.id("code_miss"),
            camera: self.camera,
            generation: self.generation,
            area: "frame".into(),
            first_seen: ts(first),
            last_seen: ts(last),
            sightings: 5,
            first_frame: self.frame(first),
            last_frame: self.frame(last),
            corners: Quad([0, 0, 50, 0, 50, 50, 0, 50]),
            area_px: 2500,
        }));
    }

    fn motion(&mut self, area: &str, first: i64, last: i64) {
        self.facts.push(Fact::from(MotionSpan {
            id: self.id("motion_span"),
            camera: self.camera,
            generation: self.generation,
            area: area.into(),
            started: ts(first),
            ended: ts(last),
            first_frame: self.frame(first),
            last_frame: self.frame(last),
            offsets_ms: (0..=last - first).map(|second| second as u32 * 1000).collect(),
            energies: (0..=last - first).map(|_| 900).collect(),
        }));
    }

    /// A track with a point every two seconds: instants and where the feet are, thousandths of the picture.
    fn track(&mut self, track: u32, stays: &[(i64, i64, i32, i32)], ended: bool) {
        let (class, model) = (Name::new("person"), Name::new("motion"));
        let points = stays.iter().flat_map(|&(from, to, x, y)| (from..=to).step_by(2).map(move |s| (s, x, y)));
        let points: Vec<_> = points.collect();
        for &(second, x, y) in &points {
            self.facts.push(Fact::TrackPoint(TrackPoint {
                id: self.id("track_point"),
                camera: self.camera,
                generation: self.generation,
                track,
                ts: ts(second),
                frame: self.frame(second),
                class,
                score: Score(9_000),
                x0: x * 16 - 400,
                y0: y * 16 - 1600,
                x1: x * 16 + 400,
                y1: y * 16,
                width: 1000,
                height: 1000,
                model,
            }));
        }
        let (first, last) = (points[0].0, points[points.len() - 1].0);
        if ended {
            self.facts.push(Fact::TrackEnd(TrackEnd {
                id: self.id("track_end"),
                camera: self.camera,
                generation: self.generation,
                track,
                class,
                first_seen: ts(first),
                last_seen: ts(last),
                last_frame: self.frame(last),
                detections: points.len() as u32,
                reason: TrackEndReason::Lost,
                model,
            }));
        }
    }

    fn journaled(self, folder: &Path) {
        let journal = folder.join("data/journal");
        std::fs::create_dir_all(&journal).expect("a writable folder");
        Journal::open(&journal).expect("a journal").append(&[Entry::Facts(self.facts)]).expect("journaled");
    }
}

/// When a fact began, in seconds after `origin`; of a point with its track.
fn label(origin: i64) -> impl Fn(&Value) -> String {
    move |fact| {
        let began = ["started", "first_seen", "ts"].into_iter().find_map(|column| fact[column].as_str());
        let began = EventTime::parse(began.expect("an instant")).expect("RFC 3339");
        let second = (began - ts(origin)).0 / Micros::from_secs(1).0;
        match fact["request"].as_str() {
            Some(request) => request.to_owned(),
            None if fact["frame"].is_null() => second.to_string(),
            None => format!("{}:{second}", fact["track"]),
        }
    }
}

/// Asserts what is listed; the kinds left out must be without facts.
#[track_caller]
fn seen(address: &str, origin: i64, view: &str, key: &str, kinds: Kinds) {
    let mut found = listed(&facts(address, view, key), label(origin));
    found.retain(|_, facts| !facts.is_empty());
    assert_eq!(found, expected(kinds), "{view} {key}");
}

#[test]
fn lineage_of_packing_has_the_codes_of_the_sessions() {
    const TEN: i64 = 36_000;
    let packing = r#"
        [[alert]]
        kind = "empty_rate"
        min_samples = 1
        [[alert]]
        kind = "export_success"
        min_samples = 1
        [[camera]]
        name = "bench"
        source = "none.mp4"
        [[camera.packing]]
        name = "parcels"
        trigger = "GO"
        lookback = "2m"
        [[camera]]
        name = "press"
        source = "none.mp4"
        [[camera.packing]]
        name = "by-motion"
    "#;
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "site.toml", format!("{SITE}{packing}"));
    let mut bench = Seen::new("bench", TEN);
    bench.coverage(TEN, TEN + 600, CoverageEnd::EndOfFootage);
    // Sessions from 100 to 160, from 200 to 260, and from 300 to the end, which is cut and without a code.
    for (first, last) in [(0, 100), (160, 200), (260, 300)] {
        bench.read("frame", "GO", TEN + first, TEN + last);
    }
    // The second is shown 80 s before its session; the last belongs to the session after it.
    for (text, first) in [("P-1", 120), ("P-0", 20), ("P-2", 170)] {
        bench.read("frame", text, TEN + first, TEN + first + 5);
    }
    bench.miss(TEN + 210, TEN + 212);
    bench.miss(TEN + 400, TEN + 402);
    bench.motion("frame", TEN + 110, TEN + 115);
    bench.journaled(folder.path());
    let mut press = Seen::new("press", TEN);
    press.coverage(TEN, TEN + 600, CoverageEnd::EndOfFootage);
    press.motion("frame", TEN + 50, TEN + 55);
    press.motion("frame", TEN + 90, TEN + 95);
    press.read("frame", "P-9", TEN + 52, TEN + 53);
    press.journaled(folder.path());

    let server = serving(folder.path(), |address| {
        let review = |id: &str, session: i64| {
            let body = json!({ "camera": "bench", "session": at(TEN + session), "outcome": "ok", "reviewer": "A" });
            post(address, "reviews", body, id, at(TEN + 3_600));
        };
        review("rv1", 100);
        review("rv0", 50);
        let export = json!({ "camera": "bench", "session": at(TEN + 200), "ok": false, "frames": 0 });
        post(address, "exports", export, "ex1", at(TEN + 3_600));

        let seen = |view: &str, key: String, kinds: Kinds| seen(address, TEN, view, &key, kinds);
        let session = |second: i64| format!("bench~parcels~{}", at(TEN + second));
        seen("packing_sessions", session(100), &[("code_read", &["0", "20", "120", "160"])]);
        let second: [(&str, &[&str]); 2] = [("code_read", &["160", "170", "260"]), ("code_miss", &["210"])];
        seen("packing_sessions", session(200), &second);
        let cut: [(&str, &[&str]); 3] = [("code_read", &["260"]), ("code_miss", &["400"]), ("coverage", &["0"])];
        seen("packing_sessions", session(300), &cut);
        let moved: [(&str, &[&str]); 2] = [("code_read", &["52"]), ("motion_span", &["50"])];
        seen("packing_sessions", format!("press~by-motion~{}", at(TEN + 50)), &moved);

        let sessions: [(&str, &[&str]); 3] = [
            ("code_read", &["0", "20", "120", "160", "170", "260"]),
            ("code_miss", &["210", "400"]),
            ("coverage", &["0"]),
        ];
        let with = |more: &[(&'static str, &'static [&'static str])]| [&sessions, more].concat();
        let hour = format!("bench~{}", at(TEN));
        seen("quality_hours", hour, &with(&[("review", &["rv1"]), ("frame_export", &["ex1"])]));
        // Where reviewing stands goes by all reviews.
        let mut all = listed(&facts(address, "quality_cameras", "bench"), label(TEN));
        all.get_mut("review").expect("reviews").sort();
        assert_eq!(all, expected(&with(&[("review", &["rv0", "rv1"]), ("frame_export", &["ex1"])])));
        seen("alerts", format!("bench~empty_rate~warning~~{}", at(TEN)), &sessions);
        seen("alerts", format!("bench~export_success~warning~~{}", at(TEN)), &[("frame_export", &["ex1"])]);
    });
    interrupt(server).with(0);
}

const FLOOR: &str = r#"
[[worker]]
name = "W3"
badge = "B-3"

[[station]]
name = "S1"
worker = "W1"

[[camera]]
name = "floor"
source = "none.mp4"
[camera.detect]
model = "motion"
[[camera.area]]
name = "hands"
rect = [0.7, 0.0, 1.0, 0.5]
[[camera.zone]]
name = "corner"
kind = "wait"
min_dwell = "3s"
polygon = [[0.0, 0.5], [0.5, 0.5], [0.5, 1.0], [0.0, 1.0]]
[[camera.zone]]
name = "place"
kind = "station"
polygon = [[0.7, 0.0], [1.0, 0.0], [1.0, 0.5], [0.7, 0.5]]
station = "S1"
area = "hands"
badges = true
[[camera.line]]
name = "door"
from = [0.5, 1.0]
to = [0.5, 0.5]
left = "out"
right = "in"
"#;

#[test]
fn lineage_of_tracks_has_who_came_before_the_hour() {
    // Where the hour is another, at 11:00.
    const ELEVEN: i64 = 39_600;
    let folder = tempfile::tempdir().expect("a folder");
    let badge = SITE.replace("name = \"W2\"", "name = \"W2\"\nbadge = \"B-2\"");
    write(folder.path(), "site.toml", format!("{badge}{FLOOR}"));
    let mut floor = Seen::new("floor", ELEVEN - 100);
    floor.coverage(ELEVEN - 100, ELEVEN - 20, CoverageEnd::Continues);
    floor.coverage(ELEVEN - 20, ELEVEN + 100, CoverageEnd::EndOfFootage);
    // One waits in the corner, and walks over the line.
    floor.track(1, &[(ELEVEN - 4, ELEVEN + 4, 300, 800), (ELEVEN + 6, ELEVEN + 10, 700, 800)], true);
    // One was there and has gone; one is nowhere.
    floor.track(2, &[(ELEVEN - 40, ELEVEN - 34, 300, 800)], true);
    floor.track(3, &[(ELEVEN + 20, ELEVEN + 22, 600, 800)], false);
    // At the station, with a badge that is read before the hour is over; and one before that presence.
    floor.track(4, &[(ELEVEN - 60, ELEVEN - 54, 800, 300)], true);
    floor.track(5, &[(ELEVEN - 10, ELEVEN + 6, 800, 300)], true);
    floor.read("hands", "B-3", ELEVEN - 58, ELEVEN - 57);
    floor.read("hands", "B-2", ELEVEN - 6, ELEVEN - 5);
    floor.read("hands", "P-1", ELEVEN + 1, ELEVEN + 2);
    floor.motion("hands", ELEVEN - 30, ELEVEN - 28);
    floor.motion("hands", ELEVEN + 1, ELEVEN + 3);
    floor.motion("frame", ELEVEN + 1, ELEVEN + 3);
    let generation = floor.generation.0;
    floor.journaled(folder.path());

    let server = serving(folder.path(), |address| {
        let hour = at(ELEVEN);
        let seen = |view: &str, key: String, kinds: Kinds| seen(address, ELEVEN, view, &key, kinds);
        let waits: &[&str] = &["1:-4", "1:-2", "1:0", "1:2", "1:4"];
        let visit = format!("floor~{generation}~1~corner~{}", at(ELEVEN - 4));
        seen("zone_visits", visit, &[("track_point", waits), ("track_end", &["-4"])]);
        let crossing = format!("floor~{generation}~1~door~{}", at(ELEVEN + 6));
        let steps: &[&str] = &["1:2", "1:4", "1:6", "1:8"];
        seen("line_crossings", crossing, &[("track_point", steps), ("track_end", &["-4"])]);

        // Who came before the hour is in it.
        let inside = |scope: &str, bucket: &str| format!("floor~{scope}~{bucket}");
        let zone: [(&str, &[&str]); 3] = [("track_point", waits), ("track_end", &["-4"]), ("coverage", &["-20"])];
        seen("occupancy_hours", inside("zone~corner", &hour), &zone);
        seen("occupancy_minutes", inside("zone~corner", &hour), &zone);
        let line: [(&str, &[&str]); 2] = [("track_point", &["1:4", "1:6"]), ("coverage", &["-20"])];
        seen("occupancy_hours", inside("line~door", &hour), &line);
        // Who came over the line since the last reset is inside.
        seen("occupancy_minutes", inside("line~door", &at(ELEVEN + 60)), &line);
        let all: &[&str] = &["2:-40", "2:-38", "2:-36", "2:-34", "1:-4", "1:-2", "1:0", "1:2", "1:4"];
        let ends: &[&str] = &["-40", "-4"];
        let day: [(&str, &[&str]); 3] = [("track_point", all), ("track_end", ends), ("coverage", &["-100", "-20"])];
        seen("occupancy_days", inside("zone~corner", &at(0)), &day);
        let (date, month) = (at(0), crate::endpoint::get(address, "/api/v1/views/occupancy_months", &[]).json());
        let month = month["rows"][0]["month"].as_str().expect("a month").to_owned();
        seen("occupancy_months", inside("zone~corner", &month), &day);
        seen("dwell_days", format!("floor~wait~{date}"), &[("track_point", all), ("track_end", ends)]);
        seen("coverage_hours", format!("floor~{hour}"), &[("coverage", &["-20"])]);
        seen("coverage_hours", format!("floor~{}", at(ELEVEN - 3_600)), &[("coverage", &["-100", "-20"])]);

        // The badge that was read before the hour says whose time it is; nobody showed the other one in this presence.
        let there: &[&str] = &["5:-10", "5:-8", "5:-6", "5:-4", "5:-2", "5:0", "5:2", "5:4", "5:6"];
        let station: [(&str, &[&str]); 4] =
            [("coverage", &["-20"]), ("track_point", there), ("motion_span", &["1"]), ("code_read", &["-6"])];
        for (view, key) in [
            ("station_hours", format!("S1~{hour}")),
            ("worker_hours", format!("W1~{hour}")),
            ("worker_hours", format!("W2~{hour}")),
            ("floor_hours", hour.clone()),
        ] {
            seen(view, key, &station);
        }
        let before: [(&str, &[&str]); 4] = [
            ("coverage", &["-100", "-20"]),
            ("track_point", &["4:-60", "4:-58", "4:-56", "4:-54"]),
            ("motion_span", &["-30"]),
            ("code_read", &["-58", "-6"]),
        ];
        let mut both = before.map(|(kind, facts)| (kind, facts.to_vec()));
        both[1].1.extend(there);
        // Motion a little after the hour decides whether its last spell goes on.
        both[2].1.push("1");
        let both: Vec<_> = both.iter().map(|(kind, facts)| (*kind, facts.as_slice())).collect();
        seen("worker_hours", format!("W3~{}", at(ELEVEN - 3_600)), &both);

        // A camera's model: its points.
        let points = listed(&facts(address, "drift_hours", &format!("floor~person~motion~~{hour}")), label(ELEVEN));
        assert_eq!(points["track_point"].len(), 6 + 2 + 4, "{points:?}");
    });
    interrupt(server).with(0);
}
