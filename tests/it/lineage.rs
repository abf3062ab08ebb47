//! From a row of each view to exactly the facts under it, over HTTP.

mod seen;

use crate::command::{interrupt, write};
use crate::endpoint::{get, send};
use crate::keep::serving;
use gemba_schemas::time::EventTime;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const SITE: &str = r#"
[site]
name = "Hall 2"
time_zone = "Asia/Kolkata"

[data]
freshness = "100ms"

[[worker]]
name = "W1"

[[worker]]
name = "W2"

[[station]]
name = "S3"
"#;

/// So many seconds after midnight in India (18:30Z) two days ago, RFC 3339: within the horizon whenever this runs.
fn at(seconds: i64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs() as i64;
    let midnight = (now - 2 * 86_400 + 19_800).div_euclid(86_400) * 86_400 - 19_800;
    EventTime((midnight + seconds) * 1_000_000).rfc3339()
}

/// The same, by the clock.
fn clock(hour: i64, minute: i64) -> String {
    at(hour * 3_600 + minute * 60)
}

/// What is listed under a row, by kind: of a client's facts their ids, of a camera's what `label` says.
fn listed(answer: &Value, label: impl Fn(&Value) -> String) -> BTreeMap<String, Vec<String>> {
    let facts = answer["facts"].as_object().unwrap_or_else(|| panic!("{answer}"));
    let of = |facts: &Value| facts.as_array().expect("a list").iter().map(&label).collect();
    facts.iter().map(|(kind, facts)| (kind.clone(), of(facts))).collect()
}

