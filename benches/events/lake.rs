//! The lake while it is written: what dashboards and analysts wait for, what an event costs in it, and how fast Python is
//! told of a day of one camera.

use super::{Server, ask, percentile, serve_with};
use duckdb::{AccessMode, Config, Connection};
use gemba_schemas::fact::{Fact, TrackPoint};
use gemba_schemas::id::{FactId, Generation, Name};
use gemba_schemas::score::Score;
use gemba_schemas::time::EventTime;
use gemba_sinks::{Epoch, Lake, Publish, Store};
use std::collections::BTreeSet;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Published as often as that is possible, so that files are joined every other second.
const SITE: &str =
    "[site]\nname = 'bench'\ntime_zone = 'Asia/Kolkata'\n[data]\nfreshness = '200ms'\n[[worker]]\nname = 'W1'\n";

/// How long each of the two phases lasts.
const PHASE: Duration = Duration::from_secs(20);

/// Questions: when each was asked, and how long it took.
type Asked = Vec<(Instant, Duration)>;

fn repeat(stop: &Arc<AtomicBool>, pause: Duration, mut question: impl FnMut() + Send + 'static) -> JoinHandle<Asked> {
    let stop = stop.clone();
    let work = move || {
        let mut times = Vec::new();
        while !stop.load(Relaxed) {
            let began = Instant::now();
            question();
            times.push((began, began.elapsed()));
            std::thread::sleep(pause);
        }
        times
    };
    std::thread::Builder::new().name("reader".into()).spawn(work).expect("a thread")
}

fn read_only(path: &Path) -> Connection {
    let config = Config::default().access_mode(AccessMode::ReadOnly).and_then(|c| c.threads(1)).expect("settings");
    Connection::open_with_flags(path, config).expect("the catalog opens")
}

/// A dashboard and an analyst, who opens the catalog anew for each question, for a phase.
fn readers(address: &str, data: &Path, during: impl FnOnce(Instant)) -> [Asked; 2] {
    let stop = Arc::new(AtomicBool::new(false));
    let mut stream = TcpStream::connect(address).expect("a connection");
    let mut turn = 0;
    let dashboard = repeat(&stop, Duration::from_millis(5), move || {
        let of = ["workers", "stations", "floor"][turn % 3];
        ask(&mut stream, &format!("GET /api/v1/productivity/{of}"), b"");
        turn += 1;
    });
    let catalog = data.join("lake/catalog.duckdb");
    let analyst = repeat(&stop, Duration::from_millis(20), move || {
        let sql = "SELECT worker, count(*) FILTER (state = 'working'), avg(confidence) FROM activity
                   WHERE ts >= (SELECT max(hour) FROM floor_hours) - INTERVAL 24 HOUR GROUP BY worker ORDER BY worker";
        let connection = read_only(&catalog);
        let mut statement = connection.prepare(sql).expect("a question");
        assert!(statement.query_map([], |r| r.get::<_, String>(0)).expect("an answer").flatten().count() > 0);
    });
    during(Instant::now());
    stop.store(true, Relaxed);
    [dashboard.join().expect("a reader"), analyst.join().expect("a reader")]
}

/// When files were being joined, as the server's log says.
fn joining(server: &Server) -> Vec<(Instant, Instant)> {
    let (mut spans, mut began) = (Vec::new(), None);
    for (at, line) in server.2.try_iter() {
        if line.contains("joining small files") {
            began = Some(at);
        } else if line.contains("joined small files") {
            spans.extend(began.take().map(|from| (from, at)));
        }
    }
    spans
}

fn print(who: &str, when: &str, asked: impl Iterator<Item = Duration>) {
    let mut times: Vec<_> = asked.collect();
    times.sort();
    match times.len() {
        0 => println!("  {who}, {when}: none asked"),
        n => println!(
            "  {who}, {when}: p50 {:.1} ms, p99 {:.1} ms of {n}",
            percentile(&times, 0.5),
            percentile(&times, 0.99)
        ),
    }
}

/// A dashboard's and an analyst's waiting, while nothing is written, while events arrive, and while files are joined.
pub fn while_it_is_written(lines: &[String]) {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let server = serve_with(folder.path(), SITE, "warn,gemba_sinks::lake=debug");
    let (before, after) = lines.split_at(lines.len() * 4 / 5);
    let post = |path: &str, lines: &[String]| {
        let mut stream = TcpStream::connect(&server.1).expect("a connection");
        ask(&mut stream, &format!("POST /api/v1/events/{path}"), (lines.join("\n") + "\n").as_bytes());
    };
    post("stream", before);
    while !data.join("lake/catalog.duckdb").exists() || joined_facts(&data.join("lake")) < before.len() as u64 * 9 / 10
    {
        std::thread::sleep(Duration::from_millis(100));
    }
    println!("readers, with {} events in the lake", before.len());
    let quiet = readers(&server.1, &data, |_| std::thread::sleep(PHASE / 2));
    joining(&server);
    let busy = readers(&server.1, &data, |began| {
        // As many a second as last for the phase.
        let pieces = 400;
        for (n, piece) in after.chunks(after.len().div_ceil(pieces).max(1)).enumerate() {
            std::thread::sleep((PHASE * n as u32 / pieces as u32).saturating_sub(began.elapsed()));
            post("stream", piece);
        }
    });
    let spans = joining(&server);
    let total: Duration = spans.iter().map(|(from, to)| *to - *from).sum();
    println!(
        "  {} events arrived; files were joined {} times, {:.1} s in all",
        after.len(),
        spans.len(),
        total.as_secs_f64()
    );
    let joined = |(at, took): &(Instant, Duration)| spans.iter().any(|(from, to)| *at < *to && *from < *at + *took);
    for ((who, quiet), busy) in ["dashboard over HTTP", "analyst over the catalog"].into_iter().zip(quiet).zip(busy) {
        print(who, "nothing written", quiet.iter().map(|(_, took)| *took));
        print(who, "events arriving", busy.iter().filter(|a| !joined(a)).map(|(_, took)| *took));
        print(who, "files being joined", busy.iter().filter(|a| joined(a)).map(|(_, took)| *took));
    }
}

