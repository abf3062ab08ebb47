//! The HTTP endpoint, asked over a plain socket: every route, paging, filters, both forms of rows, errors, and
//! whole epochs while a replay is writing.

use crate::command::{self, Running, gemba, interrupt, sql, write};
use crate::footage::{Clip, clip};
use gemba_schemas::registry;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const SITE: &str = r#"
[site]
name = "Front & back"

[[camera]]
name = "bench"
source = "bench"
sample = { codes = 5 }

[[camera.packing]]
name = "parcels"
trigger = "TimeGo"
min_duration = "1s"

[[camera]]
name = "bench \"two\""
source = "second"
sample = { codes = 5 }

[[camera.packing]]
name = "parcels"
trigger = "TimeGo"
min_duration = "1s"
"#;

/// The second camera's name, as it stands in a query.
const SECOND: &str = "bench%20%22two%22";

/// Two benches: three sessions on the first, one on the second.
pub fn site() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    write(at, "site.toml", SITE);
    let bench = |start, covered: &[(f64, f64)]| Clip {
        start: Some(start),
        seconds: 16.0,
        covered: covered.to_vec(),
        shown: vec![(3.0, 4.0, "P-7")],
        ..Clip::default()
    };
    clip(at, "bench/1.mp4", &bench("2026-01-15T08:00:00Z", &[(2.0, 4.0), (6.0, 8.0), (10.0, 13.0)]));
    clip(at, "second/1.mp4", &bench("2026-01-15T08:00:00Z", &[(2.0, 5.0)]));
    folder
}

/// A response, as far as these tests care.
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// Body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("UTF-8")
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }
}

/// GETs a path.
pub fn get(address: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    request(address, "GET", path, headers)
}

/// Sends a body.
pub fn send(address: &str, method: &str, path: &str, body: &str) -> Answer {
    exchange(address, method, path, &[("Content-Type", "application/json")], body)
}

fn request(address: &str, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    exchange(address, method, path, headers, "")
}

fn exchange(address: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    try_exchange(address, method, path, headers, body).expect("an answer")
}

/// Sends a body to a server that may be gone; none without a whole answer.
pub fn try_send(address: &str, method: &str, path: &str, body: &str) -> Option<Answer> {
    try_exchange(address, method, path, &[("Content-Type", "application/json")], body)
}

fn try_exchange(address: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Option<Answer> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a socket");
    let more: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{more}{length}\r\n{body}")
        .ok()?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).ok()?;
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n")?;
    let head = String::from_utf8(bytes[..end].to_vec()).expect("ASCII");
    let mut lines = head.lines();
    let status = lines.next().and_then(|l| l.split(' ').nth(1)?.parse().ok()).expect("a status");
    let headers: BTreeMap<_, _> =
        lines.filter_map(|l| l.split_once(": ")).map(|(n, v)| (n.to_lowercase(), v.to_owned())).collect();
    let mut body = bytes.split_off(end + 4);
    if headers.get("transfer-encoding").is_some_and(|v| v == "chunked") {
        body = unchunked(&body);
    } else if let Some(length) = headers.get("content-length").filter(|_| method != "HEAD")
        && length.parse() != Ok(body.len())
    {
        return None;
    }
    Some(Answer { status, headers, body })
}

fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|w| w == b"\r\n").expect("a chunk");
        let size = std::str::from_utf8(&rest[..line]).expect("ASCII");
        let size = usize::from_str_radix(size, 16).expect("a size");
        body.extend_from_slice(&rest[line + 2..][..size]);
        if size == 0 {
            return body;
        }
        rest = &rest[line + 2 + size + 2..];
    }
}

/// The address that a starting server names.
#[track_caller]
pub fn address(server: &mut Running) -> String {
    let line = server.line("serving http://");
    let address = line.split("http://").nth(1).expect("an address");
    address.trim_end_matches('/').to_owned()
}

