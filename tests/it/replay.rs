//! `gemba replay` on drawn footage: what is drawn is found, and neither repetition, the number of workers,
//! interruption nor another way to the same facts changes a row.

use crate::command::{self, Running, gemba, sql, write};
use crate::footage::{Clip, clip};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A bench and a floor, with two clips each.
const SITE: &str = r#"
[site]
name = "Test floor"
time_zone = "Europe/Berlin"

[[camera]]
name = "bench"
source = "bench"
sample = { codes = 5 }

[[camera.packing]]
name = "parcels"
trigger = "TimeGo"
min_duration = "2s"
max_duration = "60s"

[[camera]]
name = "floor"
source = "floor"
sample = { detect = 10 }

[camera.detect]
model = "motion"

[[camera.line]]
name = "door"
from = [0.5, 1.0]
to = [0.5, 0.0]
left = "street"
right = "shop"
inside = "shop"

[[camera.zone]]
name = "left-half"
kind = "wait"
polygon = [[0.0, 0.0], [0.5, 0.0], [0.5, 1.0], [0.0, 1.0]]
min_dwell = "1s"
"#;

/// The site with its footage. On the bench one session lies across the end of the first clip; on the floor the
/// second clip begins half a minute after the first.
fn site() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    write(at, "site.toml", SITE);
    let bench = |start, covered: (f64, f64), shown: (f64, f64, &'static str)| Clip {
        start: Some(start),
        seconds: 6.0,
        covered: vec![covered],
        shown: vec![shown],
        ..Clip::default()
    };
    clip(at, "bench/1.mp4", &bench("2026-01-15T08:00:00Z", (3.0, 9.0), (4.0, 5.5, "P-1001")));
    clip(at, "bench/2.mp4", &bench("2026-01-15T08:00:06Z", (0.0, 2.0), (0.5, 1.5, "P-1002")));
    let walk = |start, walk| Clip { start: Some(start), seconds: 6.0, walks: vec![walk], ..Clip::default() };
    clip(at, "floor/1.mp4", &walk("2026-01-15T08:00:00Z", (1.0, 5.0)));
    clip(at, "floor/2.mp4", &walk("2026-01-15T08:00:30Z", (5.0, 1.0)));
    folder
}

/// Replays into `out` and gives the summary.
#[track_caller]
fn replay(at: &Path, out: &str, more: &[&str]) -> Value {
    let arguments = [&["replay", "--site", "site.toml", "--out", out, "--json"], more].concat();
    gemba(at, &arguments).with(0).json()
}

fn digest(summary: &Value) -> &str {
    let digest = summary["digest"].as_str().expect("a digest");
    assert!(digest.len() >= 16, "{digest}");
    digest
}

/// Event time of a row's column, in seconds after 2026-01-15T08:00:00Z.
fn seconds(value: &Value) -> f64 {
    let at = gemba_schemas::time::EventTime::parse(value.as_str().expect("a time")).expect("RFC 3339");
    (at.0 - 1_768_464_000_000_000) as f64 / 1e6
}

#[track_caller]
fn near(value: &Value, expected: f64, tolerance: f64) {
    let found = seconds(value);
    assert!((found - expected).abs() <= tolerance, "{found} s is not {expected} s");
}