/// Kinds of facts, each with those that are listed.
type Kinds<'a> = &'a [(&'a str, &'a [&'a str])];

/// The kinds that must be listed, each with its facts.
fn expected(kinds: Kinds) -> BTreeMap<String, Vec<String>> {
    kinds.iter().map(|(kind, facts)| ((*kind).into(), facts.iter().map(|f| (*f).into()).collect())).collect()
}

fn facts(address: &str, view: &str, key: &str) -> Value {
    get(address, &format!("/api/v1/views/{view}/{}/facts", key.replace(' ', "%20")), &[]).json()
}

/// Asserts what a client's facts under a row are.
#[track_caller]
fn under(address: &str, view: &str, key: &str, kinds: Kinds) {
    let answer = facts(address, view, key);
    let found = listed(&answer, |fact| fact["request"].as_str().unwrap_or_default().to_owned());
    assert_eq!(found, expected(kinds), "{view} {key}");
    assert_eq!((&answer["truncated"], &answer["next_offset"]), (&json!(false), &Value::Null));
}

#[track_caller]
fn post(address: &str, path: &str, mut body: Value, id: &str, timestamp: String) {
    body["id"] = id.into();
    body["timestamp"] = timestamp.into();
    let answer = send(address, "POST", &format!("/api/v1/{path}"), &body.to_string());
    assert_eq!(answer.status, 201, "{body}: {}", answer.text());
}

fn reported(worker: &str, station: &str, what: &str) -> Value {
    let mut body = json!({ "worker_id": worker, "workstation_id": station, "event_type": what });
    if what == "product_count" {
        body["count"] = 4.into();
    }
    body
}

fn event(address: &str, id: &str, (worker, station, what): (&str, &str, &str), timestamp: String) {
    post(address, "events", reported(worker, station, what), id, timestamp);
}

#[test]
fn lineage_of_work_has_what_lasts_into_the_hour_and_what_ends_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let until_next = format!("{SITE}[productivity]\nduration = \"until_next\"\nmax_gap = \"30m\"\n");
    write(folder.path(), "site.toml", &until_next);
    let server = serving(folder.path(), |address| {
        let event = |id: &str, who: (&str, &str, &str), ts| event(address, id, who, ts);
        event("a0", ("W1", "S3", "working"), clock(9, 20));
        event("a1", ("W1", "S3", "working"), clock(9, 50));
        event("a2", ("W1", "S4", "idle"), clock(10, 15));
        event("p1", ("W1", "S3", "product_count"), clock(10, 25));
        event("a3", ("W1", "S3", "working"), clock(10, 30));
        event("b1", ("W2", "S3", "working"), clock(9, 10));
        event("b2", ("W2", "S4", "working"), clock(12, 50));
        event("late", ("W1", "S4", "working"), "2024-02-29T04:30:00Z".into());
        let hour = |name: &str, hour: i64| format!("{name}~{}", clock(hour, 0));

        under(address, "worker_hours", &hour("W1", 10), &[("activity", &["a1", "a2", "a3"]), ("production", &["p1"])]);
        // Nobody reported anything in this hour.
        under(address, "worker_hours", &hour("W2", 13), &[("activity", &["b2"]), ("production", &[])]);
        // a2 ends there what a1 began here; b1 ended 20 minutes before.
        under(address, "station_hours", &hour("S3", 10), &[("activity", &["a1", "a2", "a3"]), ("production", &["p1"])]);
        under(address, "station_hours", &hour("S4", 10), &[("activity", &["a2", "a3"]), ("production", &[])]);
        under(address, "station_hours", &hour("S4", 13), &[("activity", &["b2"]), ("production", &[])]);
        under(address, "floor_hours", &clock(10, 0), &[("activity", &["a1", "a2", "a3"]), ("production", &["p1"])]);
        under(address, "floor_hours", &clock(13, 0), &[("activity", &["b2"]), ("production", &[])]);
        // What came too late counts in no other view.
        let stranger = "station~S4";
        under(address, "unregistered", stranger, &[("activity", &["a2", "b2"]), ("production", &[])]);
        let late = get(address, "/api/v1/views/late_facts", &[]).json()["rows"][0]["id"].to_string();
        under(address, "late_facts", late.trim_matches('"'), &[("activity", &["late"])]);

        // A page at a time.
        let path = format!("/api/v1/views/worker_hours/{}/facts", hour("W1", 10));
        let page = |query: &str| get(address, &format!("{path}?{query}"), &[]);
        let ids = |answer: &Value| listed(answer, |fact| fact["request"].as_str().unwrap_or_default().to_owned());
        let first = page("limit=2").json();
        assert_eq!(ids(&first), expected(&[("activity", &["a1", "a2"]), ("production", &["p1"])]));
        assert_eq!((&first["truncated"], &first["next_offset"]), (&json!(true), &json!(2)));
        let rest = page("limit=2&offset=2").json();
        assert_eq!(ids(&rest), expected(&[("activity", &["a3"]), ("production", &[])]));
        assert_eq!((&rest["truncated"], &rest["next_offset"]), (&json!(false), &Value::Null));
        for (query, parameter) in [("limit=0", json!("limit")), ("offset=x", json!("offset")), ("page=2", Value::Null)]
        {
            let answer = page(query);
            assert_eq!((answer.status, &answer.json()["error"]["parameter"]), (400, &parameter), "{query}");
        }

        // The rules as they are now: each event stands for itself, and strangers count no more.
        write(folder.path(), "site.toml", format!("{SITE}[productivity]\nrequire_registered = true\n"));
        assert_eq!(send(address, "POST", "/api/v1/reload", "").status, 200);
        under(address, "worker_hours", &hour("W1", 10), &[("activity", &["a3"]), ("production", &["p1"])]);
        under(address, "unregistered", stranger, &[("activity", &["a2", "b2"]), ("production", &[])]);
    });
    interrupt(server).with(0);
}

#[test]
fn lineage_of_models_and_their_alerts_has_their_own_reports() {
    let folder = tempfile::tempdir().expect("a folder");
    let alerts = r#"
        [drift]
        min_samples = 2
        [[alert]]
        kind = "confidence"
        min_samples = 2
        [[alert]]
        kind = "station_utilisation"
        threshold = 0.9
        clear = 0.95
        min_observed = "1s"
        [[alert]]
        kind = "floor_utilisation"
        threshold = 0.9
        clear = 0.95
        min_observed = "1s"
        [[alert]]
        kind = "working_share"
        threshold = 0.8
        clear = 0.8
        most = 0.99
        most_clear = 0.99
        min_samples = 3
        [[alert]]
        kind = "report_rate"
        [[alert]]
        kind = "type_drift"
        threshold = 0.001
        clear = 0.001
        min_samples = 1
    "#;
    write(folder.path(), "site.toml", format!("{SITE}{alerts}"));
    let server = serving(folder.path(), |address| {
        let report = |id: &str, what: &str, (version, confidence): (&str, f64), ts| {
            let mut body = reported("W1", "S3", what);
            body["model_id"] = "m".into();
            body["model_version"] = version.into();
            body["confidence"] = confidence.into();
            post(address, "events", body, id, ts);
        };
        let day = -24;
        report("z0", "working", ("1", 0.95), clock(day + 10, 30));
        report("z1", "working", ("1", 0.95), clock(day + 12, 30));
        for (hour, [one, two, other]) in [(10, ["d1", "d2", "x1"]), (11, ["e1", "e2", "x2"])] {
            report(one, "working", ("1", 0.5), clock(hour, 10));
            report(two, "working", ("1", 0.5), clock(hour, 11));
            report(other, "idle", ("2", 0.5), clock(hour, 12));
        }
        report("y1", "working", ("1", 0.95), clock(12, 10));
        report("y2", "working", ("1", 0.95), clock(12, 11));
        report("p1", "product_count", ("1", 0.95), clock(12, 20));
        event(address, "s9", ("W2", "S9", "working"), clock(10, 10));

        let (ten, twelve) = (clock(10, 0), clock(12, 0));
        fn own<'a>(activity: &'a [&'a str]) -> [(&'a str, &'a [&'a str]); 3] {
            [("activity", activity), ("production", &[]), ("track_point", &[])]
        }
        under(address, "drift_hours", &format!("S3~working~m~1~{ten}"), &own(&["d1", "d2"]));
        under(address, "drift_hours", &format!("S3~idle~m~2~{ten}"), &own(&["x1"]));
        let made = [("activity", &[] as &[&str]), ("production", &["p1"]), ("track_point", &[])];
        under(address, "drift_hours", &format!("S3~product_count~m~1~{twelve}"), &made);
        under(address, "retrain_requests", &format!("S3~working~m~1~{ten}"), &own(&["d1", "d2", "e1", "e2"]));

        let alert = |key: String, facts: Kinds| under(address, "alerts", &key, facts);
        // With the hour that resolved it.
        let sure = own(&["d1", "d2", "e1", "e2", "y1", "y2"]);
        alert(format!("S3~confidence~warning~working m 1~{ten}"), &sure);
        let work: &[&str] = &["d1", "d2", "x1", "e1", "e2", "x2", "y1", "y2"];
        alert(format!("S3~station_utilisation~warning~~{ten}"), &[("activity", work)]);
        let floor: &[&str] = &["d1", "s9", "d2", "x1", "e1", "e2", "x2", "y1", "y2"];
        let answer = facts(address, "alerts", &format!("~floor_utilisation~warning~~{ten}"));
        let mut found = listed(&answer, |fact| fact["request"].as_str().unwrap_or_default().to_owned());
        // Two events of one instant are in the order of their hashed ids.
        found.get_mut("activity").expect("activity")[..2].sort();
        assert_eq!(found, expected(&[("activity", floor)]));
        // The 24 hours of the first hour hold z1, and not z0.
        let day = ["z1", "d1", "d2", "x1", "e1", "e2", "x2", "y1", "y2"];
        alert(format!("S3~working_share~warning~~{ten}"), &[("activity", &day), ("track_point", &[])]);
        let all = ["z0", "z1", "d1", "d2", "x1", "e1", "e2", "x2", "y1", "y2"];
        let all = [("activity", &all as &[&str]), ("production", &["p1"]), ("track_point", &[])];
        alert(format!("S3~report_rate~warning~~{}", clock(-14, 0)), &all);
        // With the baseline that it is compared with.
        alert(format!("S3~type_drift~warning~~{twelve}"), &all);
    });
    interrupt(server).with(0);
}