/// Waits until rows can be read.
pub fn ready(address: &str) {
    let began = Instant::now();
    while get(address, "/readyz", &[]).status != 200 {
        assert!(began.elapsed() < Duration::from_secs(60), "never ready");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Serves `data` on a port of its own.
pub fn serve(at: &Path, data: &str) -> (Running, String) {
    let mut server = command::start(at, &["serve", data, "--listen", "127.0.0.1:0"]);
    let address = address(&mut server);
    ready(&address);
    (server, address)
}

fn rows(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["rows"].as_array().expect("rows").clone()
}

#[test]
fn every_route() {
    let folder = site();
    let at = folder.path();
    gemba(at, &["replay", "--out", "out", "--quiet"]).with(0);
    let (server, address) = serve(at, "out");
    let get = |path: &str| get(&address, path, &[]);

    assert_eq!((get("/healthz").status, get("/healthz").text().trim()), (200, "ok"));
    assert!(get("/readyz").text().starts_with("ready: tick "));
    list_is_the_registry(&get("/api/v1/views").json());
    openapi_lists_every_view(&get("/openapi.json").json());
    metrics_parse(&get("/metrics").text());
    let page = get("/");
    assert!(page.headers["content-type"].starts_with("text/html"));
    let page = page.text();
    for view in registry::views() {
        assert!(page.contains(&format!("id=\"{}\"", view.name)), "{}", view.name);
    }
    for text in ["Front &amp; back", "bench &quot;two&quot;", "P-7", "completed"] {
        assert!(page.contains(text), "`{text}` is not on the page");
    }

    filters(&address);
    paging(&address, &at.join("out"));
    arrow_is_the_same(&address);
    errors(&address);
    interrupt(server).with(0);
}

fn list_is_the_registry(list: &Value) {
    let listed = list["views"].as_array().expect("views");
    let registry = registry::views();
    assert_eq!(listed.len(), registry.len());
    for (found, table) in listed.iter().zip(&registry) {
        assert_eq!(found["name"], table.name);
        assert_eq!(found["description"], table.doc);
        let names: Vec<_> = found["columns"].as_array().expect("columns").iter().map(|c| c["name"].as_str()).collect();
        let edge = table.edge_columns();
        let declared: Vec<_> =
            table.columns.iter().map(|c| Some(c.name)).chain(edge.iter().map(|c| Some(c.name.as_str()))).collect();
        assert_eq!(names, declared, "{}", table.name);
        assert!(
            found["columns"].as_array().is_some_and(|c| c.iter().all(|c| c["description"] != "")),
            "{}",
            table.name
        );
    }
}

fn openapi_lists_every_view(document: &Value) {
    assert!(document["openapi"].as_str().is_some_and(|v| v.starts_with("3.")));
    for table in registry::views() {
        let text = document.to_string();
        assert!(document["paths"].get(format!("/api/v1/views/{}", table.name)).is_some(), "{}", table.name);
        for column in &table.columns {
            assert!(text.contains(&format!("\"{}\"", column.name)), "{}.{}", table.name, column.name);
        }
    }
    for route in ["/healthz", "/readyz", "/metrics", "/api/v1/views"] {
        assert!(document["paths"].get(route).is_some(), "{route}");
    }
}

/// The text format: HELP and TYPE before samples, names of the product, values that are numbers, `camera` alone as label.
fn metrics_parse(text: &str) -> BTreeMap<String, f64> {
    let mut typed: BTreeMap<&str, &str> = BTreeMap::new();
    let mut samples = BTreeMap::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type");
            assert!(["counter", "gauge"].contains(&kind) && typed.insert(name, kind).is_none(), "{line}");
            continue;
        }
        if line.starts_with("# HELP ") {
            continue;
        }
        let (series, value) = line.rsplit_once(' ').expect("a value");
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        assert!(name.starts_with("gemba_") && typed.contains_key(name), "{line}");
        assert_eq!(name.ends_with("_total"), typed[name] == "counter", "{line}");
        assert!(labels.is_empty() || (labels.starts_with("camera=\"") && labels.ends_with("\"}")), "{line}");
        assert!(samples.insert(series.to_owned(), value.parse().expect("a number")).is_none(), "{line} twice");
    }
    assert!(typed.len() >= 10, "{text}");
    samples
}

