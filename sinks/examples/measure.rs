//! Measures the sinks: `cargo run --release -p gemba-sinks --example measure`. Prints one line per figure, with
//! the peak memory of the process so far. With a folder as argument, the data directory is made there and kept.

#![expect(clippy::disallowed_methods, reason = "it measures")]

use gemba_schemas::fact::{Fact, TrackPoint};
use gemba_schemas::id::{FactId, Generation, Name};
use gemba_schemas::score::Score;
use gemba_schemas::time::{EventTime, Micros};
use gemba_schemas::view::{ViewKind, ViewRow, VisitEnd, ZoneVisit};
use gemba_sinks::{Entry, Epoch, FinalRows, Journal, Lake, Publish, SinkError, Store};
use std::collections::BTreeSet;
use std::time::Instant;

const DAY: i64 = 1_768_867_200_000_000;

fn point(n: u64) -> Fact {
    let (x, y) = (16 * (n % 1200) as i32, 8 * (n % 700) as i32);
    Fact::TrackPoint(TrackPoint {
        id: FactId::of("track_point", Name::new("floor"), Generation(DAY), &[&n.to_le_bytes()]),
        camera: Name::new(["front", "floor", "door", "yard"][n as usize % 4]),
        generation: Generation(DAY),
        track: (n / 1000) as u32,
        ts: EventTime(DAY + n as i64 * 80_000),
        frame: n,
        class: Name::new("person"),
        score: Score((n * 7919 % 10_000) as u16),
        x0: x,
        y0: y,
        x1: x + 900,
        y1: y + 2400,
        width: 1280,
        height: 720,
        model: Name::new("0123456789abcdef"),
    })
}

fn visit(n: u64, value: u64) -> ViewRow {
    let entered = EventTime(DAY + n as i64 * 1_000_000);
    let dwell = Micros(value as i64);
    ViewRow::from(ZoneVisit {
        camera: Name::new("floor"),
        generation: Generation(DAY),
        track: n as u32,
        zone: Name::new("chair-1"),
        kind: Name::new("chair"),
        class: Name::new("person"),
        entered,
        left: entered + dwell,
        dwell_us: dwell,
        counted: value > 100,
        end_reason: VisitEnd::Left,
        points: 3,
        first_frame: n,
        last_frame: n + 9,
        model: Name::new("0123456789abcdef"),
        rules: Name::new("0123456789abcdef"),
    })
}

fn epoch(tick: u64, changes: Vec<(ViewRow, i64)>) -> Epoch {
    Epoch { tick, journal_seq: tick, rules: Name::new("r"), now: EventTime(DAY), changes }
}

fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmHWM")).unwrap_or("VmHWM: ?").to_owned();
    line.split_whitespace()
        .nth(1)
        .and_then(|k| k.parse::<u64>().ok())
        .map_or("?".into(), |k| format!("{} MB", k / 1024))
}

/// Time on a core of this thread, on which DuckDB works too; the wall clock also counts syncs and neighbours.
fn cpu_ms() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split_whitespace().next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1e6
}

fn report<T>(what: &str, work: impl FnOnce() -> Result<T, SinkError>) -> Result<T, SinkError> {
    let (start, cpu) = (Instant::now(), cpu_ms());
    let value = work()?;
    let (wall, cpu) = (start.elapsed().as_secs_f64() * 1e3, cpu_ms() - cpu);
    println!("{what}: {wall:.1} ms, {cpu:.1} ms CPU (peak memory {})", peak());
    Ok(value)
}

