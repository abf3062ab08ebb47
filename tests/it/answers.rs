//! What clients are told: of their own report and of no other, with what is wrong by its name, and nothing from memory
//! when there is too much.

use crate::clients::{ago, event, rows};
use crate::command::{Running, gemba, interrupt, soon, start, write};
use crate::endpoint::{address, get, ready, send, serve, site as benches};
use gemba::endpoint::{Shared, quick};
use gemba::progress::Progress;
use gemba_schemas::site::Site;
use gemba_schemas::time::EventTime;
use serde_json::{Value, json};
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

const SITE: &str = r#"
[site]
name = "Hall 2"
time_zone = "Asia/Kolkata"

[[shift]]
name = "night"
employees = ["N1"]
days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
start = "22:00"
end = "06:00"

[[shift]]
name = "day"
employees = ["E1", "E2"]
days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
start = "09:00"
end = "17:00"

[gate]

[[gate.plate]]
plate = "MH12AB1234"
list = "authorized"
"#;

const HOUR: i64 = 3_600;

fn running(site: &str) -> (TempDir, Running, String) {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "site.toml", site);
    let mut server = start(folder.path(), &["serve", "data", "--site", "site.toml", "--listen", "127.0.0.1:0"]);
    let address = address(&mut server);
    ready(&address);
    (folder, server, address)
}

/// An instant of an answer, µs.
#[track_caller]
fn micros(value: &Value) -> i64 {
    EventTime::parse(value.as_str().expect("a text")).expect("an instant").0
}

