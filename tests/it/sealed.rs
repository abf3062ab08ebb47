//! Months that are sealed, through the binary: they leave memory, and every answer about them stays as it was.

use crate::command::{Running, gemba, interrupt, kill, soon, sql, write};
use crate::endpoint::{get, send};
use crate::keep::{CLIENTS, serving, verify};
use gemba_schemas::fact::{Activity, ActivityState, AttendanceMark, Fact, MarkKind};
use gemba_schemas::id::FactId;
use gemba_schemas::score::Score;
use gemba_schemas::time::{EventTime, Micros};
use gemba_sinks::{Entry, Journal};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Facts of the journal as they were accepted long ago: a client's clock cannot be turned back over HTTP.
fn long_ago(at: &Path, days: impl Iterator<Item = i64>, (each, step): (i64, i64), state: ActivityState) -> i64 {
    let now = now();
    let mut facts = Vec::new();
    for day in days {
        for n in 0..each {
            let ts = EventTime((now - day * 86_400 + step * n) * 1_000_000);
            facts.push(Fact::from(Activity {
                id: FactId((1 + day * 10_000 + n) as u64),
                received_at: ts + Micros::from_secs(1),
                ts,
                worker: "W1".into(),
                station: "S3".into(),
                state,
                confidence: Score(9_000),
                model: "m".into(),
                model_version: "1".into(),
                request: String::new(),
            }));
        }
    }
    let count = facts.len() as i64;
    journaled(at, facts);
    count
}

fn journaled(at: &Path, facts: Vec<Fact>) {
    let mut journal = Journal::open(&at.join("data/journal")).expect("a journal");
    journal.append(&[Entry::Facts(facts)]).expect("appended");
}

/// Seconds since 1970.
fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs() as i64
}

/// Events and seconds of work of all time, as the endpoint adds them up.
fn all_time(address: &str) -> (i64, f64) {
    let floor = get(address, "/api/v1/productivity/floor", &[]).json();
    (floor["events"].as_i64().expect("a number"), floor["active_s"].as_f64().expect("a number"))
}

#[test]
fn sealed_months_leave_memory_and_their_rows_stay() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let site = CLIENTS.replace("[[worker]]", "[data]\nfreshness = \"100ms\"\n\n[[worker]]");
    write(at, "site.toml", &site);
    let recent = 3;
    let events = long_ago(at, [200, 199, 150, 120, 90].into_iter().chain(1..=recent), (20, 60), ActivityState::Working);
    let manifest = || std::fs::read_to_string(at.join("data/lake/manifest.json")).unwrap_or_default();
    let digest = || serde_json::from_str::<Value>(&manifest()).expect("JSON")["epoch"]["digest"].clone();
    let total = (events, events as f64 * 300.0);
    let late = |address: &str| {
        let body = format!(
            r#"{{"timestamp":"{}","worker_id":"W1","workstation_id":"S3","event_type":"working"}}"#,
            "2024-02-29T10:00:00Z"
        );
        send(address, "POST", "/api/v1/events", &body).json()["status"].clone()
    };

    let server = serving(at, |address| {
        soon("nothing was sealed", || manifest().contains("sealed_from"));
        // Until every sealed day has left, and after.
        for _ in 0..20 {
            assert_eq!(all_time(address), total);
            std::thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(late(address), "late");
        assert_eq!(all_time(address), total);
    });
    assert!(!interrupt(server).with(0).err.contains("WARN"), "nothing that is final was to be changed");
    verify(at, "data", 0);
    let before = digest();

    // Sealed facts are not loaded; every row is as it was.
    let server = serving(at, |address| assert_eq!(all_time(address), total));
    interrupt(server).with(0);
    assert_eq!(digest(), before);

    // A late fact of a sealed month may come again, and is known.
    let server = serving(at, |address| {
        assert_eq!(late(address), "duplicate");
        // Other rules change what is not sealed, and nothing else.
        write(at, "site.toml", site.replace("[[worker]]", "[productivity]\nevent_duration = \"60s\"\n\n[[worker]]"));
        assert_eq!(send(address, "POST", "/api/v1/reload", "").status, 200);
        assert_eq!(all_time(address), (events, ((events - 20 * recent) * 300 + 20 * recent * 60) as f64));
    });
    kill(server);
    let server = serving(at, |address| {
        assert_eq!(all_time(address), (events, ((events - 20 * recent) * 300 + 20 * recent * 60) as f64));
        soon("the lake lags", || sql(&at.join("data"), "SELECT count(*) AS n FROM late_facts")[0]["n"] == 1);
        assert_eq!(late(address), "duplicate");
    });
    interrupt(server).with(0);
    let stored = || sql(&at.join("data"), "SELECT count(*) AS n FROM activity WHERE ts < '2024-03-01'")[0]["n"].clone();
    assert_eq!(stored(), 1);
    verify(at, "data", 0);

    // It can be deleted all the same, and is not known any more then.
    let server = serving(at, |address| {
        let range = "from=2024-02-29T00:00:00Z&to=2024-03-01T00:00:00Z";
        assert_eq!(send(address, "DELETE", &format!("/api/v1/events?{range}"), "").json()["deleted"], 1);
    });
    kill(server);
    let server = serving(at, |address| {
        soon("the lake lags", || sql(&at.join("data"), "SELECT count(*) AS n FROM late_facts")[0]["n"] == 0);
        assert_eq!(late(address), "late");
    });
    interrupt(server).with(0);
    assert_eq!(stored(), 1);
    verify(at, "data", 0);
}

