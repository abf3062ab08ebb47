//! What clients report over HTTP: stored once, answered by the dataflow, corrected by deletions and by new rules, and
//! there after a `kill -9`.

use crate::command::{Running, gemba, interrupt, kill, soon, sql, start, write};
use crate::endpoint::{address, get, ready, send};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use tempfile::TempDir;

const SITE: &str = r#"
[site]
name = "Hall 2"
time_zone = "Asia/Kolkata"

[productivity]
event_duration = "300s"

[[worker]]
name = "W1"

[[station]]
name = "S3"

[[shift]]
name = "day"
employees = ["E1"]
days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
start = "09:00"
end = "17:00"

[gate]

[[gate.plate]]
plate = "MH12AB1234"
list = "blocked"
reason = "unpaid"
"#;

fn site() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "site.toml", SITE);
    folder
}

fn serve(at: &Path) -> (Running, String) {
    let mut server = start(at, &["serve", "data", "--site", "site.toml", "--listen", "127.0.0.1:0"]);
    let address = address(&mut server);
    ready(&address);
    (server, address)
}

/// So many seconds before now, at a whole hour, RFC 3339: within the horizon whenever this runs.
pub fn ago(days: i64, seconds: i64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    // 18:30Z is midnight in India.
    let midnight = (now.as_secs() as i64 - 86_400).div_euclid(86_400) * 86_400 - 19_800;
    let at = midnight - days * 86_400 + seconds;
    gemba_schemas::time::EventTime(at * 1_000_000).rfc3339()
}

