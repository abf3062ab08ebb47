//! Looking after a data directory for years, through the binary: a damaged store comes back, nothing wrong goes
//! unnamed, what is old leaves, and the past can be asked.

use crate::command::{Ended, gemba, interrupt, kill, sql, start, write};
use crate::endpoint::{address, ready, send};
use crate::footage::{Clip, clip};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

/// A site with one of each that clients report of.
pub const CLIENTS: &str = r#"
[site]
name = "Hall 2"
time_zone = "Asia/Kolkata"

[[worker]]
name = "W1"

[[station]]
name = "S3"

[[shift]]
name = "day"
employees = ["E1"]
days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
start = "00:00"
end = "16:00"
"#;

/// So many seconds ago, RFC 3339.
fn ago(seconds: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs() as i64;
    gemba_schemas::time::EventTime((now - seconds) * 1_000_000).rfc3339()
}

/// Serves `data` while `work` is done.
pub fn serving(at: &Path, work: impl FnOnce(&str)) -> crate::command::Running {
    serving_from(at, "data", work)
}

fn serving_from(at: &Path, data: &str, work: impl FnOnce(&str)) -> crate::command::Running {
    let mut server = start(at, &["serve", data, "--site", "site.toml", "--listen", "127.0.0.1:0"]);
    let address = address(&mut server);
    ready(&address);
    work(&address);
    server
}

fn work(address: &str, from: i64, count: i64) {
    for n in 0..count {
        let body = format!(
            r#"{{"timestamp":"{}","worker_id":"W1","workstation_id":"S3","event_type":"working"}}"#,
            ago(from + 60 * n)
        );
        assert_eq!(send(address, "POST", "/api/v1/events", &body).status, 201);
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

/// What `gemba verify` says.
#[track_caller]
pub fn verify(at: &Path, data: &str, code: i32) -> Value {
    gemba(at, &["verify", "--out", data, "--json"]).with(code).json()
}

/// Files below a folder, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn a_store_damaged_in_any_way_comes_back_with_the_same_rows() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    write(at, "site.toml", CLIENTS);
    interrupt(serving(at, |address| work(address, 90_000, 5))).with(0);
    // Killed: its log is beside the store, and the lake has not heard of the last events.
    kill(serving(at, |address| {
        work(address, 80_000, 5);
        std::thread::sleep(Duration::from_millis(1_500));
    }));
    assert!(at.join("data/store.duckdb.wal").exists(), "a kill leaves the log");
    let report = verify(at, "data", 0);
    assert!(report["store_rows"].as_u64() > Some(0) && report["notes"].as_array().is_some(), "{report}");
    assert!(at.join("data/store.duckdb.wal").exists(), "looking does not take it in");

    type Damage = fn(&Path);
    let cases: [(&str, Damage); 8] = [
        ("nothing", |_| ()),
        ("log cut", |d| cut(&d.join("store.duckdb.wal"), 2)),
        ("log zeroed", |d| overwrite(&d.join("store.duckdb.wal"), 0)),
        ("log garbage", |d| overwrite(&d.join("store.duckdb.wal"), 0xA5)),
        ("log removed", |d| std::fs::remove_file(d.join("store.duckdb.wal")).expect("a log")),
        ("store garbage", |d| overwrite(&d.join("store.duckdb"), 0xA5)),
        ("store cut", |d| cut(&d.join("store.duckdb"), 2)),
        ("store removed", |d| std::fs::remove_file(d.join("store.duckdb")).expect("a store")),
    ];
    let mut digests = Vec::new();
    for (name, damage) in cases {
        let data = name.replace(' ', "-");
        copy(&at.join("data"), &at.join(&data));
        damage(&at.join(&data));
        interrupt(serving_from(at, &data, |_| ())).with(0).says(&[]);
        let row = "SELECT sum(active_us)::BIGINT AS active, sum(events)::BIGINT AS events FROM worker_hours";
        let report = verify(at, &data, 0);
        assert_eq!(report["notes"], json!([]), "{name}");
        digests.push((name, report["digest"].clone(), sql(&at.join(&data), row)));
    }
    for (name, digest, rows) in &digests {
        assert_eq!((digest, rows), (&digests[0].1, &digests[0].2), "{name}");
    }
    assert_eq!(digests[0].2[0]["events"], json!(10));
}

fn cut(path: &Path, by: u64) {
    let length = std::fs::metadata(path).expect("a file").len();
    std::fs::File::options().write(true).open(path).and_then(|f| f.set_len(length / by)).expect("a file");
}

fn overwrite(path: &Path, byte: u8) {
    let length = std::fs::metadata(path).expect("a file").len();
    std::fs::write(path, vec![byte; length as usize]).expect("a file");
}

#[test]
fn a_rebuilt_store_has_the_same_digest() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    write(at, "site.toml", CLIENTS);
    kill(serving(at, |address| {
        work(address, 90_000, 5);
        // A shift that is open: its row depends on what time it is.
        assert_eq!(send(address, "POST", "/api/v1/attendance/check-in", r#"{"employee_id":"E1"}"#).status, 201);
        std::thread::sleep(Duration::from_millis(1_500));
    }));
    let rebuild =
        |more: &[&str]| -> Ended { gemba(at, &[&["rebuild", "--site", "site.toml", "--out", "data"], more].concat()) };
    let first = rebuild(&["--json"]).with(0).json();
    assert_eq!((&first["equal"], &first["before"]), (&json!(true), &first["after"]), "{first}");
    let aside = first["set_aside"][0].as_str().expect("a path");
    assert!(at.join(aside).exists() && aside.contains("quarantine"), "never deleted: {aside}");
    let again = rebuild(&[]).with(0);
    assert_eq!(again.err, "", "nothing is damaged");
    let again = again.out;
    assert!(again.contains("\nequal\n") && again.contains("set aside: "), "{again}");
    let report = verify(at, "data", 0);
    assert_eq!((&report["digest"], &report["notes"]), (&first["after"], &json!([])));

    // Other rules, another digest, and it says why.
    write(at, "site.toml", CLIENTS.replace("[[worker]]\nname = \"W1\"\n", ""));
    let other = rebuild(&[]).with(0).out;
    assert!(other.contains("different, and so are the rules"), "{other}");
    overwrite(&at.join("data/store.duckdb"), 1);
    let lost = rebuild(&[]).with(0).out;
    assert!(lost.contains("unknown: the store could not be read") && lost.contains("set aside"), "{lost}");
    gemba(at, &["rebuild", "--site", "site.toml", "--out", "nowhere"]).with(1).says(&["nowhere", "--out"]);
    assert!(!at.join("nowhere").exists());
}

const BENCH: &str = r#"
[site]
name = "Long ago"
time_zone = "Europe/Berlin"

[[camera]]
name = "bench"
source = "bench"
sample = { codes = 5 }

[[camera.packing]]
name = "parcels"
trigger = "TimeGo"
min_duration = "1s"
"#;

/// A bench in January and in May.
fn bench() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "site.toml", BENCH);
    for (name, start) in [("1", "2026-01-15T08:00:00Z"), ("2", "2026-05-20T08:00:00Z")] {
        let one = Clip {
            start: Some(start),
            seconds: 8.0,
            covered: vec![(3.0, 5.0)],
            shown: vec![(3.5, 4.5, "P-7")],
            ..Clip::default()
        };
        clip(folder.path(), &format!("bench/{name}.mp4"), &one);
    }
    folder
}

