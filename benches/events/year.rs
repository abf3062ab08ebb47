//! A year of events, day by day, through a whole run with sealing: memory by month, and the totals at the end.
//!
//! The process's clock is shifted, so that each day is reported on that day. `EVENTS_A_DAY` (default 10,000) of 20
//! workers at 10 stations in eight hours of each day, five minutes' activity each.

use super::{percentile, resident, size};
use gemba::clock;
use gemba::engine::{self, Handle, Options, Serving};
use gemba::footage::Speed;
use gemba::inbox::{self, Answer, Busy, Inbox, Posted};
use gemba_schemas::fact::{Activity, ActivityState, Fact};
use gemba_schemas::id::{FactId, Name};
use gemba_schemas::score::Score;
use gemba_schemas::site::Site;
use gemba_schemas::time::{EventTime, Micros};
use gemba_schemas::view::ViewKind;
use gemba_sinks::{DataPaths, Live};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const SITE: &str = "[site]\nname = 'year'\ntime_zone = 'Asia/Kolkata'\n[[worker]]\nname = 'W1'\n";
const DAY: i64 = 86_400_000_000;

/// A whole run on this thread's process, whose clock is shifted, and what is posted to it.
pub struct Run {
    folder: tempfile::TempDir,
    real: i64,
    start: i64,
    began: Instant,
    count: i64,
    workers: i64,
    inbox: Inbox,
    pub live: Arc<Live>,
    handle: Arc<Handle>,
    thread: JoinHandle<()>,
}

impl Run {
    /// Of so many days that end now, each with `count` events of so many workers.
    pub fn new(days: i64, count: i64, workers: i64, data: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let real = clock::now().0;
        let start = (real - days * DAY).div_euclid(DAY) * DAY;
        clock::shift(Micros(start - real));
        let text = format!("{SITE}{data}");
        let site = Site::parse(&text, Path::new("site.toml")).expect("a site");
        let (inbox, outbox) = inbox::inbox();
        let live = Arc::new(Live::default());
        let options = Options {
            paths: DataPaths::under(&folder.path().join("data")),
            workers: 1,
            speed: Speed::Max,
            facts: None,
            footage: None,
            site_text: text,
            serving: Some(Serving { outbox, live: live.clone() }),
        };
        let handle = Arc::new(Handle::new(&options));
        let thread = {
            let handle = handle.clone();
            let run = move || engine::run(&site, options, &handle, |_, _| Ok(()), |_| {}).map(drop).expect("a run");
            std::thread::Builder::new().name("run".into()).spawn(run).expect("a thread")
        };
        Self { folder, real, start, began: Instant::now(), count, workers, inbox, live, handle, thread }
    }

    /// Makes it the evening of a day, however long the days before took.
    pub fn evening(&self, day: i64) {
        let late = self.began.elapsed().as_micros() as i64;
        clock::shift(Micros(self.start + day * DAY + 20 * 3_600_000_000 - self.real - late));
    }

    /// The events of a day, over eight hours of it.
    pub fn events(&self, day: i64) -> Vec<Fact> {
        let (begin, step) = (self.start + day * DAY + 3 * 3_600_000_000, 8 * 3_600_000_000 / self.count);
        let names = |kind: &str, n: i64| (0..n).map(|i| Name::new(&format!("{kind}{i}"))).collect::<Vec<_>>();
        let (workers, stations) = (names("W", self.workers), names("S", self.workers / 2));
        let event = |n: i64| {
            let mut event = Activity {
                id: FactId::DERIVED,
                received_at: EventTime(0),
                ts: EventTime(begin + n * step),
                worker: workers[(n % self.workers) as usize],
                station: stations[(n / 7 % (self.workers / 2)) as usize],
                state: if n % 5 == 0 { ActivityState::Idle } else { ActivityState::Working },
                confidence: Score(9_000),
                model: Name::new("activity"),
                model_version: Name::new("1"),
                request: String::new(),
            };
            event.id = event.derived_id();
            Fact::from(event)
        };
        (0..self.count).map(event).collect()
    }

    /// Posts a batch.
    pub fn post(&self, mut batch: Vec<Fact>) -> Answer<Posted> {
        loop {
            match self.inbox.post(batch) {
                Ok(answer) => return answer,
                Err(Busy(back)) => batch = back,
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Facts that are not in the lake yet.
    pub fn unpublished(&self) -> u64 {
        self.handle.progress.unpublished.load(Relaxed)
    }

    /// Ends it; says what lies on the disk, and whether as many events were counted as were posted.
    pub fn end(self, posted: i64) {
        // Sums of whole days: nothing of the store is asked for.
        let all = self.live.work(&[ViewKind::WorkerHour], (EventTime::MIN, EventTime::MAX), |_, _| Err("a day is cut"));
        let counted: i64 = all.expect("sums").1.iter().flat_map(|sums| sums.values()).map(|sum| sum.events).sum();
        self.handle.footage.stop();
        self.thread.join().expect("an orderly end");
        let data = self.folder.path().join("data");
        println!(
            "  on the disk: store {:.0} MB, lake {:.0} MB, its manifest {:.1} MB",
            std::fs::metadata(data.join("store.duckdb")).map_or(0, |m| m.len()) as f64 / 1e6,
            size(&data.join("lake")) as f64 / 1e6,
            std::fs::metadata(data.join("lake/manifest.json")).map_or(0, |m| m.len()) as f64 / 1e6,
        );
        println!("  events of all time: {counted} of {posted}");
        assert_eq!(counted, posted);
        clock::shift(Micros::ZERO);
    }
}

/// Prints resident memory by month, its slope from the third month on, and whether the totals are exact.
pub fn memory() {
    let count = std::env::var("EVENTS_A_DAY").ok().and_then(|n| n.parse().ok()).unwrap_or(10_000);
    let days = std::env::var("DAYS").ok().and_then(|n| n.parse().ok()).unwrap_or(365i64);
    let run = Run::new(days, count, 20, "[data]\nfreshness = '100ms'\n");
    println!("a year of {days} days of {count} events");
    let mut months: Vec<f64> = Vec::new();
    let mut waits = Vec::new();
    for day in 0..days {
        run.evening(day);
        for piece in run.events(day).chunks(2_000) {
            let asked = Instant::now();
            let answer = run.post(piece.to_vec()).blocking_recv();
            assert!(answer.is_ok_and(|a| a.is_ok_and(|posted| posted.duplicates.is_empty())), "day {day}");
            waits.push(asked.elapsed());
        }
        if (day + 1) % 30 == 0 {
            // So that what is to be published and sealed is.
            std::thread::sleep(Duration::from_millis(1_500));
            waits.sort();
            let rows: usize = ViewKind::ALL.iter().map(|view| run.live.read().count(*view)).sum();
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
    println!("  the rows of the snapshot are {:.0} MB of it", snapshot_bytes(&run.live) as f64 / 1e6);
    println!(
        "  {:.1} MB a month from the third on; in all {:.0} s",
        slope(months.get(2..).unwrap_or_default()),
        run.began.elapsed().as_secs_f64()
    );
    run.end(days * count);
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
pub fn slope(y: &[f64]) -> f64 {
    let n = y.len() as f64;
    let (mean_x, mean_y) = ((n - 1.0) / 2.0, y.iter().sum::<f64>() / n);
    let sum =
        |f: &dyn Fn(f64, f64) -> f64| y.iter().enumerate().map(|(i, y)| f(i as f64 - mean_x, y - mean_y)).sum::<f64>();
    sum(&|x, y| x * y) / sum(&|x, _| x * x)
}
