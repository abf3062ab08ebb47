//! A year of events, day by day, through a whole run with sealing: memory by month, and the totals at the end.
//!
//! The process's clock is shifted, so that each day is reported on that day. `EVENTS_A_DAY` (default 10,000) of 20
//! workers at 10 stations in eight hours of each day, five minutes' activity each.

use super::{percentile, resident, size};
use gemba::engine::{self, Handle, Options, Serving};
use gemba::footage::Speed;
use gemba::{clock, inbox};
use gemba_schemas::fact::{Activity, ActivityState, Fact};
use gemba_schemas::id::{FactId, Name};
use gemba_schemas::score::Score;
use gemba_schemas::site::Site;
use gemba_schemas::time::{EventTime, Micros};
use gemba_schemas::view::ViewKind;
use gemba_sinks::{DataPaths, Live};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const SITE: &str =
    "[site]\nname = 'year'\ntime_zone = 'Asia/Kolkata'\n[data]\nfreshness = '100ms'\n[[worker]]\nname = 'W1'\n";
const DAY: i64 = 86_400_000_000;
const WORKERS: i64 = 20;

fn events(day: i64, start: i64, count: i64) -> Vec<Fact> {
    let (begin, step) = (start + day * DAY + 3 * 3_600_000_000, 8 * 3_600_000_000 / count);
    let event = |n: i64| {
        Fact::from(Activity {
            id: FactId::of("activity", Name::default(), Default::default(), &[&(day * count + n).to_le_bytes()]),
            received_at: EventTime(0),
            ts: EventTime(begin + n * step),
            worker: Name::new(&format!("W{}", n % WORKERS)),
            station: Name::new(&format!("S{}", n / 7 % (WORKERS / 2))),
            state: if n % 5 == 0 { ActivityState::Idle } else { ActivityState::Working },
            confidence: Score(9_000),
            model: Name::new("activity"),
            model_version: Name::new("1"),
            request: String::new(),
        })
    };
    (0..count).map(event).collect()
}

/// Prints resident memory by month, its slope from the third month on, and whether the totals are exact.
pub fn memory() {
    let count = std::env::var("EVENTS_A_DAY").ok().and_then(|n| n.parse().ok()).unwrap_or(10_000);
    let days = std::env::var("DAYS").ok().and_then(|n| n.parse().ok()).unwrap_or(365i64);
    let folder = tempfile::tempdir().expect("a folder");
    let real = clock::now().0;
    let start = (real - days * DAY).div_euclid(DAY) * DAY;
    clock::shift(Micros(start - real));
    let site = Site::parse(SITE, Path::new("site.toml")).expect("a site");
    let (inbox, outbox) = inbox::inbox();
    let live = Arc::new(Live::default());
    let options = Options {
        paths: DataPaths::under(&folder.path().join("data")),
        workers: 1,
        speed: Speed::Max,
        facts: None,
        footage: None,
        site_text: SITE.into(),
        serving: Some(Serving { outbox, live: live.clone() }),
    };
    let handle = Arc::new(Handle::new(&options));
    let run = {
        let handle = handle.clone();
        let run = move || engine::run(&site, options, &handle, |_, _| Ok(()), |_| {}).expect("a run");
        std::thread::Builder::new().name("run".into()).spawn(run).expect("a thread")
    };
    println!("a year of {days} days of {count} events");
    let began = Instant::now();
    let mut months: Vec<f64> = Vec::new();
    let mut waits = Vec::new();
    for day in 0..days {
        // The evening of that day, however long the days before took.
        let late = began.elapsed().as_micros() as i64;
        clock::shift(Micros(start + day * DAY + 20 * 3_600_000_000 - real - late));
        for piece in events(day, start, count).chunks(2_000) {
            let asked = Instant::now();
            let answer = inbox.post(piece.to_vec()).ok().and_then(|answer| answer.blocking_recv().ok());
            assert!(answer.is_some_and(|a| a.is_ok_and(|posted| posted.duplicates.is_empty())), "day {day}");
            waits.push(asked.elapsed());
        }
        if (day + 1) % 30 == 0 {
            // So that what is to be published and sealed is.
            std::thread::sleep(Duration::from_millis(1_500));
            waits.sort();
            let rows: usize = ViewKind::ALL.iter().map(|view| live.read().count(*view)).sum();
            months.push(resident() as f64 / 1e6);
            println!(
                "  month {}: {:.0} MB resident, {rows} rows in the snapshot; 2,000 events: p50 {:.1} ms, p99 {:.1} ms",
                months.len(),
                resident() as f64 / 1e6,
                percentile(&waits, 0.5),
                percentile(&waits, 0.99),
            );
            waits.clear();
        }
    }
    let snapshot = snapshot_bytes(&live);
    // Sums of whole days: nothing of the store is asked for.
    let all = live.work(&[ViewKind::WorkerHour], (EventTime::MIN, EventTime::MAX), |_, _| Err("a day is cut"));
    let counted: i64 = all.expect("sums").1.iter().flat_map(|sums| sums.values()).map(|sum| sum.events).sum();
    handle.footage.stop();
    run.join().expect("an orderly end");
    println!(
        "  {:.1} MB a month from the third on; in all {:.0} s",
        slope(months.get(2..).unwrap_or_default()),
        began.elapsed().as_secs_f64()
    );
    println!("  the rows of the snapshot are {:.0} MB of it", snapshot as f64 / 1e6);
    let data = folder.path().join("data");
    println!(
        "  on the disk: store {:.0} MB, lake {:.0} MB, its manifest {:.1} MB",
        std::fs::metadata(data.join("store.duckdb")).map_or(0, |m| m.len()) as f64 / 1e6,
        size(&data.join("lake")) as f64 / 1e6,
        std::fs::metadata(data.join("lake/manifest.json")).map_or(0, |m| m.len()) as f64 / 1e6,
    );
    println!("  events of all time: {counted} of {}", days * count);
    assert_eq!(counted, days * count);
    clock::shift(Micros::ZERO);
}

/// What the snapshot costs: a second one with the same rows is made, and the growth taken.
fn snapshot_bytes(live: &Live) -> u64 {
    let (copy, before) = (Live::default(), resident());
    {
        let snapshot = live.read();
        for view in ViewKind::ALL {
            let rows = snapshot.rows(*view, EventTime::MIN, EventTime::MAX).map(|row| (row.clone(), 1));
            copy.advance(1, &rows.collect::<Vec<_>>());
        }
    }
    resident().saturating_sub(before)
}

/// Least squares.
fn slope(y: &[f64]) -> f64 {
    let n = y.len() as f64;
    let (mean_x, mean_y) = ((n - 1.0) / 2.0, y.iter().sum::<f64>() / n);
    let sum =
        |f: &dyn Fn(f64, f64) -> f64| y.iter().enumerate().map(|(i, y)| f(i as f64 - mean_x, y - mean_y)).sum::<f64>();
    sum(&|x, y| x * y) / sum(&|x, _| x * x)
}
