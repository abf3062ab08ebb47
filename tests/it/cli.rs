//! The command line: what it says, in which form, and with which exit code.

use crate::command::{gemba, write};
use crate::footage::{Clip, clip};
use serde_json::Value;
use std::process::{Command, Stdio};
use tempfile::TempDir;

const SITE: &str = r#"[site]
name = "Desk"
time_zone = "Asia/Kolkata"

[[camera]]
name = "bench"
source = "clips"
resolution = [640, 360]
sample = { codes = 5 }

[[camera.packing]]
name = "parcels"
trigger = "TimeGo"
min_duration = "1s"
"#;

fn site() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "site.toml", SITE);
    let bench = Clip {
        start: Some("2026-01-15T08:00:00Z"),
        seconds: 8.0,
        covered: vec![(3.0, 5.0)],
        shown: vec![(3.5, 4.5, "P-7")],
        ..Clip::default()
    };
    clip(folder.path(), "clips/good.mp4", &bench);
    folder
}

#[test]
fn help() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let top = gemba(at, &["--help"]).with(0).out;
    for text in ["replay", "serve", "check", "sql", "diff", "overlay", "demo", "tables", "Exit codes", "130"] {
        assert!(top.contains(text), "`{text}` is not in:\n{top}");
    }
    for command in
        ["replay", "serve", "check", "sql", "diff", "overlay", "demo", "tables", "verify", "rebuild", "retention"]
    {
        let help = gemba(at, &[command, "--help"]).with(0).out;
        assert!(help.contains("Usage: gemba") && help.contains("--verbose"), "{command}:\n{help}");
    }
    assert!(!top.contains("probe-store"), "for ourselves alone");
    assert!(gemba(at, &["--version"]).with(0).out.starts_with("gemba "));
    gemba(at, &["reply"]).with(2).says(&["reply", "replay"]);
    gemba(at, &[]).with(2);
    gemba(at, &["replay", "--speed", "fast"]).with(2).says(&["1x"]);
    gemba(at, &["replay", "--workers", "0"]).with(2);
    gemba(at, &["replay", "a.mp4", "--facts", "lake"]).with(2);
}

#[test]
fn site_files_with_mistakes() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let wrong = SITE.replace("trigger = ", "triger = ").replace("min_duration = \"1s\"", "min_duration = \"1 parsec\"");
    write(at, "site.toml", wrong);
    for command in [&["check"][..], &["replay"], &["sql", "--site", "site.toml", "FROM fault"]] {
        gemba(at, command).with(2).says(&[
            "site.toml:13:1: camera.packing.triger: ",
            "did you mean `trigger`?",
            "site.toml:14:16: camera.packing.min_duration: ",
        ]);
    }
    write(at, "site.toml", "[site\nname = 3");
    gemba(at, &["check"]).with(2).says(&["site.toml:1:"]);
    write(at, "site.toml", SITE);
    gemba(at, &["replay", "bench-2=x.mp4", "--start", "yesterday"]).with(2).says(&["yesterday", "RFC 3339"]);
    write(at, "two.toml", format!("{SITE}\n[[camera]]\nname = \"other\"\ncodes = {{}}\n"));
    gemba(at, &["replay", "x.mp4", "--site", "two.toml"]).with(2).says(&["which camera", "`bench`, `other`"]);
}

#[test]
fn check_tells_what_is_there() {
    let folder = site();
    let at = folder.path();
    let out = gemba(at, &["check"]).with(0).out;
    for text in [
        "Desk (Asia/Kolkata)",
        "camera bench",
        "good.mp4",
        "640×360",
        "10.0000 fps",
        "8.0 s",
        "2026-01-15T08:00:00",
        "container",
        "parcels",
        "ok",
    ] {
        assert!(out.contains(text), "`{text}` is not in:\n{out}");
    }
    write(at, "site.toml", SITE.replace("640, 360", "1280, 720"));
    assert!(gemba(at, &["check"]).with(3).out.contains("expects 1280×720"));
    assert!(!at.join("gemba-data").exists(), "checking writes nothing");
}

#[test]
fn answers() {
    let folder = site();
    let at = folder.path();
    let summary = gemba(at, &["replay", "--json"]).with(0).json();
    assert_eq!(summary["views"]["packing_sessions"], 1);
    assert_eq!(summary["cameras"]["bench"]["frames_seen"], 80);
    assert_eq!(gemba(at, &["replay", "--quiet"]).with(0).out, "");
    let table = gemba(at, &["replay"]).with(0).out;
    for text in ["packing_sessions", "had been read before", "digest:", "catalog.duckdb"] {
        assert!(table.contains(text), "`{text}` is not in:\n{table}");
    }

    let query = "SELECT profile, status, codes, started, duration_s > 1.5 AS long FROM packing_sessions";
    let table = gemba(at, &["sql", query]).with(0).out;
    assert!(table.starts_with("profile") && table.contains("completed") && table.contains("(1 row)"), "{table}");
    let csv = gemba(at, &["sql", "--format", "csv", query]).with(0).out;
    let lines: Vec<_> = csv.lines().collect();
    assert_eq!(lines[0], "profile,status,codes,started,long");
    assert!(lines[1].starts_with("parcels,completed,[P-7],2026-01-15T08:00:0"), "{csv}");
    let row: Value =
        serde_json::from_str(gemba(at, &["sql", "--format", "json", query]).with(0).out.trim()).expect("JSON");
    assert_eq!((&row["codes"], &row["long"]), (&serde_json::json!(["P-7"]), &Value::Bool(true)));
    let none = gemba(at, &["sql", "FROM zone_visits"]).with(0).out;
    assert!(none.contains("(0 rows)"), "{none}");
    // In each way to name the data: folder, lake, site.
    for data in [["--data", "gemba-data"], ["--data", "gemba-data/lake"], ["--site", "site.toml"]] {
        let out = gemba(at, &["sql", data[0], data[1], "SELECT count(*) AS n FROM coverage"]).with(0).out;
        assert!(out.contains('1'), "{out}");
    }
    gemba(at, &["sql", "SELECT nothing FROM packing_sessions"]).with(1).says(&["nothing"]);
    gemba(at, &["sql", "FROM packing_session"]).with(1).says(&["packing_sessions"]);
    // The catalog is opened to be read.
    gemba(at, &["sql", "DROP VIEW packing_sessions"]).with(1);
    gemba(at, &["diff", "gemba-data", "gemba-data", "--view", "packing"]).with(1).says(&["packing_sessions"]);
    assert_eq!(gemba(at, &["diff", "gemba-data", "gemba-data/lake"]).with(0).out, "no difference\n");
    assert_eq!(gemba(at, &["diff", "gemba-data", "gemba-data", "--format", "json"]).with(0).out, "");
}

#[test]
fn the_data_dictionary_is_current() {
    let written = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/tables.md");
    let written = std::fs::read_to_string(written).expect("docs/tables.md");
    let made = gemba(std::path::Path::new("."), &["tables"]).with(0).out;
    assert!(made == written, "write it anew: gemba tables > docs/tables.md");
}

#[test]
fn whoever_stops_reading_is_told_nothing() {
    let mut gemba = Command::new(env!("CARGO_BIN_EXE_gemba"));
    let gemba = gemba.arg("tables").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = gemba.spawn().expect("gemba");
    // As `head` does when it has seen enough.
    drop(child.stdout.take());
    let ended = child.wait_with_output().expect("an end");
    assert_eq!((ended.status.code(), String::from_utf8_lossy(&ended.stderr).as_ref()), (Some(141), ""));
}