#[test]
fn what_is_drawn_is_found() {
    let folder = site();
    let summary = replay(folder.path(), "out", &[]);
    let out = folder.path().join("out");
    assert_eq!(summary["units_read"], 3, "two contiguous clips are one unit");
    assert_eq!(summary["interrupted"], false);

    // One session, across two clips; its edges are samples, 0.2 s apart.
    let sessions = sql(&out, "FROM packing_sessions ORDER BY started");
    assert_eq!(sessions.len(), 1, "{sessions:?}");
    near(&sessions[0]["started"], 3.0, 0.21);
    near(&sessions[0]["ended"], 8.0, 0.21);
    assert_eq!(sessions[0]["codes"], json!(["P-1001", "P-1002"]));
    assert_eq!((&sessions[0]["status"], &sessions[0]["verdict"]), (&json!("completed"), &json!("ok")));
    let texts = sql(&out, "SELECT DISTINCT text FROM code_read ORDER BY text");
    assert_eq!(texts, [json!({"text": "P-1001"}), json!({"text": "P-1002"}), json!({"text": "TimeGo"})]);

    // In, and half a minute later out again.
    let crossings = sql(&out, "SELECT ts, from_side, to_side, entry FROM line_crossings ORDER BY ts");
    let sides: Vec<_> = crossings.iter().map(|c| (&c["from_side"], &c["to_side"], &c["entry"])).collect();
    let (street, shop) = (json!("street"), json!("shop"));
    assert_eq!(sides, [(&street, &shop, &json!(true)), (&shop, &street, &json!(false))]);
    // The feet's middle passes 320 px half-way through the walk, give or take the box's edge.
    near(&crossings[0]["ts"], 3.0, 0.4);
    near(&crossings[1]["ts"], 33.0, 0.4);
    let visits = sql(&out, "SELECT entered, \"left\", counted FROM zone_visits ORDER BY entered");
    assert_eq!(visits.len(), 2, "{visits:?}");
    assert!(visits.iter().all(|v| v["counted"] == true), "{visits:?}");

    // Every frame of the footage is accounted for.
    let frames = "SELECT camera, sum(frames_seen) AS seen, sum(frames_decoded + frames_skipped) AS known, \
                  sum(frames_corrupt) AS corrupt, bool_or(end_reason = 'end_of_footage') AS ended \
                  FROM coverage GROUP BY camera ORDER BY camera";
    let row = |camera| json!({"camera": camera, "seen": 120, "known": 120, "corrupt": 0, "ended": true});
    let rounded = |rows: Vec<Value>| -> Vec<Value> {
        let whole = |v: Value| v.as_f64().filter(|f| f.fract() == 0.0).map_or(v, |f| json!(f as i64));
        rows.into_iter()
            .map(|r| r.as_object().cloned().unwrap_or_default().into_iter().map(|(k, v)| (k, whole(v))).collect())
            .collect()
    };
    assert_eq!(rounded(sql(&out, frames)), [row("bench"), row("floor")]);
    assert_eq!(sql(&out, "FROM fault"), [] as [Value; 0]);
    for (view, rows) in summary["views"].as_object().expect("views") {
        assert_eq!(sql(&out, &format!("SELECT count(*) AS n FROM {view}"))[0]["n"], *rows, "{view}");
    }
}

#[test]
fn a_finished_replay_is_not_repeated() {
    let folder = site();
    let first = replay(folder.path(), "out", &[]);
    let manifest = folder.path().join("out/lake/manifest.json");
    let before = std::fs::read(&manifest).expect("a manifest");
    let again = replay(folder.path(), "out", &[]);
    assert_eq!(digest(&again), digest(&first));
    assert_eq!((&again["units_read"], &again["units_done_before"]), (&json!(0), &json!(3)));
    assert!(std::fs::read(&manifest).expect("a manifest") == before, "the manifest was written again");
    // The store is derived: without it the same rows come back.
    std::fs::remove_file(folder.path().join("out/store.duckdb")).expect("a store");
    assert_eq!(digest(&replay(folder.path(), "out", &[])), digest(&first));
}

#[test]
fn facts_under_other_rules() {
    let folder = site();
    let at = folder.path();
    let first = replay(at, "out", &[]);
    let same = replay(at, "same", &["--facts", "out/lake"]);
    assert_eq!(digest(&same), digest(&first));
    assert_eq!(gemba(at, &["diff", "out", "same"]).with(0).out.trim(), "no difference");

    let edited = SITE
        .replace("min_duration = \"2s\"", "min_duration = \"30s\"")
        .replace("[0.5, 0.0], [0.5, 1.0]", "[0.3, 0.0], [0.3, 1.0]");
    assert_ne!(edited, SITE);
    write(at, "site.toml", &edited);
    let other = replay(at, "other", &["--facts", "out/lake"]);
    assert_ne!(digest(&other), digest(&first));
    let diff = gemba(at, &["diff", "out", "other"]).with(0).out;
    assert!(diff.contains("packing_sessions: 0 gone, 0 new, 1 changed") && diff.contains("too_short"), "{diff}");
    assert!(diff.contains("zone_visits:"), "{diff}");
    assert!(!diff.contains("coverage_hours:") && !diff.contains("line_crossings:"), "{diff}");
    let only = gemba(at, &["diff", "out", "other", "--view", "zone_visits", "--format", "json"]).with(0).out;
    assert!(only.lines().count() >= 2);
    for line in only.lines() {
        let row: Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(row["view"], "zone_visits");
    }
    // The rules of a data directory change with its site file, without reading the footage again.
    let again = replay(at, "out", &[]);
    assert_eq!((digest(&again), &again["units_read"]), (digest(&other), &json!(0)));
}

