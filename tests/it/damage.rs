//! A damaged journal is loud: a row of `fault` that stays, and a metric, once for each stretch however often it starts.

use crate::command::{Running, interrupt, kill, soon, sql, start, write};
use crate::endpoint::{address, get, ready, send};
use gemba_schemas::time::EventTime;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Nothing is published while it runs, so that all facts are in the journal when it is killed.
const SITE: &str = "[site]\nname = \"Hall 2\"\ntime_zone = \"Asia/Kolkata\"\n\n[data]\nfreshness = \"1h\"\n\n\
                    [[worker]]\nname = \"W1\"\n";

fn serve(at: &Path) -> (Running, String) {
    let mut server = start(at, &["serve", "data", "--site", "site.toml", "--listen", "127.0.0.1:0"]);
    let address = address(&mut server);
    ready(&address);
    (server, address)
}

fn segments(at: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(at.join("data/journal")).expect("a journal");
    let mut found: Vec<_> = entries.map(|e| e.expect("an entry").path()).collect();
    found.retain(|path| path.extension().is_some_and(|e| e == "log"));
    found.sort();
    found
}

fn metric(address: &str, name: &str) -> u64 {
    let text = get(address, "/metrics", &[]).text();
    let line = text.lines().find_map(|l| l.strip_prefix(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("no {name} in\n{text}")).parse().expect("a number")
}

fn faults(at: &Path) -> Vec<Value> {
    sql(&at.join("data"), "SELECT camera, frame, file, stage, kind, count, detail FROM fault ORDER BY frame")
}

#[test]
fn damage_in_the_middle_of_the_journal_is_a_row_and_a_metric_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    write(at, "site.toml", SITE);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs() as i64;
    let event = |n: i64| {
        let ts = EventTime((now - 7_200 + 60 * n) * 1_000_000).rfc3339();
        json!({ "timestamp": ts, "worker_id": "W1", "workstation_id": "S3", "event_type": "working" }).to_string()
    };
    let (server, address) = serve(at);
    for n in 0..6 {
        assert_eq!(send(&address, "POST", "/api/v1/events", &event(n)).status, 201);
    }
    assert_eq!(metric(&address, "gemba_journal_damaged_ranges"), 0);
    kill(server);
    let segment = segments(at).remove(0);
    let whole = std::fs::read(&segment).expect("a segment");
    let mut bytes = whole.clone();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xFF;
    std::fs::write(&segment, &bytes).expect("damaged");

    let (server, address) = serve(at);
    assert_eq!(metric(&address, "gemba_journal_damaged_ranges"), 1);
    let lost = metric(&address, "gemba_journal_damaged_bytes");
    assert!(lost > 0 && lost < whole.len() as u64 / 2, "{lost} of {} bytes", whole.len());
    // The fact is journaled at once; only then is it kept through a kill.
    soon("the fault is not shown", || {
        get(&address, "/api/v1/views/coverage_hours", &[]).text().contains("\"faults\":1")
    });
    kill(server);

    // Killed before it was in the lake, started and ended in order, started again: one row.
    for _ in 0..2 {
        let (server, address) = serve(at);
        assert_eq!(metric(&address, "gemba_journal_damaged_ranges"), 1, "it stays loud");
        assert_eq!(metric(&address, "gemba_journal_damaged_bytes"), lost);
        assert_eq!(interrupt(server).code, Some(0));
        let rows = faults(at);
        assert_eq!(rows.len(), 1, "{rows:?}");
        let row = &rows[0];
        assert_eq!((&row["camera"], &row["stage"], &row["kind"]), (&json!(""), &json!("journal"), &json!("corrupt")));
        let from = row["frame"].as_u64().expect("a number");
        assert!(from <= middle as u64 && (middle as u64) < from + lost, "{row}");
        assert_eq!(row["file"], json!(segment.file_name().and_then(|n| n.to_str())));
        let copy =
            row["detail"].as_str().and_then(|d| d.split("journal/quarantine/").nth(1)).expect("the copy is named");
        assert_eq!(std::fs::read(at.join("data/journal/quarantine").join(copy)).expect("a copy"), bytes);
    }
    // What was lost with it is sent again, and is new; the rest was kept.
    let (server, address) = serve(at);
    let answers: Vec<_> = (0..6).map(|n| send(&address, "POST", "/api/v1/events", &event(n)).status).collect();
    assert_eq!(answers.iter().filter(|status| **status == 201).count(), 1, "{answers:?}");
    assert_eq!(answers.iter().filter(|status| **status == 200).count(), 5, "{answers:?}");
    assert_eq!(interrupt(server).code, Some(0));
    crate::command::gemba(at, &["verify", "--out", "data"]).with(0);
}