/// A server's answers about times that are sealed, and about all time, without the tick that they are of.
fn answers(address: &str, questions: &[String]) -> Vec<Value> {
    let answer = |question: &String| {
        let answer = get(address, question, &[]);
        assert_eq!(answer.status, 200, "{question}: {}", answer.text());
        let mut answer = answer.json();
        answer.as_object_mut().expect("an object").remove("tick");
        answer
    };
    questions.iter().map(answer).collect()
}

/// Rows that the server holds in memory.
fn held(address: &str) -> i64 {
    let metrics = get(address, "/metrics", &[]).text();
    let line = metrics.lines().find_map(|line| line.strip_prefix("gemba_snapshot_rows "));
    line.and_then(|n| n.parse().ok()).expect("a metric")
}

#[test]
fn what_left_memory_is_answered_from_the_store() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let began = now();
    // The shift has no first day: it is expected from each employee's first mark on. E2 left long ago.
    let site = CLIENTS.replace("[[worker]]", "[data]\nfreshness = \"100ms\"\n\n[[worker]]");
    write(at, "site.toml", site.replace("[\"E1\"]", "[\"E1\", \"E2\"]"));
    let days = [200, 199, 150, 120, 90];
    // Seven hours of each day, so that a range can cut through one.
    let events = long_ago(at, days.into_iter().chain(1..=3), (20, 1_200), ActivityState::Working);
    let mark = |employee: &str, day: i64, kind, hours: i64| {
        let ts = EventTime((began - day * 86_400 + 3_600 * hours) * 1_000_000);
        Fact::from(AttendanceMark {
            id: FactId((day * 10 + hours) as u64 + if employee == "E1" { 0 } else { 5 }),
            received_at: ts + Micros::from_secs(1),
            ts,
            employee: employee.into(),
            kind,
            camera: Default::default(),
            confidence: Score(9_000),
            request: String::new(),
        })
    };
    let visit = |employee, day| [mark(employee, day, MarkKind::In, 0), mark(employee, day, MarkKind::Out, 2)];
    let marks = days.into_iter().flat_map(|day| visit("E1", day)).chain(visit("E2", 199));
    journaled(at, marks.collect());

    let when = |day: i64, hours: i64| EventTime((began - day * 86_400 + 3_600 * hours) * 1_000_000).rfc3339();
    let cut = [(200, 2, 200, 5), (200, 2, 120, 3), (150, 1, 2, 4), (300, 0, 199, 3), (119, 0, 100, 0), (2, 1, 1, 3)];
    let ranges: Vec<_> = cut.iter().map(|(a, b, c, d)| (when(*a, *b), when(*c, *d))).collect();
    let mut questions: Vec<String> = Vec::new();
    for of in ["workers", "stations", "floor"] {
        questions.push(format!("/api/v1/productivity/{of}"));
        questions.extend(ranges.iter().map(|(from, to)| format!("/api/v1/productivity/{of}?from={from}&to={to}")));
    }
    let (from, to) = (when(201, 0), when(100, 0));
    questions.push(format!("/api/v1/attendance/summary?from={from}&to={to}"));
    questions.push(format!("/api/v1/attendance/summary?from=1970-01-01T00:00:00Z&to={}", when(4, 0)));
    // Days that are not sealed, on which nobody came.
    let absent = questions.len();
    let (since, until) = (when(30, 0), when(2, 0));
    questions.push(format!("/api/v1/attendance/summary?from={since}&to={until}"));
    questions.push(format!("/api/v1/views/attendance_days?from={since}&to={until}&limit=1000"));
    questions.push(format!("/api/v1/views/attendance_days?from={}&to={since}&limit=1000", when(201, 0)));
    questions.push(format!("/api/v1/views/worker_hours?to={to}"));
    questions.push(format!("/api/v1/drift?at={}", when(149, 0)));
    // As of an instant: now goes on.
    questions.push(format!("/api/v1/drift?at={}", when(0, 0)));
    questions.push(format!("/api/v1/quality?at={}", when(0, 0)));

    let one = |query: &str| sql(&at.join("data"), query).remove(0);
    let old = |address: &str| {
        // As many rows of workers' hours have left at least.
        let total: i64 = ["worker_hours", "station_hours", "drift_hours", "attendance_days"]
            .iter()
            .map(|view| one(&format!("SELECT count(*) AS n FROM {view}"))["n"].as_i64().expect("a number"))
            .sum();
        let sealed = format!("SELECT count(*) AS n FROM worker_hours WHERE hour < '{}'", when(80, 0));
        let sealed = one(&sealed)["n"].as_i64().expect("a number");
        (held(address), total - sealed)
    };
    let mut first = Vec::new();
    let server = serving(at, |address| {
        first = answers(address, &questions);
        assert_eq!(first[absent]["summary"]["total_days"], json!(2 * 28), "{}", first[absent]);
        let rows = first[absent + 1]["rows"].as_array().expect("rows");
        assert!(rows.len() == 2 * 28 && rows.iter().all(|row| row["status"] == "absent"), "{rows:?}");
        soon("nothing left memory", || {
            assert_eq!(answers(address, &questions), first, "while it leaves");
            let lake = at.join("data/lake/manifest.json");
            let sealed = std::fs::read_to_string(lake).is_ok_and(|text| text.contains("sealed_from"));
            sealed && {
                let (held, most) = old(address);
                held <= most
            }
        });
        // Until every sealed day has left correlate, and after.
        for _ in 0..20 {
            assert_eq!(answers(address, &questions), first, "when it has left");
            std::thread::sleep(Duration::from_millis(50));
        }
        // The same as whoever asks the lake is told.
        assert_eq!(first[0]["workers"][0]["events"], json!(events));
        for (place, (from, to)) in ranges.iter().enumerate() {
            let range = format!("hour >= '{from}' AND hour < '{to}'");
            let sum = "SELECT coalesce(sum(events), 0)::BIGINT AS events, coalesce(sum(active_us), 0) / 1e6 AS s";
            let expected = one(&format!("{sum} FROM worker_hours WHERE {range}"));
            let floor = &first[2 * (1 + ranges.len()) + 1 + place];
            assert_eq!((&floor["events"], floor["active_s"].as_f64()), (&expected["events"], expected["s"].as_f64()));
        }
        let nothing = &first[2 * (1 + ranges.len()) + 5]["events"];
        assert_eq!(*nothing, json!(0), "{questions:?}");
        let summary = &first[3 * (1 + ranges.len())]["summary"];
        let query = format!("SELECT count(*) AS n FROM attendance_days WHERE day >= '{from}' AND day < '{to}'");
        assert_eq!(summary["total_days"], one(&query)["n"]);
        assert!(summary["total_days"].as_i64() >= Some(4), "{summary}");
    });
    assert!(!interrupt(server).with(0).err.contains("WARN"));
    verify(at, "data", 0);

    let hour = one("SELECT strftime(min(hour), '%Y-%m-%dT%H:%M:%SZ') AS hour FROM worker_hours")["hour"].clone();
    let hour = hour.as_str().expect("an instant");
    let facts = one(&format!(
        "SELECT count(*) AS n FROM activity WHERE date_trunc('hour', ts + INTERVAL 30 MINUTE) = TIMESTAMPTZ '{hour}' + INTERVAL 30 MINUTE"
    ));
    let interrupted = |server| drop(interrupt(server).with(0));
    for end in [interrupted as fn(Running), kill] {
        let server = serving(at, |address| {
            assert_eq!(answers(address, &questions), first, "after a start");
            let (held, most) = old(address);
            assert!(held <= most, "{held} rows are held, {most} are not final");
            let under = |key: &str| get(address, &format!("/api/v1/views/worker_hours/{key}/facts"), &[]);
            let activity = under(&format!("W1~{hour}")).json()["facts"]["activity"].clone();
            assert_eq!(json!(activity.as_array().expect("a list").len()), facts["n"]);
            assert_eq!(under("W1~2020-01-01T00:00:00Z").status, 404);
            assert_eq!(under("W1~someday").status, 404);
            assert_eq!(get(address, "/api/v1/productivity/nobody", &[]).status, 404);
            // What is late is answered with the row of its day all the same.
            let body = format!(r#"{{"employee_id":"E1","timestamp":"{}"}}"#, when(150, 1));
            let answer = send(address, "POST", "/api/v1/attendance/check-in", &body).json();
            assert!(["late", "duplicate"].contains(&answer["status"].as_str().expect("a status")), "{answer}");
            let day = answer["attendance_days"]["day"].as_str().and_then(EventTime::parse).expect("a row");
            let ago = (began * 1_000_000 - day.0) / 86_400_000_000;
            assert!((149..=151).contains(&ago), "{answer}");
        });
        end(server);
    }
    verify(at, "data", 0);
}