fn main() -> Result<(), SinkError> {
    let keep = std::env::args().nth(1);
    let own = std::env::temp_dir().join(format!("gemba-measure-{}", std::process::id()));
    let dir = keep.as_ref().map_or(own, Into::into);
    println!("start (peak memory {})", peak());
    let mut store = report("open a new store", || Store::open(&dir.join("store.duckdb")))?;
    let mut lake = report("open a new lake", || Lake::open(&dir.join("lake")))?;
    let mut journal = Journal::open(&dir.join("journal"))?;

    let entries: Vec<_> = (0..100).map(|n| Entry::Facts((n * 1000..(n + 1) * 1000).map(point).collect())).collect();
    report("journal: append 1,000 facts (mean of 100)", || {
        let start = Instant::now();
        entries.chunks(1).try_for_each(|e| journal.append(e).map(drop))?;
        println!("  {:.2} ms each", start.elapsed().as_secs_f64() * 10.0);
        Ok(())
    })?;
    println!("  {:.1} bytes a fact", journal.bytes() as f64 / 1e5);
    let mut replayed = 0;
    report("journal: replay 100,000 facts", || {
        journal.replay(0, |_, e| {
            replayed += matches!(e, Entry::Facts(_)) as u64;
            Ok(())
        })
    })?;
    drop(entries);

    // A small replay: some epochs, a few publications.
    for tick in 1..=40 {
        store.commit(&epoch(tick, (0..10).map(|n| (visit(tick * 10 + n, 1), 1)).collect()))?;
    }
    let pinned = store.pin()?.ok_or_else(|| SinkError::Request("no epoch".into()))?;
    let dirty = lake.partitions(&store)?;
    let small: Vec<_> = (0..2000).map(point).collect();
    report("publish 2,000 facts and 400 rows", || {
        lake.publish(Publish {
            facts: std::slice::from_ref(&small),
            retracted: &[],
            withdrawn: &[],
            journal_seq: pinned.epoch().journal_seq,
            store: &pinned,
            dirty: &dirty,
            site: "",
        })
    })?;
    println!("  after a small replay: peak memory {}", peak());

    report("rebuild with 50,000 rows", || {
        store.rebuild(&epoch(41, (0..50_000).map(|n| (visit(n, 1), 1)).collect()), &FinalRows::default())
    })?;
    let (mut times, mut cpu) = (Vec::new(), Vec::new());
    for tick in 0..50u64 {
        let rows = (0..150).map(|n| (tick * 150 + n) * 5);
        let changes = rows.flat_map(|n| [(visit(n, 1), -1), (visit(n, 2 + tick), 1)]).collect();
        let next = epoch(42 + tick, changes);
        let (start, before) = (Instant::now(), cpu_ms());
        store.commit(&next)?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
        cpu.push(cpu_ms() - before);
    }
    times.sort_by(f64::total_cmp);
    cpu.sort_by(f64::total_cmp);
    println!(
        "epoch of 300 changed rows among 50,000: p50 {:.1} ms, p95 {:.1} ms, CPU p50 {:.1} ms (peak memory {})",
        times[25],
        times[47],
        cpu[25],
        peak()
    );
    report("store: verify", || store.verify())?;

    let pinned = store.pin()?.ok_or_else(|| SinkError::Request("no epoch".into()))?;
    let dirty =
        store.dates(ViewKind::ZoneVisit)?.into_iter().map(|d| (ViewKind::ZoneVisit, d)).collect::<BTreeSet<_>>();
    let million: Vec<_> = (2000..1_002_000).map(point).collect();
    println!("  a million facts in memory: peak memory {}", peak());
    report("publish 1,000,000 facts and 50,000 rows", || {
        lake.publish(Publish {
            facts: std::slice::from_ref(&million),
            retracted: &[],
            withdrawn: &[],
            journal_seq: pinned.epoch().journal_seq,
            store: &pinned,
            dirty: &dirty,
            site: "",
        })
    })?;
    drop(million);
    let (files, rows, bytes) = lake.fact_totals();
    println!("  {files} files, {rows} facts, {:.1} bytes a fact", bytes as f64 / rows as f64);
    let mut read = 0;
    report("read 1,002,000 facts back", || {
        lake.facts(&mut |f| {
            read += f.len();
            Ok(())
        })
    })?;
    println!("  {read} facts");
    drop((store, lake, journal));
    if keep.is_none() {
        let _ = std::fs::remove_dir_all(&dir);
    }
    Ok(())
}