#[test]
fn a_gate_is_not_opened_by_the_vehicle_before() {
    let (_folder, server, address) = running(SITE);
    let read = |plate: &str, confidence: f64, second: i64| {
        let ts = ago(1, 40_000 + second);
        let body = format!(r#"{{"camera":"gate","plate":"{plate}","confidence":{confidence},"timestamp":"{ts}"}}"#);
        let answer = send(&address, "POST", "/api/v1/vehicle/validate-plate", &body);
        assert_eq!(answer.status, 201, "{}", answer.text());
        let answer = answer.json();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        (text(&answer["read"]), text(&answer["reason"]), text(&answer["gate_events"]["plate"]))
    };
    let is = |read: &str, reason: Option<&str>, plate: Option<&str>| {
        (Some(read.to_owned()), reason.map(str::to_owned), plate.map(str::to_owned))
    };
    assert_eq!(read("MH12AB1234", 0.9, 0), is("unconfirmed", None, None));
    assert_eq!(read("MH12AB1234", 0.9, 20), is("accepted", None, Some("MH12AB1234")));
    // While that one stands there: another, nothing legible, and the same too dim to count.
    assert_eq!(read("KA01ZZ9999", 0.9, 10), is("unconfirmed", None, None));
    assert_eq!(read("rubbish", 0.2, 11), is("rejected", Some("low_confidence"), None));
    assert_eq!(read("MH12AB1234", 0.85, 12), is("rejected", Some("low_confidence"), None));
    assert_eq!(read("rubbish", 0.9, 13), is("rejected", Some("bad_format"), None));
    // Each has a row of its own.
    assert_eq!(read("ka-01 zz 9999", 0.9, 14), is("accepted", None, Some("KA01ZZ9999")));
    assert_eq!(read("MH I2 AB 1234", 0.9, 15), is("accepted", None, Some("MH12AB1234")));
    // The same read again is answered as it was.
    let body = format!(r#"{{"camera":"gate","plate":"rubbish","confidence":0.2,"timestamp":"{}"}}"#, ago(1, 40_011));
    let again = send(&address, "POST", "/api/v1/vehicle/validate-plate", &body);
    assert_eq!((again.status, &again.json()["reason"]), (200, &json!("low_confidence")));
    let late = r#"{"camera":"gate","plate":"MH12AB1234","confidence":0.99,"timestamp":"2024-02-29T10:00:00Z"}"#;
    let late = send(&address, "POST", "/api/v1/vehicle/validate-plate", late).json();
    assert_eq!(
        (&late["read"], &late["reason"], &late["gate_events"]),
        (&json!("rejected"), &json!("late"), &Value::Null)
    );
    interrupt(server).with(0);
}

#[test]
fn a_mark_is_answered_with_the_row_of_its_own_shift() {
    let (_folder, server, address) = running(SITE);
    let mark = |kind: &str, ts: String| {
        let body = format!(r#"{{"employee_id":"N1","timestamp":"{ts}"}}"#);
        send(&address, "POST", &format!("/api/v1/attendance/check-{kind}"), &body).json()["attendance_days"].clone()
    };
    let day = |days| micros(&json!(ago(days, 0)));
    assert_eq!(micros(&mark("in", ago(4, 22 * HOUR))["day"]), day(4));
    assert_eq!(micros(&mark("in", ago(3, 22 * HOUR))["day"]), day(3));
    // The next shift has a row already when somebody says when the one before ended, and that they came twice.
    let out = mark("out", ago(3, 6 * HOUR + 300));
    assert_eq!((micros(&out["day"]), micros(&out["last_out"])), (day(4), micros(&json!(ago(3, 6 * HOUR + 300)))));
    assert_eq!(out["status"], "present");
    let again = mark("in", ago(4, 22 * HOUR + 1_800));
    assert_eq!((micros(&again["day"]), &again["repeats_ignored"]), (day(4), &json!(1)));
    assert_eq!(micros(&mark("in", ago(3, 21 * HOUR))["day"]), day(3));
    interrupt(server).with(0);
}

#[test]
fn only_expected_shifts_are_on_time() {
    let date = &EventTime(micros(&json!(ago(3, 12 * HOUR)))).rfc3339()[..10];
    let (_folder, server, address) = running(&format!("{SITE}[[holiday]]\ndate = \"{date}\"\nname = \"Holi\"\n"));
    let mark = |employee: &str, kind: &str, ts: String| {
        let body = format!(r#"{{"employee_id":"{employee}","timestamp":"{ts}"}}"#);
        assert_eq!(send(&address, "POST", &format!("/api/v1/attendance/check-{kind}"), &body).status, 201);
    };
    // A guest who only went; somebody who works on a holiday; and a usual day.
    mark("G1", "out", ago(1, 10 * HOUR));
    for (employee, days) in [("E2", 3), ("E1", 1)] {
        mark(employee, "in", ago(days, 9 * HOUR));
        mark(employee, "out", ago(days, 17 * HOUR));
    }
    soon("now is not committed", || {
        let from = &get(&address, "/api/v1/attendance/summary", &[]).json()["from"];
        (micros(&json!(ago(0, 0))) - micros(from)) / 1_000_000 < 36 * 24 * HOUR
    });
    let summary = get(&address, "/api/v1/attendance/summary", &[]).json();
    let of = |employee: &str| {
        let days = &summary["employees"][employee];
        ["on_time", "unexpected_days", "flagged_for_review"].map(|key| days[key].as_u64().expect("a number"))
    };
    assert_eq!((of("G1"), of("E1"), of("E2")), ([0, 1, 1], [1, 0, 0], [0, 1, 0]), "{summary}");
    let guest = &summary["employees"]["G1"];
    assert_eq!((&guest["total_days"], &guest["on_time_percentage"]), (&json!(0), &Value::Null));
    assert_eq!(summary["summary"]["unexpected_days"], json!(2));
    // Without a range it is not all of history.
    let until = format!("/api/v1/attendance/summary?to={}", ago(1, 0));
    let until = get(&address, &until, &[]).json();
    assert_eq!(micros(&until["to"]) - micros(&until["from"]), 35 * 24 * HOUR * 1_000_000);
    interrupt(server).with(0);
}

#[test]
fn a_batch_names_what_is_wrong_with_each_item() {
    let (_folder, server, address) = running(SITE);
    let own = event(&ago(1, 0), "W1", "product_count", r#","count":4,"id":"a-1""#);
    assert_eq!(send(&address, "POST", "/api/v1/events", &own).status, 201);
    let items = [
        event(&ago(1, 1), "W1", "idle", ""),
        event(&ago(1, 2), "W1", "idle", r#","confidence":"high""#),
        event(&ago(1, 3), "W1", "idle", r#","colour":"red""#),
        event(&ago(1, 4), "W1", "idle", r#","worker_id":"W2""#),
        event(&ago(1, 5), "W1", "idle", &format!(r#","confidence":{}{}"#, "[".repeat(200), "]".repeat(200))),
        "[".repeat(200) + &"]".repeat(200),
        own.replace("\"count\":4", "\"count\":5"),
        "7".into(),
    ];
    let body = format!(r#"{{"events":[{}]}}"#, items.join(", "));
    let answer = send(&address, "POST", "/api/v1/events/batch", &body).json();
    assert_eq!((&answer["total_received"], &answer["successfully_stored"]), (&json!(8), &json!(1)), "{answer}");
    let errors: Vec<_> = answer["errors"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|e| {
            (e["index"].as_u64().expect("n"), e["status"].as_u64().expect("n"), e["field"].as_str().expect("text"))
        })
        .collect();
    let named = [
        (1, 400, "confidence"),
        (2, 400, "colour"),
        (3, 400, "worker_id"),
        (4, 400, "confidence"),
        (5, 400, "[0]"),
        (6, 409, "id"),
        (7, 400, ""),
    ];
    assert_eq!(errors, named, "{answer}");
    // Columns are those of the item as it was sent.
    let column = items[1].find("\"high\"").expect("there") + "\"high\"".len();
    let message = answer["errors"][0]["message"].as_str().expect("a text");
    assert!(message.ends_with(&format!("line 1 column {column}")), "{message}");
    // Alone they are refused by the same names.
    let alone = send(&address, "POST", "/api/v1/events", &items[1]);
    assert_eq!((alone.status, &alone.json()["error"]["parameter"]), (400, &json!("confidence")));
    interrupt(server).with(0);
}

#[test]
fn an_own_id_that_looks_like_a_given_one_is_found() {
    let (_folder, server, address) = running(SITE);
    let delete = |id: &str| send(&address, "DELETE", &format!("/api/v1/events/{id}"), "").status;
    let own = event(&ago(1, 0), "W1", "idle", r#","id":"g-0123456789abcdef""#);
    assert_eq!(send(&address, "POST", "/api/v1/events", &own).status, 201);
    let given = send(&address, "POST", "/api/v1/events", &event(&ago(1, 60), "W1", "idle", "")).json();
    assert_eq!((delete("g-0123456789abcdef"), delete("g-0123456789abcdef")), (200, 404));
    assert_eq!(delete(given["id"].as_str().expect("an id")), 200);
    rows(&address, "worker_hours", 0);
    interrupt(server).with(0);
}

#[test]
fn what_waits_for_a_review_waits_longer_while_nobody_works() {
    let folder = benches();
    let at: &Path = folder.path();
    // Sessions of two days ago, and the end of the footage is now.
    let began = ago(1, 8 * HOUR);
    gemba(at, &["replay", "bench=bench/1.mp4", "--start", &began, "--out", "out", "--quiet"]).with(0);
    let (server, address) = serve(at, "out");
    let quality = || get(&address, "/api/v1/quality", &[]).json();
    let replayed = quality();
    let bench = &replayed["cameras"]["bench"];
    assert_eq!((&replayed["status"], bench["pending"].as_u64()), (&bench["status"], Some(3)), "{replayed}");
    assert_eq!(bench["hours_since_review"]["status"], "healthy", "{replayed}");
    assert!((micros(&replayed["at"]) - micros(&json!(began))) / 1_000_000 <= 60, "{replayed}");
    // Somebody reports, so now is now; nothing happens at the bench, and that is what is wrong.
    let report = event(&ago(0, 0), "W1", "idle", "");
    assert_eq!(send(&address, "POST", "/api/v1/events", &report).status, 201);
    soon("now does not go on", || quality()["cameras"]["bench"]["hours_since_review"]["status"] == "critical");
    let later = quality();
    assert_eq!((&later["status"], &later["cameras"]["bench"]["pending"]), (&json!("critical"), &json!(3)));
    // Reviewed, it starts anew.
    let session = bench["oldest_pending"].as_str().expect("an instant");
    let review = format!(r#"{{"camera":"bench","session":"{session}","outcome":"ok","reviewer":"R1"}}"#);
    let review = send(&address, "POST", "/api/v1/reviews", &review);
    assert_eq!(review.status, 201, "{}", review.text());
    let reviewed = quality();
    let bench = &reviewed["cameras"]["bench"];
    assert_eq!(
        (&bench["hours_since_review"]["status"], &bench["pending"]),
        (&json!("healthy"), &json!(2)),
        "{reviewed}"
    );
    let drift = get(&address, "/api/v1/drift", &[]).json();
    assert!(micros(&drift["at"]) >= micros(&later["at"]), "the last hour is the one under way: {drift}");
    interrupt(server).with(0);
}

/// An endpoint whose facts nobody takes in.
fn endpoint(folder: &Path) -> (gemba::endpoint::Server, gemba::inbox::Inbox, gemba::inbox::Outbox) {
    let site = Site::parse(SITE, &folder.join("site.toml")).expect("a site");
    let (inbox, outbox) = gemba::inbox::inbox();
    let live = Arc::new(gemba_sinks::Live::default());
    let shared = Shared::new(&site, Arc::new(Progress::default()), (inbox.clone(), live), folder.join("lake"));
    (gemba::endpoint::start("127.0.0.1:0", shared).expect("a port"), inbox, outbox)
}

#[test]
fn over_the_bound_it_is_said_when_to_come_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let (server, inbox, outbox) = endpoint(folder.path());
    let address = server.address.to_string();
    let one = event(&ago(1, 0), "W1", "idle", "");
    let fact = quick::fact(&one, EventTime::MAX - gemba_schemas::time::Micros::HOUR).expect("an event");
    let waiting = inbox.post(vec![fact; 200_000]).expect("room");
    let batch = format!(r#"{{"events":[{one},{one}]}}"#);
    let mark = format!(r#"{{"employee_id":"E1","timestamp":"{}"}}"#, ago(1, 0));
    for (path, body) in [("events", &one), ("events/batch", &batch), ("attendance/check-in", &mark)] {
        let answer = send(&address, "POST", &format!("/api/v1/{path}"), body);
        assert_eq!((answer.status, answer.headers["retry-after"].as_str()), (429, "1"), "{}", answer.text());
    }
    // What was refused takes no room; what is answered makes some.
    assert_eq!(inbox.waiting(), 200_000);
    outbox.answered(200_000);
    assert_eq!(inbox.waiting(), 0);
    drop((waiting, outbox));
    // Nobody is there any more.
    let answer = send(&address, "POST", "/api/v1/events", &one);
    assert_eq!((answer.status, answer.headers["retry-after"].as_str()), (503, "1"));
}

#[test]
fn sizes_and_depths_have_bounds() {
    let folder = tempfile::tempdir().expect("a folder");
    let (server, inbox, _outbox) = endpoint(folder.path());
    let address = server.address.to_string();
    let batch = |items: &str| send(&address, "POST", "/api/v1/events/batch", &format!(r#"{{"events":[{items}]}}"#));
    let parameter = |answer: &crate::endpoint::Answer| answer.json()["error"]["parameter"].clone();
    for items in [String::new(), "{},".repeat(10_000) + "{}"] {
        let answer = batch(&items);
        assert_eq!((answer.status, parameter(&answer)), (400, json!("events")), "{}", answer.text());
    }
    let most = batch(&("{},".repeat(9_999) + "{}"));
    assert_eq!((most.status, most.json()["errors"].as_array().map(Vec::len)), (200, Some(10_000)));
    for (body, named) in [
        (r#"{"events":[{}],"more":1}"#, "more"),
        (r#"{"events":[{}],"events":[]}"#, "events"),
        (r#"{"events":{}}"#, "events"),
    ] {
        let answer = send(&address, "POST", "/api/v1/events/batch", body);
        assert_eq!((answer.status, parameter(&answer)), (400, json!(named)), "{}", answer.text());
    }
    // However deep, it is one wrong item; and one wrong body.
    let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let answer = batch(&deep(4 << 20));
    assert_eq!((answer.status, &answer.json()["errors"][0]["index"]), (200, &json!(0)));
    for body in [deep(30_000), "{\"id\":".repeat(9_000), format!(r#"{{"count":{}}}"#, deep(30_000))] {
        assert_eq!(send(&address, "POST", "/api/v1/events", &body).status, 400);
    }
    let line = format!("{}\n{{}}\n", deep(30_000));
    let answer = send(&address, "POST", "/api/v1/events/stream", &line).json();
    assert_eq!((&answer["total_received"], answer["errors"].as_array().map(Vec::len)), (&json!(2), Some(2)));
    assert_eq!(send(&address, "POST", "/api/v1/events/batch", &" ".repeat((16 << 20) + 1)).status, 413);
    assert_eq!(inbox.waiting(), 0);
}

#[test]
fn large_bodies_wait_for_room_outside() {
    let folder = tempfile::tempdir().expect("a folder");
    let (server, _inbox, _outbox) = endpoint(folder.path());
    let address = server.address.to_string();
    // Said to be long, and never sent: eight of them are all there is room for.
    let head = "POST /api/v1/events/batch HTTP/1.1\r\nHost: gemba\r\nContent-Length: 16777216\r\n\r\n";
    let long: Vec<_> = (0..8)
        .map(|_| {
            let mut stream = TcpStream::connect(&address).expect("a connection");
            stream.write_all(head.as_bytes()).expect("a head is sent");
            stream
        })
        .collect();
    let batch = || send(&address, "POST", "/api/v1/events/batch", r#"{"events":[]}"#);
    soon("there is room still", || batch().status == 429);
    assert_eq!(batch().headers["retry-after"], "1");
    drop(long);
    soon("there is no room again", || batch().status == 400);
}