#[test]
fn a_pinned_baseline_outlives_its_facts() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let date = |days: i64| EventTime((now() - days * 86_400) * 1_000_000).date();
    let site = |from: i64, to: i64| {
        let drift = "[[alert]]\nkind = \"type_drift\"\nmin_samples = 20\n\n[drift]\nbaseline";
        let pinned = format!("{drift} = {{ from = \"{}\", to = \"{}\" }}\n\n", date(from), date(to));
        CLIENTS.replace("[[worker]]", &format!("{pinned}[data]\nfreshness = \"100ms\"\n\n[[worker]]"))
    };
    write(at, "site.toml", site(201, 198));
    long_ago(at, [200, 199, 148].into_iter(), (20, 60), ActivityState::Working);
    long_ago(at, [150, 3, 2, 1].into_iter(), (20, 60), ActivityState::Idle);
    let manifest = || std::fs::read_to_string(at.join("data/lake/manifest.json")).unwrap_or_default();
    let alerts = |address: &str| get(address, "/api/v1/views/alerts?limit=100", &[]).json()["rows"].clone();
    let reload = |address: &str, from, to| {
        write(at, "site.toml", site(from, to));
        assert_eq!(send(address, "POST", "/api/v1/reload", "").status, 200);
    };

    let mut first = Value::Null;
    let server = serving(at, |address| {
        // Nobody works who did: for two days long ago, and from the first of the last three on.
        first = alerts(address);
        assert_eq!((first.as_array().map(Vec::len), &first[1]["resolved"]), (Some(2), &Value::Null), "{first}");
        soon("nothing was sealed", || manifest().contains("sealed_from"));
        for _ in 0..20 {
            assert_eq!(alerts(address), first, "while it leaves, and after");
            std::thread::sleep(Duration::from_millis(50));
        }
        // A day that is sealed as well, on which nobody worked either; and back. What is final stays.
        reload(address, 151, 149);
        soon("the store lags", || alerts(address) == json!([first[0]]));
        reload(address, 201, 198);
        soon("the store lags", || alerts(address) == first);
    });
    interrupt(server).with(0);
    for end in [|server| drop(interrupt(server).with(0)), kill] {
        let server = serving(at, |address| assert_eq!(alerts(address), first, "after a start"));
        end(server);
    }
    verify(at, "data", 0);
    // Tried beside them, no worker's hours change and no alert is left.
    write(at, "other.toml", site(151, 149));
    let tried = gemba(at, &["whatif", "--site", "other.toml", "--facts", "data"]).with(0).out;
    assert!(tried.contains("alerts: 1 gone, 0 new, 0 changed") && !tried.contains("_hours"), "{tried}");
}