#[test]
fn lineage_of_the_gate_has_the_reads_of_the_vehicle() {
    let folder = tempfile::tempdir().expect("a folder");
    let gate = "[gate]\n[[gate.plate]]\nplate = \"MH12AB1234\"\nlist = \"blocked\"\n";
    write(folder.path(), "site.toml", format!("{SITE}{gate}"));
    let server = serving(folder.path(), |address| {
        let read = |id: &str, plate: &str, confidence: f64, seconds: i64| {
            let body = json!({ "camera": "gate", "plate": plate, "confidence": confidence });
            post(address, "vehicle/validate-plate", body, id, at(36_000 + seconds));
        };
        read("g1", "MH 12 AB 1234", 0.93, 0);
        read("o1", "KA05CD6789", 0.95, 3);
        read("low", "MH12AB1234", 0.5, 4);
        // Look-alikes.
        read("g2", "MHI2A8I234", 0.95, 5);
        read("m1", "MH12AB1235", 0.9, 6);
        read("o2", "KA05CD6789", 0.95, 8);
        read("bad", "HELLO", 0.95, 9);
        read("alone", "DL01AA0001", 0.95, 10);
        // Another visit of the same plate.
        read("g3", "MH12AB1234", 0.98, 1_000);

        let ten = clock(10, 0);
        let reads = |view: &str, key: &str, reads: &[&str]| under(address, view, key, &[("plate_read", reads)]);
        reads("gate_events", &format!("gate~MH12AB1234~{ten}"), &["g1", "g2", "m1"]);
        reads("gate_events", &format!("gate~KA05CD6789~{}", at(36_003)), &["o1", "o2"]);
        reads("gate_events", &format!("gate~MH12AB1234~{}", at(37_000)), &["g3"]);
        let blocked = format!("gate~blocked_vehicle~critical~MH12AB1234~{ten}");
        reads("alerts", &blocked, &["g1", "g2", "m1"]);
        for (outcome, of) in [
            ("accepted", &["g1", "o1", "g2", "o2", "g3"] as &[&str]),
            ("misread", &["m1"]),
            ("low_confidence", &["low"]),
            ("bad_format", &["bad"]),
            ("unconfirmed", &["alone"]),
        ] {
            reads("gate_read_hours", &format!("gate~{ten}~{outcome}"), of);
        }
    });
    interrupt(server).with(0);
}