fn filters(address: &str) {
    let count = |query: &str| rows(&get(address, &format!("/api/v1/views/packing_sessions{query}"), &[])).len();
    assert_eq!(count(""), 4);
    assert_eq!(count("?camera=bench"), 3);
    assert_eq!(count(&format!("?camera={SECOND}")), 1);
    assert_eq!(count("?camera=nobody"), 0);
    assert_eq!(count("?from=2026-01-15T08:00:05Z"), 2);
    assert_eq!(count("?to=2026-01-15T08:00:05Z"), 2);
    assert_eq!(count("?from=2026-01-15T08:00:05Z&to=2026-01-15T08:00:09Z&camera=bench"), 1);
    // The same instants on another clock.
    assert_eq!(count("?from=2026-01-15T13:30:05%2B05:30"), 2);
    assert_eq!(count("?from=2026-01-16T00:00:00Z"), 0);
    // `from` belongs to the range, `to` does not.
    let all = rows(&get(address, "/api/v1/views/packing_sessions", &[]));
    let started = all[2]["started"].as_str().expect("a time").replace('+', "%2B");
    assert_eq!(count(&format!("?from={started}")), 2);
    assert_eq!(count(&format!("?to={started}")), 2);
}

fn paging(address: &str, data: &Path) {
    for table in registry::views() {
        let path = format!("/api/v1/views/{}", table.name);
        let all = rows(&get(address, &path, &[]));
        let stored = sql(data, &format!("SELECT count(*) AS n FROM {}", table.name));
        assert_eq!(stored[0]["n"], json!(all.len()), "{}", table.name);
        for limit in [1, 3] {
            let mut paged = Vec::new();
            let mut cursor: Option<String> = None;
            loop {
                let more = cursor.as_ref().map_or(String::new(), |c| format!("&cursor={c}"));
                let answer = get(address, &format!("{path}?limit={limit}{more}"), &[]);
                let page = rows(&answer);
                assert!(page.len() <= limit, "{}", table.name);
                paged.extend(page);
                let next = answer.json()["next_cursor"].as_str().map(str::to_owned);
                assert_eq!(answer.headers.get("x-gemba-next-cursor"), next.as_ref(), "{}", table.name);
                cursor = next;
                if cursor.is_none() {
                    break;
                }
                assert!(paged.len() <= all.len(), "{}: pages without end", table.name);
            }
            assert_eq!(paged, all, "{} by {limit}", table.name);
        }
        let keys: BTreeSet<String> =
            all.iter().map(|r| table.key.iter().map(|k| r[k].to_string() + "|").collect()).collect();
        assert_eq!(keys.len(), all.len(), "{}: a row twice", table.name);
    }
}

fn arrow_is_the_same(address: &str) {
    const ARROW: &str = "application/vnd.apache.arrow.stream";
    for table in registry::views() {
        let path = format!("/api/v1/views/{}", table.name);
        let answer = get(address, &path, &[("Accept", ARROW)]);
        assert_eq!((answer.status, answer.headers["content-type"].as_str()), (200, ARROW));
        let reader = arrow::ipc::reader::StreamReader::try_new(answer.body.as_slice(), None).expect("a stream");
        for (field, declared) in table.schema.fields().iter().zip(reader.schema().fields()) {
            assert_eq!(field.name(), declared.name(), "{}", table.name);
            // The name of a list's elements is the writer's business.
            assert!(field.data_type().equals_datatype(declared.data_type()), "{}: {}", table.name, field.name());
        }
        let mut text = Vec::new();
        let mut writer = arrow::json::WriterBuilder::new()
            .with_explicit_nulls(true)
            .build::<_, arrow::json::writer::JsonArray>(&mut text);
        for batch in reader {
            let batch = gemba::text::with_offsets(&batch.expect("a batch")).expect("offsets");
            writer.write(&batch).expect("written");
        }
        writer.finish().expect("written");
        drop(writer);
        let decoded: Vec<Value> =
            if text.is_empty() { Vec::new() } else { serde_json::from_slice(&text).expect("JSON") };
        assert_eq!(decoded, rows(&get(address, &path, &[])), "{}", table.name);
    }
}

