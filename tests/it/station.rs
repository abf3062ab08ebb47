//! A workstation that a camera watches, from pixels to hours: somebody comes, stands still, works, and goes.

use crate::command::{gemba, sql, write};
use crate::footage::{Clip, clip};

const SITE: &str = r#"
[site]
name = "Station"

[[worker]]
name = "W1"

[[station]]
name = "S1"
worker = "W1"

[[camera]]
name = "bench"
source = "bench.mp4"
sample = { motion = 10, detect = 10 }

[camera.detect]
model = "motion"

[[camera.area]]
name = "hands"
rect = [0.38, 0.35, 0.62, 0.85]

[[camera.zone]]
name = "place"
kind = "station"
polygon = [[0.4, 0.7], [0.6, 0.7], [0.6, 0.95], [0.4, 0.95]]
station = "S1"
area = "hands"
idle_after = "1s"
"#;

/// The seconds of a row's column, in µs.
fn seconds(row: &serde_json::Value, column: &str) -> f64 {
    row[column].as_f64().unwrap_or_else(|| panic!("{column} of {row}")) / 1e6
}

#[track_caller]
fn near(row: &serde_json::Value, column: &str, expected: f64) {
    let found = seconds(row, column);
    assert!((found - expected).abs() <= 1.5, "{column} is {found} s and not {expected} s: {row}");
}

#[test]
fn who_stands_at_a_station_is_idle_and_who_moves_is_working() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    write(at, "site.toml", SITE);
    // Empty for 4 s; there from 4 to 24 s, at work from 10 to 18 s; empty until 30 s.
    let scene = Clip {
        start: Some("2026-01-15T08:00:00Z"),
        seconds: 30.0,
        stands: vec![(4.0, 24.0)],
        works: vec![(10.0, 18.0)],
        ..Clip::default()
    };
    clip(at, "bench.mp4", &scene);
    gemba(at, &["replay", "--site", "site.toml", "--out", "out"]).with(0);
    let out = at.join("out");
    for (view, name) in [("station_hours", "working_us"), ("worker_hours", "active_us")] {
        let rows = sql(&out, &format!("FROM {view}"));
        assert_eq!(rows.len(), 1, "{view}: {rows:?}");
        near(&rows[0], name, 8.0);
        near(&rows[0], "idle_us", 12.0);
        near(&rows[0], "absent_us", 10.0);
        assert_eq!(seconds(&rows[0], "observed_us"), 30.0);
    }
    // A threshold is a rule: with one that no arm reaches nobody works, and no pixel is read again.
    write(at, "site.toml", SITE.replace("idle_after", "working_energy = 0.9\nidle_after"));
    let summary = gemba(at, &["replay", "--site", "site.toml", "--out", "out", "--json"]).with(0).json();
    assert_eq!(summary["units_read"], 0);
    let rows = sql(&out, "FROM station_hours");
    assert_eq!(seconds(&rows[0], "working_us"), 0.0);
    near(&rows[0], "idle_us", 20.0);
}