#[test]
fn lineage_of_people_and_devices_has_the_marks_of_the_shift_and_the_reports_up_to_the_good_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let shift = r#"
        [[shift]]
        name = "day"
        employees = ["E1"]
        days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
        start = "09:00"
        end = "17:00"
    "#;
    write(folder.path(), "site.toml", format!("{SITE}{shift}"));
    let server = serving(folder.path(), |address| {
        let mark = |id: &str, employee: &str, way: &str, ts| {
            post(address, &format!("attendance/check-{way}"), json!({ "employee_id": employee }), id, ts);
        };
        mark("before", "E1", "out", clock(-7, 10));
        mark("in", "E1", "in", clock(8, 55));
        mark("again", "E1", "in", clock(12, 0));
        mark("out", "E1", "out", clock(17, 5));
        mark("next", "E1", "in", clock(24 + 9, 5));
        mark("guest", "E2", "in", clock(10, 0));
        let of = |employee: &str, hour, shift: &str| format!("{employee}~{}~{shift}", clock(hour, 0));
        let marks = |key: &str, marks: &[&str]| under(address, "attendance_days", key, &[("attendance_mark", marks)]);
        marks(&of("E1", 0, "day"), &["in", "again", "out"]);
        marks(&of("E1", 24, "day"), &["next"]);
        marks(&of("E1", -24, "day"), &["before"]);
        marks(&of("E2", 0, ""), &["guest"]);

        let device = |id: &str, name: &str, state: &str, ts| {
            post(address, "devices", json!({ "device": name, "state": state }), id, ts);
        };
        device("v0", "printer", "online", clock(9, 0));
        device("v1", "printer", "offline", clock(10, 0));
        device("w1", "scanner", "offline", clock(10, 1));
        device("v2", "printer", "offline", clock(10, 5));
        device("v3", "printer", "online", clock(10, 10));
        device("v4", "printer", "online", clock(10, 20));
        let offline = format!("printer~device_offline~critical~~{}", clock(10, 0));
        under(address, "alerts", &offline, &[("device_status", &["v1", "v2", "v3"])]);
    });
    interrupt(server).with(0);
}