fn errors(address: &str) {
    for (path, status, parameter, text) in [
        ("/api/v1/views/packing_session", 404, json!("view"), "packing_sessions"),
        ("/nowhere", 404, Value::Null, "/openapi.json"),
        ("/api/v1/views/packing_sessions?from=yesterday", 400, json!("from"), "RFC 3339"),
        ("/api/v1/views/packing_sessions?to=1", 400, json!("to"), "RFC 3339"),
        ("/api/v1/views/packing_sessions?limit=0", 400, json!("limit"), "from 1 to"),
        ("/api/v1/views/packing_sessions?limit=1000000", 400, json!("limit"), "from 1 to"),
        ("/api/v1/views/packing_sessions?cursor=%27%3B--", 400, json!("cursor"), "cursor"),
        ("/api/v1/views/packing_sessions?form=2026-01-15T08:00:00Z", 400, Value::Null, "form"),
    ] {
        let answer = get(address, path, &[]);
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert_eq!(answer.headers["content-type"], "application/json", "{path}");
        let error = &answer.json()["error"];
        assert_eq!(error["parameter"], parameter, "{path}: {error}");
        assert!(error["message"].as_str().is_some_and(|m| m.contains(text)), "{path}: {error}");
    }
    assert_eq!(request(address, "DELETE", "/api/v1/views/packing_sessions", &[]).status, 405);
    // A quote in a value is a value.
    assert!(rows(&get(address, "/api/v1/views/packing_sessions?camera=%27%20OR%201=1--", &[])).is_empty());
}

/// While a replay writes, what is read is always of one epoch: one tick never shows two states, ticks never go
/// back, and what a packing session rests on is there in the same tick.
#[test]
fn whole_epochs_only() {
    let folder = site();
    let at = folder.path();
    let slow = ["replay", "--out", "out", "--speed", "4x", "--serve", "--listen", "127.0.0.1:0"];
    let mut server = command::start(at, &slow);
    let address = address(&mut server);
    assert_eq!(get(&address, "/healthz", &[]).status, 200);
    let early = get(&address, "/readyz", &[]);
    assert!([200, 503].contains(&early.status), "{}", early.text());
    ready(&address);
    let mut states: BTreeMap<(u64, &str), Vec<Value>> = BTreeMap::new();
    let mut last = 0;
    let began = Instant::now();
    while states.values().map(Vec::len).max().unwrap_or(0) < 4 || began.elapsed() < Duration::from_secs(3) {
        for view in ["packing_sessions", "coverage_hours"] {
            let answer = get(&address, &format!("/api/v1/views/{view}"), &[]);
            // Before the first epoch there is none.
            let tick = answer.json()["tick"].as_u64().unwrap_or(0);
            assert!(tick >= last, "tick {tick} after {last}");
            last = tick;
            let rows = rows(&answer);
            let before = states.entry((tick, view)).or_insert_with(|| rows.clone());
            assert_eq!(*before, rows, "tick {tick} shows two states of {view}");
        }
        assert!(server.runs() && began.elapsed() < Duration::from_secs(60), "{states:?}");
        std::thread::sleep(Duration::from_millis(30));
    }
    let frames = "gemba_frames_seen_total{camera=\"bench\"}";
    assert_eq!(metrics_parse(&get(&address, "/metrics", &[]).text()).get(frames), Some(&160.0));
    server.line("still serving");
    interrupt(server).with(0);
}