fn replay(at: &Path) -> Value {
    gemba(at, &["replay", "--site", "site.toml", "--out", "out", "--json"]).with(0).json()
}

#[test]
fn everything_wrong_with_a_directory_is_named() {
    let folder = bench();
    let at = folder.path();
    replay(at);
    let whole = gemba(at, &["verify", "--out", "out"]).with(0).out;
    assert!(whole.starts_with("whole: ") && whole.contains("digest"), "{whole}");
    let first = |part: &str| files(&at.join("out/lake").join(part)).remove(0);
    // A view's file: named, and written again by the next run though nothing else is new.
    overwrite(&first("views/packing_sessions"), 7);
    let named = gemba(at, &["verify", "--out", "out"]).with(1).out;
    assert!(named.contains("views/packing_sessions") && named.contains("writes it again"), "{named}");
    gemba(at, &["replay", "--site", "site.toml", "--out", "out", "--quiet"]).with(0).says(&["damaged file set aside"]);
    verify(at, "out", 0);
    assert_eq!(sql(&at.join("out"), "FROM packing_sessions").len(), 2);
    // A file of facts: loudly lost, the others stay.
    let reads = sql(&at.join("out"), "FROM code_read").len();
    overwrite(&first("facts/code_read"), 7);
    let report = verify(at, "out", 1);
    assert!(report["problems"][0]["todo"].as_str().expect("text").contains("backup"), "{report}");
    gemba(at, &["sql", "--data", "out", "FROM packing_sessions"]).with(0).says(&["code_read", "gemba verify"]);
    gemba(at, &["replay", "--site", "site.toml", "--out", "out", "--quiet"]).with(0).says(&["facts are lost"]);
    let left = sql(&at.join("out"), "FROM code_read").len();
    assert!(left > 0 && left < reads, "{left} of {reads}");
    assert!(!files(&at.join("out/lake/quarantine")).is_empty());
    verify(at, "out", 0);
    gemba(at, &["verify", "--out", "nowhere"]).with(1).says(&["nowhere is no data directory"]);
}

#[test]
fn a_directory_in_use_is_checked_as_far_as_can_be() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    write(at, "site.toml", CLIENTS);
    let server = serving(at, |address| {
        work(address, 90_000, 3);
        let report = verify(at, "data", 0);
        assert!(report["in_use_by"].as_str().is_some() && report["journal_entries"] == json!(3), "{report}");
        gemba(at, &["rebuild", "--site", "site.toml", "--out", "data"]).with(4).says(&["in use"]);
        gemba(at, &["retention", "--site", "site.toml", "--out", "data"]).with(4).says(&["in use"]);
    });
    interrupt(server).with(0);
    assert_eq!(verify(at, "data", 0)["in_use_by"], Value::Null);
}