/// What the manifest lists of the events' tables.
fn listed(lake: &Path) -> Vec<(String, u64, u64)> {
    let text = std::fs::read(lake.join("manifest.json")).unwrap_or_default();
    let manifest: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
    let files = manifest["files"].as_array().into_iter().flatten();
    let events = files.filter(|f| ["activity", "production"].iter().any(|table| f["table"] == *table));
    let number = |f: &serde_json::Value, name: &str| f[name].as_u64().unwrap_or_default();
    events
        .map(|f| {
            (
                lake.join(f["path"].as_str().unwrap_or_default()).display().to_string(),
                number(f, "rows"),
                number(f, "bytes"),
            )
        })
        .collect()
}

fn joined_facts(lake: &Path) -> u64 {
    listed(lake).iter().map(|(_, rows, _)| rows).sum()
}

/// What an event costs in the files that the lake lists, and which column costs what.
pub fn bytes_an_event(lake: &Path) {
    let files = listed(lake);
    let rows: u64 = files.iter().map(|(_, rows, _)| rows).sum();
    let bytes: u64 = files.iter().map(|(.., bytes)| bytes).sum();
    println!("lake: {:.1} bytes an event in {} files; by column:", bytes as f64 / rows as f64, files.len());
    let paths: Vec<_> = files.iter().map(|(path, ..)| format!("'{path}'")).collect();
    let sql = format!(
        "SELECT path_in_schema, sum(total_compressed_size)::DOUBLE, list(DISTINCT encodings)::VARCHAR
         FROM parquet_metadata([{}]) GROUP BY 1 ORDER BY 2 DESC",
        paths.join(", ")
    );
    let connection = Connection::open_in_memory().expect("a database");
    let mut statement = connection.prepare(&sql).expect("a question");
    let columns = statement.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).expect("an answer");
    for (column, bytes, encodings) in columns.flatten() {
        let (column, bytes, encodings): (String, f64, String) = (column, bytes, encodings);
        println!("  {column}: {:.2} {encodings}", bytes / rows as f64);
    }
}

const CAMERAS: [&str; 4] = ["front", "floor", "door", "yard"];

/// Points of a camera in a day: two and a half a second.
const POINTS: u64 = 216_000;

fn point(n: u64, day: i64) -> Fact {
    let camera = Name::new(CAMERAS[n as usize % CAMERAS.len()]);
    let of_camera = n / CAMERAS.len() as u64;
    let ts = EventTime(day + of_camera as i64 * 400_000 + 1_000 * (n % 7) as i64);
    // Walks that cross the picture in a minute.
    let (x, y) = (16 * (of_camera % 150 * 8) as i32, 16 * (of_camera * 37 / 150 % 600) as i32);
    Fact::TrackPoint(TrackPoint {
        id: FactId::of("track_point", camera, Generation(day), &[&n.to_le_bytes()]),
        camera,
        generation: Generation(day),
        track: (of_camera / 150) as u32,
        ts,
        frame: of_camera * 10,
        class: Name::new("person"),
        score: Score((n * 7919 % 3_000 + 7_000) as u16),
        x0: x,
        y0: y,
        x1: x + 900,
        y1: y + 2400,
        width: 1280,
        height: 720,
        model: Name::new("0123456789abcdef"),
    })
}

/// Two days of four cameras, published in many small pieces and joined; then asked from Python, if there is one with DuckDB.
pub fn a_day_of_a_camera() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = Store::open(&folder.path().join("store.duckdb")).expect("a store");
    let mut lake = Lake::open(&folder.path().join("lake")).expect("a lake").with_grace(Duration::ZERO);
    let first = 1_768_867_200_000_000i64;
    let mut tick = 0;
    for day in [first, first + 86_400_000_000] {
        let points: Vec<Fact> = (0..POINTS * CAMERAS.len() as u64).map(|n| point(n, day)).collect();
        for facts in points.chunks(points.len().div_ceil(25)) {
            tick += 1;
            let (rules, now) = (Name::new("r"), EventTime(day));
            store.commit(&Epoch { tick, journal_seq: tick, rules, now, changes: Vec::new() }).expect("committed");
            let pinned = store.pin().expect("a store").expect("an epoch");
            let (retracted, withdrawn, dirty) = (&[], &[], &BTreeSet::new());
            let p = Publish {
                facts: &[facts.to_vec()],
                retracted,
                withdrawn,
                journal_seq: tick,
                store: &pinned,
                dirty,
                site: "",
            };
            lake.publish(p).expect("published");
        }
    }
    let (files, rows, bytes) = lake.fact_totals();
    println!(
        "track points: {rows} of {} cameras in {files} files, {:.1} bytes each",
        CAMERAS.len(),
        bytes as f64 / rows as f64
    );
    let root = env!("CARGO_MANIFEST_DIR");
    let asked = Command::new("python3")
        .arg(format!("{root}/benches/events/day.py"))
        .arg(folder.path().join("lake/catalog.duckdb"))
        .env("PYTHONPATH", format!("{root}/.native/python"))
        .status();
    match asked {
        Ok(status) => assert!(status.success(), "{status}"),
        Err(error) => println!("  skipped: no python3 ({error})"),
    }
}
