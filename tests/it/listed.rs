//! Plates that are listed while a site runs: what is known of visits before, and that it stays known.

use crate::clients::{ago, rows};
use crate::command::{gemba, interrupt, kill, soon, start, write};
use crate::endpoint::{address, ready, send};
use std::path::Path;

const SITE: &str = r#"
[site]
name = "Gate"
time_zone = "Asia/Kolkata"

[gate]

[[gate.plate]]
plate = "MH12AB1234"
list = "blocked"
"#;

/// Plate, status, whether it was listed only later, reads of the plate and reads, in the order of time.
type Visit = (String, String, bool, u64, u64);

fn visits(address: &str, count: usize) -> Vec<Visit> {
    let mut rows = rows(address, "gate_events", count);
    rows.sort_by_key(|row| row["arrived"].as_str().expect("an instant").to_owned());
    let text = |row: &serde_json::Value, key: &str| row[key].as_str().expect("text").to_owned();
    let count = |row: &serde_json::Value, key: &str| row[key].as_u64().expect("a count");
    let visit = |row: serde_json::Value| {
        let late = row["retroactive"].as_bool().expect("yes or no");
        (text(&row, "plate"), text(&row, "status"), late, count(&row, "agreeing"), count(&row, "reads"))
    };
    rows.into_iter().map(visit).collect()
}

fn visit(plate: &str, status: &str, retroactive: bool, agreeing: u64, reads: u64) -> Visit {
    (plate.into(), status.into(), retroactive, agreeing, reads)
}

fn serve(at: &Path) -> (crate::command::Running, String) {
    let mut server = start(at, &["serve", "data", "--site", "site.toml", "--listen", "127.0.0.1:0"]);
    let address = address(&mut server);
    ready(&address);
    (server, address)
}

#[test]
fn a_plate_blocked_today_was_there_yesterday() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    write(at, "site.toml", SITE);
    let (server, address) = serve(at);
    let read = |address: &str, plate: &str, ts: String| {
        let body = format!(r#"{{"camera":"gate","plate":"{plate}","confidence":0.975,"timestamp":"{ts}"}}"#);
        assert_eq!(send(address, "POST", "/api/v1/vehicle/validate-plate", &body).status, 201);
    };
    read(&address, "MH12AB1234", ago(1, 40_000));
    for (second, plate) in [(0, "KA05MH9999"), (1, "KA05MH9999"), (2, "KA05MH9909"), (4, "KA05MH9999")] {
        read(&address, plate, ago(1, 41_000 + second));
    }
    let was = [visit("MH12AB1234", "blocked", false, 1, 1), visit("KA05MH9999", "unknown", false, 3, 4)];
    assert_eq!(visits(&address, 2), was);

    // Yesterday's visit is flagged, as one that nobody could have stopped.
    write(at, "site.toml", format!("{SITE}[[gate.plate]]\nplate = 'KA05MH9999'\nlist = 'blocked'\n"));
    gemba(at, &["reload", "--listen", &address]).with(0);
    let is = [visit("MH12AB1234", "blocked", false, 1, 1), visit("KA05MH9999", "blocked", true, 3, 4)];
    // Rows are told by whole epochs.
    soon("a visit that is flagged", || visits(&address, 2) == is);
    kill(server);

    // Another start says the same of it, and of the next one that it was known.
    let (server, address) = serve(at);
    assert_eq!(visits(&address, 2), is);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let ts = gemba_schemas::time::EventTime(now.as_micros() as i64) + gemba_schemas::time::Micros::MINUTE;
    read(&address, "KA05MH9999", ts.rfc3339());
    assert_eq!(visits(&address, 3)[2], visit("KA05MH9999", "blocked", false, 1, 1));
    interrupt(server).with(0);

    // So do all that derive it again.
    let rebuilt = gemba(at, &["rebuild", "--site", "site.toml", "--out", "data"]).with(0);
    assert!(rebuilt.out.contains("\nequal"), "{}", rebuilt.out);
    let same = gemba(at, &["whatif", "--site", "site.toml", "--facts", "data", "--view", "gate_events"]).with(0);
    assert_eq!(same.out.trim(), "no difference");
}