#[test]
fn old_facts_leave_and_their_rows_stay() {
    let folder = bench();
    let at = folder.path();
    let before = replay(at);
    assert_eq!(before["views"]["packing_sessions"], json!(2));
    copy(&at.join("out"), &at.join("before"));
    write(at, "site.toml", format!("[retention]\nfacts_days = 40\n{BENCH}"));
    let plan = gemba(at, &["retention", "--site", "site.toml", "--out", "out", "--dry-run"]).with(0).out;
    for text in ["facts/code_read", "facts before 2026-03-29 (UTC) would leave", "bytes would become free"] {
        assert!(plan.contains(text), "`{text}` is not in:\n{plan}");
    }
    assert!(!plan.contains("facts/coverage"), "{plan}");
    let january = "SELECT count(*) AS n FROM code_read WHERE first_seen < '2026-02-01'";
    assert_ne!(sql(&at.join("out"), january)[0]["n"], json!(0));

    // A run that finds nothing new does it; what the facts made stays, and stays through everything.
    assert_eq!(replay(at)["digest"], before["digest"]);
    assert_eq!(sql(&at.join("out"), january)[0]["n"], json!(0));
    verify(at, "out", 0);
    let again = replay(at);
    assert_eq!(again["units_read"], json!(0), "nothing is read again");
    // What has no time in its key says what follows from the facts that are there.
    let differ = gemba(at, &["diff", "before", "out"]).with(0).out;
    assert!(differ.starts_with("quality_cameras: 0 gone, 0 new, 1 changed"), "{differ}");
    assert_eq!(differ.matches("changed").count(), 1, "{differ}");
    let rebuilt = gemba(at, &["rebuild", "--site", "site.toml", "--out", "out", "--json"]).with(0).json();
    assert_eq!((&rebuilt["equal"], &rebuilt["after"]), (&json!(true), &again["digest"]), "{rebuilt}");
    std::fs::remove_file(at.join("out/store.duckdb")).expect("a store");
    assert_eq!(replay(at)["digest"], again["digest"]);
    assert_eq!(sql(&at.join("out"), "FROM packing_sessions").len(), 2);
    let none = gemba(at, &["retention", "--site", "site.toml", "--out", "out"]).with(0).out;
    assert_eq!(none, "nothing is old enough\n");

    write(at, "site.toml", format!("[retention]\nfacts_days = 30\n{BENCH}"));
    gemba(at, &["check"]).with(2).says(&["site.toml:2:14: retention.facts_days: ", "35"]);
}

#[test]
fn the_past_is_answered_as_it_was_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    write(at, "site.toml", CLIENTS);
    let mark = |way: &str| {
        let path = format!("/api/v1/attendance/check-{way}");
        interrupt(serving(at, |address| {
            assert_eq!(send(address, "POST", &path, r#"{"employee_id":"E1"}"#).status, 201);
        }))
        .with(0);
        std::thread::sleep(Duration::from_millis(1_100));
        ago(0)
    };
    let start = ago(60);
    let came = mark("in");
    let went = mark("out");
    let as_of = |time: &str, query: &str| -> Vec<Value> {
        let ended = gemba(at, &["sql", "--data", "data", "--format", "json", "--as-of", time, query]).with(0);
        ended.out.lines().map(|l| serde_json::from_str(l).expect("JSON")).collect()
    };
    let query = "SELECT last_out IS NOT NULL AS out FROM attendance_days WHERE first_in IS NOT NULL";
    assert_eq!(as_of(&start, query), [] as [Value; 0]);
    assert_eq!(as_of(&came, query), [json!({"out": false})]);
    assert_eq!(as_of(&went, query), [json!({"out": true})]);
    assert_eq!(as_of(&went, "FROM attendance_days"), sql(&at.join("data"), "FROM attendance_days"));
    // On the site's clock, five and a half hours ahead of UTC.
    let came = gemba_schemas::time::EventTime::parse(&came).expect("an instant");
    let local = gemba_schemas::time::EventTime(came.0 + 19_800_000_000).rfc3339();
    assert_eq!(as_of(local.trim_end_matches('Z'), query), [json!({"out": false})]);
    let bad = |time: &str, query: &str| gemba(at, &["sql", "--data", "data", "--as-of", time, query]).with(1);
    bad("yesterday", "FROM alerts").says(&["`yesterday`", "Asia/Kolkata"]);
    bad(&went, "FROM worker_hours").says(&["the past of worker_hours is not kept", "packing_sessions"]);
    // A store that is derived again from nothing adds no change of its own.
    let count = "SELECT count(*) AS n FROM attendance_days_changes";
    let before = sql(&at.join("data"), count);
    gemba(at, &["rebuild", "--site", "site.toml", "--out", "data"]).with(0);
    assert_eq!(sql(&at.join("data"), count), before);
    verify(at, "data", 0);
}