pub fn event(ts: &str, worker: &str, kind: &str, more: &str) -> String {
    format!(r#"{{"timestamp":"{ts}","worker_id":"{worker}","workstation_id":"S3","event_type":"{kind}"{more}}}"#)
}

/// Rows of a view once an epoch has brought them to `count`.
pub fn rows(address: &str, view: &str, count: usize) -> Vec<Value> {
    let began = std::time::Instant::now();
    loop {
        let rows = get(address, &format!("/api/v1/views/{view}"), &[]).json()["rows"].as_array().expect("rows").clone();
        if rows.len() == count || began.elapsed().as_secs() > 20 {
            assert_eq!(rows.len(), count, "{view}: {rows:?}");
            return rows;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn an_event_is_stored_once_and_is_there_after_a_kill() {
    let folder = site();
    let at = folder.path();
    let (server, address) = serve(at);
    let post = |body: &str| send(&address, "POST", "/api/v1/events", body);

    let working = event(&ago(1, 36_000), "W1", "working", r#","confidence":0.93"#);
    let first = post(&working);
    assert_eq!((first.status, &first.json()["status"]), (201, &json!("stored")));
    let again = post(&working);
    assert_eq!((again.status, &again.json()["status"]), (200, &json!("duplicate")));
    // The first arrival counts, whatever the second says.
    let other = post(&working.replace("0.93", "0.5"));
    assert_eq!((other.status, &other.json()["confidence"]), (200, &json!(0.93)));
    assert_eq!(other.json()["received_at"], first.json()["received_at"]);

    let own = event(&ago(1, 36_100), "W9", "product_count", r#","count":4,"id":"a-1""#);
    assert_eq!((post(&own).status, post(&own).status), (201, 200));
    assert_eq!(post(&own.replace("\"count\":4", "\"count\":5")).status, 409);
    let late = post(&event("2020-01-15T10:00:00Z", "W1", "idle", ""));
    assert_eq!((late.status, &late.json()["status"]), (201, &json!("late")));
    let again = post(&event("2020-01-15T10:00:00Z", "W1", "idle", ""));
    assert_eq!((again.status, &again.json()["status"]), (200, &json!("duplicate")));

    let bad = post(&event(&ago(-400, 0), "W1", "idle", ""));
    assert_eq!((bad.status, &bad.json()["error"]["parameter"]), (400, &json!("timestamp")));
    assert_eq!(post("{").status, 400);
    assert_eq!(post(&event(&ago(1, 0), &"w".repeat(70_000), "idle", "")).status, 413);

    let batch = format!(
        r#"{{"events":[{},{},{{"worker_id":"W1"}},{}]}}"#,
        event(&ago(1, 36_200), "W1", "idle", ""),
        event(&ago(1, 36_200), "W1", "idle", ""),
        event(&ago(1, 36_200), "W1", "dancing", ""),
    );
    let answer = send(&address, "POST", "/api/v1/events/batch", &batch).json();
    let numbers = ["total_received", "successfully_stored", "duplicates_skipped", "late"].map(|k| answer[k].as_u64());
    assert_eq!(numbers, [Some(4), Some(1), Some(1), Some(0)], "{answer}");
    let errors: Vec<_> =
        answer["errors"].as_array().expect("a list").iter().map(|e| (&e["index"], &e["field"])).collect();
    assert_eq!(errors, [(&json!(2), &json!("timestamp")), (&json!(3), &json!("event_type"))]);

    // Killed at once: everything that was answered is there.
    kill(server);
    let (server, address) = serve(at);
    let hours = rows(&address, "worker_hours", 2);
    let of = |worker: &str| hours.iter().find(|r| r["worker"] == worker).expect("a row").clone();
    let w1 = of("W1");
    assert_eq!(
        (&w1["active_us"], &w1["idle_us"], &w1["events"]),
        (&json!(300_000_000), &json!(300_000_000), &json!(2))
    );
    assert_eq!((&w1["utilisation"], &of("W9")["units"]), (&json!(0.5), &json!(4)));
    rows(&address, "late_facts", 1);
    let strangers = rows(&address, "unregistered", 1);
    assert_eq!((&strangers[0]["kind"], &strangers[0]["name"]), (&json!("worker"), &json!("W9")));

    // From the row to its facts, though no publication is due yet.
    let under = |row: &serde_json::Value| {
        let key = format!("{}~{}", row["worker"].as_str().expect("a name"), row["hour"].as_str().expect("an instant"));
        let facts = get(&address, &format!("/api/v1/views/worker_hours/{key}/facts"), &[]).json();
        ["activity", "production"].map(|kind| facts["facts"][kind].as_array().map_or(0, Vec::len))
    };
    assert_eq!((under(&w1), under(&of("W9"))), ([2, 0], [0, 1]));
    assert_eq!(get(&address, "/api/v1/views/worker_hours/W1~7/facts", &[]).status, 404);

    // Deletions correct what was derived, and stay after another kill.
    assert_eq!(send(&address, "DELETE", "/api/v1/events/a-1", "").json(), json!({ "deleted": 1 }));
    assert_eq!(send(&address, "DELETE", "/api/v1/events/a-1", "").status, 404);
    let range = format!("/api/v1/events?from={}&to={}&worker_id=W1", ago(1, 36_150), ago(1, 36_300));
    assert_eq!(send(&address, "DELETE", &range, "").json(), json!({ "deleted": 1 }));
    assert_eq!(send(&address, "DELETE", "/api/v1/events", "").status, 400);
    kill(server);
    let (server, address) = serve(at);
    let hours = rows(&address, "worker_hours", 1);
    assert_eq!((&hours[0]["worker"], &hours[0]["idle_us"]), (&json!("W1"), &json!(0)));
    // What was deleted may be reported again.
    assert_eq!(send(&address, "POST", "/api/v1/events", &own).status, 201);
    rows(&address, "worker_hours", 2);
    interrupt(server).with(0);
    let stored =
        gemba(at, &["sql", "--data", "data", "--format", "csv", "SELECT count(*) AS n FROM production"]).with(0);
    assert_eq!(stored.out.trim(), "n\n1");
}

#[test]
fn a_stream_of_lines_comes_to_the_sums_of_its_events() {
    let folder = site();
    let (server, address) = serve(folder.path());
    // 6,000 events; every tenth line is the one before it again.
    let (mut lines, mut events, mut expected) = (String::new(), BTreeSet::new(), BTreeMap::<&str, (i64, i64)>::new());
    let mut last = String::new();
    for n in 0..6_000i64 {
        let worker = ["W1", "W2", "W3"][(n % 3) as usize];
        let kind = ["working", "working", "idle", "absent"][(n / 3 % 4) as usize];
        let line = if n % 10 == 9 { last.clone() } else { event(&ago(3, n), worker, kind, "") };
        if events.insert(line.clone()) {
            let sums = expected.entry(worker).or_default();
            sums.0 += i64::from(kind == "working") * 300;
            sums.1 += i64::from(kind == "idle") * 300;
        }
        lines.push_str(&line);
        lines.push('\n');
        last = line;
    }
    lines.push_str("no event\n\n");
    let stored = events.len() as u64;
    let answer = send(&address, "POST", "/api/v1/events/stream", &lines).json();
    let numbers =
        ["total_received", "successfully_stored", "duplicates_skipped"].map(|k| answer[k].as_u64().expect("n"));
    assert_eq!(numbers, [6_001, stored, 6_000 - stored], "{answer}");
    assert_eq!(answer["errors"][0]["index"], json!(6_000));
    // The same again is there already, all of it.
    let again = send(&address, "POST", "/api/v1/events/stream", &lines).json();
    assert_eq!((&again["successfully_stored"], &again["duplicates_skipped"]), (&json!(0), &json!(6_000)));

    let sums = get(&address, "/api/v1/productivity/workers", &[]).json();
    let found: BTreeMap<&str, (i64, i64)> = sums["workers"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|w| {
            let seconds = |key: &str| w[key].as_f64().expect("seconds") as i64;
            (w["worker_id"].as_str().expect("a name"), (seconds("active_s"), seconds("idle_s")))
        })
        .collect();
    assert_eq!(found, expected);
    let floor = get(&address, "/api/v1/productivity/floor", &[]).json();
    assert_eq!((&floor["workers"], &floor["events"]), (&json!(3), &json!(stored)));
    let none = get(&address, "/api/v1/productivity/floor?to=2020-01-01T00:00:00Z", &[]).json();
    assert_eq!((&none["events"], &none["mean_worker_utilisation_percent"]), (&json!(0), &Value::Null));
    assert_eq!(get(&address, "/api/v1/productivity/moon", &[]).status, 404);
    let drift = get(&address, "/api/v1/drift", &[]).json();
    assert_eq!(drift["sources"][0]["source"], "S3");
    interrupt(server).with(0);
}

#[test]
fn what_was_refused_is_not_there_when_the_first_is_deleted() {
    let folder = site();
    let (server, address) = serve(folder.path());
    let post = |body: &str| send(&address, "POST", "/api/v1/events", body).status;
    let delete = |id: &str| send(&address, "DELETE", &format!("/api/v1/events/{id}"), "").status;
    let own = event(&ago(1, 0), "W1", "product_count", r#","count":4,"id":"a-1""#);
    let late = event("2024-02-29T10:00:00Z", "W1", "product_count", r#","count":4,"id":"a-2""#);
    for body in [&own, &late] {
        assert_eq!((post(body), post(body)), (201, 200));
    }
    // Of another kind under the same id: the first one counts, late or not.
    assert_eq!(post(&late.replace("product_count", "working").replace("\"count\":4", "\"count\":0")), 409);
    // Whatever comes next carries what was refused away.
    assert_eq!(post(&event(&ago(1, 60), "W2", "idle", "")), 201);
    rows(&address, "worker_hours", 2);
    assert_eq!((delete("a-1"), delete("a-2")), (200, 200));
    rows(&address, "worker_hours", 1);
    rows(&address, "late_facts", 0);
    assert_eq!((post(&own), post(&late)), (201, 201));
    rows(&address, "worker_hours", 2);
    rows(&address, "late_facts", 1);
    interrupt(server).with(0);
}

#[test]
fn a_stream_that_goes_on_is_stored_while_it_does() {
    let folder = site();
    let (server, address) = serve(folder.path());
    let mut stream = TcpStream::connect(&address).expect("a connection");
    let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
    let head =
        "POST /api/v1/events/stream HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    let (one, other) = (event(&ago(1, 0), "W1", "working", ""), event(&ago(1, 0), "W2", "working", ""));
    // The second line is not whole yet.
    let (begin, end) = other.split_at(40);
    stream.write_all(format!("{head}{}", chunk(&format!("{one}\n{begin}"))).as_bytes()).expect("sent");
    rows(&address, "worker_hours", 1);
    stream.write_all(format!("{}0\r\n\r\n", chunk(end)).as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.contains(r#""successfully_stored":2,"total_received":2"#), "{answer}");
    rows(&address, "worker_hours", 2);
    interrupt(server).with(0);
}

#[test]
fn rules_are_live_and_can_be_tried_first() {
    let folder = site();
    let at = folder.path();
    let (server, address) = serve(at);
    for n in 0..3 {
        let body = event(&ago(1, 36_000 + 60 * n), "W1", "working", "");
        assert_eq!(send(&address, "POST", "/api/v1/events", &body).status, 201);
    }
    assert_eq!(rows(&address, "worker_hours", 1)[0]["active_s"], json!(900.0));

    // A wrong file changes nothing, and says where it is wrong.
    write(at, "site.toml", SITE.replace("event_duration", "event_duratoin"));
    let refused = gemba(at, &["reload", "--listen", &address]).with(1);
    refused.says(&["site.toml:7:", "event_duration"]);
    // A right one changes the past, and says what.
    write(at, "site.toml", SITE.replace("300s", "60s"));
    let reloaded = gemba(at, &["reload", "--listen", &address]).with(0);
    for text in ["reloaded: 1 rules added, 1 removed", "+ rule {\"Productivity\"", "worker_hours: 1 rows came, 1 left"]
    {
        assert!(reloaded.out.contains(text), "`{text}` is not in {}", reloaded.out);
    }
    assert_eq!(get(&address, "/api/v1/productivity/workers", &[]).json()["workers"][0]["active_s"], json!(180.0));
    // A signal does the same, and says the same; nothing is left to change.
    let mut server = server;
    server.signal("HUP");
    server.line("reloaded: 0 rules added, 0 removed");
    write(at, "site.toml", SITE);
    server.signal("HUP");
    for line in ["reloaded: 1 rules added, 1 removed", "worker_hours: 1 rows came, 1 left", "+ {\"WorkerHour\""] {
        server.line(line);
    }
    write(at, "site.toml", SITE.replace("300s", "60s"));
    gemba(at, &["reload", "--listen", &address]).with(0);
    interrupt(server).with(0);

    // The other rules tried on what is stored: nothing is written.
    write(at, "other.toml", SITE.replace("event_duration = \"300s\"", "duration = \"until_next\"\nmax_gap = \"2m\""));
    let tried = gemba(at, &["whatif", "--site", "other.toml", "--facts", "data", "--view", "worker_hours"]).with(0);
    // 60 s and 60 s to the next events, and two minutes for the last: 240 s instead of 3 × 60 s.
    for text in ["worker_hours: 0 gone, 0 new, 1 changed", "180000000", "240000000"] {
        assert!(tried.out.contains(text), "`{text}` is not in {}", tried.out);
    }
    let same = gemba(at, &["whatif", "--site", "site.toml", "--facts", "data"]).with(0);
    assert_eq!(same.out.trim(), "no difference");
}

#[test]
fn drift_is_measured_from_a_pinned_baseline() {
    let folder = site();
    let at = folder.path();
    // The local date of ten days before yesterday.
    let date = |days: i64| {
        let midnight = gemba_schemas::time::EventTime::parse(&ago(days, 19_800)).expect("an instant");
        midnight.rfc3339()[..10].to_owned()
    };
    let alert = "[[alert]]\nkind = \"type_drift\"\nmin_samples = 2\n";
    let pinned = format!("{SITE}{alert}[drift]\nbaseline = {{ from = \"{0}\", to = \"{0}\" }}\n", date(10));
    write(at, "site.toml", &pinned);
    let (server, address) = serve(at);
    let post = |ts: String, kind: &str| {
        assert_eq!(send(&address, "POST", "/api/v1/events", &event(&ts, "W1", kind, "")).status, 201);
    };
    for n in 0..2 {
        post(ago(10, 36_000 + 60 * n), "idle");
        // In the 30 days, but not pinned.
        post(ago(5, 36_000 + 60 * n), "working");
        post(ago(1, 36_000 + 60 * n), "working");
    }
    // Working 2 and idle 0 against 0 and 2, each raised by one: ln 3, in the alert to 1/10 000.
    let alerts = rows(&address, "alerts", 1);
    assert_eq!((&alerts[0]["kind"], &alerts[0]["worst"]), (&json!("type_drift"), &json!(10_986)));
    // The hour of the last reports, whatever the time is now.
    let measured = || get(&address, &format!("/api/v1/drift?at={}", ago(1, 11 * 3_600)), &[]).json();
    let drift = measured();
    let psi = |drift: &Value| drift["sources"][0]["event_types"]["psi"].as_f64().expect("a number");
    assert!((psi(&drift) - 3f64.ln()).abs() < 1e-9, "{drift}");
    let compared = &drift["baseline"];
    assert_eq!((&compared["pinned"], &drift["sources"][0]["baseline"]["count"]), (&json!(true), &json!(2)));
    // Nothing but work, and two reports in an hour that there were reports in: both are flagged.
    let source = &drift["sources"][0];
    let flags = ["working_share_outside", "reports_per_minute_outside"].map(|key| &source[key]);
    assert_eq!((flags, &source["last_hour"]["unsure"]), ([&json!(true); 2], &json!(false)), "{drift}");
    assert!((source["reports_per_minute"].as_f64().expect("a number") - 2.0 / 60.0).abs() < 1e-9, "{drift}");
    assert_eq!(source["bounds"]["reports_per_minute"], json!([5.0, 25.0]));
    // At this hour nobody reports, and that is not hidden.
    let now = get(&address, "/api/v1/drift", &[]).json();
    assert_eq!(now["sources"][0]["last_hour"]["count"], json!(0), "{now}");
    // Another file, another baseline: 2 and 0 against 2 and 2.
    write(at, "site.toml", format!("{SITE}{alert}"));
    gemba(at, &["reload", "--listen", &address]).with(0);
    let drift = measured();
    assert_eq!((&drift["baseline"]["pinned"], &drift["sources"][0]["baseline"]["count"]), (&json!(false), &json!(4)));
    assert!((psi(&drift) - 0.274_653).abs() < 1e-6, "{drift}");
    interrupt(server).with(0);
}

#[test]
fn marks_and_plates_are_answered_with_their_rows() {
    let folder = site();
    let (server, address) = serve(folder.path());
    // 09:05 in India, five minutes after the start: within grace.
    let body = format!(r#"{{"employee_id":"E1","timestamp":"{}"}}"#, ago(1, 9 * 3_600 + 300));
    let came = send(&address, "POST", "/api/v1/attendance/check-in", &body);
    assert_eq!(came.status, 201, "{}", came.text());
    let day = &came.json()["attendance_days"];
    assert_eq!((&day["employee"], &day["grace_period_applied"]), (&json!("E1"), &json!(true)));
    let body = format!(r#"{{"employee_id":"E1","timestamp":"{}"}}"#, ago(1, 17 * 3_600));
    let went = send(&address, "POST", "/api/v1/attendance/check-out", &body).json();
    assert_eq!((&went["attendance_days"]["status"], &went["kind"]), (&json!("present"), &json!("out")));

    let summary = get(&address, "/api/v1/attendance/summary", &[]).json();
    assert_eq!((&summary["employees"]["E1"]["on_time"], &summary["summary"]["late"]), (&json!(1), &json!(0)));
    assert_eq!(get(&address, "/api/v1/quality", &[]).json()["status"], "healthy");

    let read = |plate: &str, confidence: f64, second: i64| {
        let ts = ago(1, 40_000 + second);
        let body = format!(r#"{{"camera":"gate","plate":"{plate}","confidence":{confidence},"timestamp":"{ts}"}}"#);
        send(&address, "POST", "/api/v1/vehicle/validate-plate", &body).json()
    };
    // One read is not enough, two are, whatever the OCR made of the spaces and of a zero.
    assert_eq!(read("MH 12 AB 1234", 0.9, 0)["gate_events"], Value::Null);
    let event = read("mh-I2-AB-1234", 0.9, 5);
    assert_eq!(
        (&event["gate_events"]["plate"], &event["gate_events"]["status"]),
        (&json!("MH12AB1234"), &json!("blocked"))
    );
    assert_eq!(read("KA05X99", 0.99, 300)["gate_events"], Value::Null);
    let outcomes: BTreeSet<_> =
        rows(&address, "gate_read_hours", 2).iter().map(|r| r["outcome"].as_str().expect("text").to_owned()).collect();
    assert_eq!(outcomes, ["accepted", "bad_format"].map(str::to_owned).into());
    interrupt(server).with(0);
}

#[test]
fn nobody_waits_for_a_publication_but_who_deletes() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    write(at, "site.toml", SITE.replace("[productivity]", "[data]\nfreshness = \"100ms\"\n\n[productivity]"));
    let (server, address) = serve(at);
    let metric = |name: &str| -> u64 {
        let text = get(&address, "/metrics", &[]).text();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.and_then(|v| v.parse().ok()).unwrap_or_else(|| panic!("no {name} in {text}"))
    };
    // A publication reads what it keeps of the site, and goes on when somebody has written into this pipe.
    let kept = at.join("data/lake/site.toml");
    assert!(!kept.exists(), "nothing was there to be published");
    assert!(std::process::Command::new("mkfifo").arg(&kept).status().expect("mkfifo").success());
    let post = |n: i64| {
        let body = event(&ago(1, 36_000 + n), "W1", "product_count", &format!(r#","count":1,"id":"a-{n}""#));
        send(&address, "POST", "/api/v1/events", &body).status
    };
    assert_eq!(post(0), 201);
    let pipe = std::fs::OpenOptions::new().write(true).open(&kept).expect("opened when a publication reads it");

    // It stands still, and everything else goes on: facts, answers, epochs.
    for n in 1..40 {
        assert_eq!((post(n), metric("gemba_publishing")), (201, 1));
    }
    assert_eq!(post(0), 200, "what is away with it is known");
    soon("no epoch is committed", || {
        let rows = get(&address, "/api/v1/views/worker_hours", &[]).json();
        rows["rows"][0]["units"] == json!(40)
    });
    assert!(metric("gemba_published_tick") < metric("gemba_committed_tick"));
    assert!(metric("gemba_unpublished_facts") >= 40);
    assert_eq!(metric("gemba_publishing"), 1);

    // A deletion needs the lake. What it is about is on its way there.
    let deletes = std::thread::spawn({
        let address = address.clone();
        move || send(&address, "DELETE", "/api/v1/events/a-0", "").json()
    });
    drop(pipe);
    assert_eq!(deletes.join().expect("an answer"), json!({ "deleted": 1 }));
    soon("the lake does not catch up", || metric("gemba_unpublished_facts") == 0 && metric("gemba_publishing") == 0);
    assert!(metric("gemba_publications_total") >= 2);
    interrupt(server).with(0);
    assert_eq!(sql(&at.join("data"), "SELECT count(*)::BIGINT AS n FROM production")[0]["n"], json!(39));
    gemba(at, &["verify", "--out", "data"]).with(0);
}