#[test]
fn any_number_of_workers() {
    let folder = site();
    let one = replay(folder.path(), "one", &["--workers", "1"]);
    for workers in ["2", "4"] {
        assert_eq!(digest(&replay(folder.path(), workers, &["--workers", workers])), digest(&one), "{workers} workers");
    }
}

/// Waits until the run's journal is there, and then for `later`.
fn underway(at: &Path, out: &str, running: &mut Running, later: Duration) {
    let began = Instant::now();
    while !at.join(out).join("store.duckdb").exists() && running.runs() && began.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(5));
    }
    let began = Instant::now();
    while running.runs() && began.elapsed() < later {
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn interrupted_and_resumed() {
    let folder = site();
    let at = folder.path();
    let straight = replay(at, "straight", &[]);
    let mut hit = 0;
    for (n, (signal, after)) in
        [("INT", 50), ("INT", 700), ("KILL", 100), ("KILL", 800), ("KILL", 1600), ("TERM", 1300)]
            .into_iter()
            .enumerate()
    {
        let out = format!("cut-{n}");
        let workers = if n % 2 == 0 { "1" } else { "3" };
        let slow = ["replay", "--site", "site.toml", "--out", &out, "--json", "--speed", "4x", "--workers", workers];
        let mut running = command::start(at, &slow);
        underway(at, &out, &mut running, Duration::from_millis(after));
        running.signal(signal);
        let ended = running.wait();
        match ended.code {
            // A busy machine: it was over before the signal came.
            Some(0) => println!("{out}: ended before it was interrupted"),
            Some(130) => {
                assert_ne!(signal, "KILL");
                assert_eq!(ended.json()["interrupted"], true);
                hit += 1;
            }
            code => {
                assert_eq!((code, signal), (None, "KILL"), "{}", ended.err);
                hit += 1;
            }
        }
        let resumed = replay(at, &out, &["--workers", workers]);
        assert_eq!(digest(&resumed), digest(&straight), "{signal} after {after} ms");
        let facts = "SELECT (SELECT count(*) FROM coverage) AS c, (SELECT count(*) FROM code_read) AS r, \
                     (SELECT count(*) FROM track_point) AS p, (SELECT count(*) FROM track_end) AS e";
        assert_eq!(sql(&at.join(&out), facts), sql(&at.join("straight"), facts), "{signal} after {after} ms");
    }
    assert!(hit > 0, "no signal came in time");
}

#[test]
fn other_vision_settings_replace_the_facts() {
    let folder = site();
    let at = folder.path();
    replay(at, "out", &[]);
    write(at, "site.toml", SITE.replace("sample = { codes = 5 }", "sample = { codes = 2.5 }"));
    let fresh = replay(at, "fresh", &[]);
    // Interrupted while the old facts are being replaced.
    let mut running = command::start(at, &["replay", "--site", "site.toml", "--out", "out", "--json", "--speed", "4x"]);
    underway(at, "out", &mut running, Duration::from_millis(900));
    running.signal("KILL");
    running.wait();
    let replaced = replay(at, "out", &[]);
    assert_eq!(digest(&replaced), digest(&fresh));
    let visions = "SELECT count(DISTINCT vision) AS visions FROM coverage WHERE camera = 'bench'";
    assert_eq!(sql(&at.join("out"), visions), [json!({"visions": 1})]);
    let reads = "SELECT text, first_seen, sightings FROM code_read ORDER BY ALL";
    assert_eq!(sql(&at.join("out"), reads), sql(&at.join("fresh"), reads));
}
