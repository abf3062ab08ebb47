//! What a person sees while a replay runs and when it ends.

#![expect(clippy::disallowed_methods, reason = "shows progress")]

use crate::engine::{Handle, Summary};
use crate::unit::Unit;
use gemba_schemas::time::EventTime;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often bars move; without a terminal a plain line is printed every [`PLAIN`].
const REFRESH: Duration = Duration::from_millis(200);
const PLAIN: Duration = Duration::from_secs(5);

/// How far one thing is: on a terminal a figure that is written over, in a log a line for each quarter.
pub struct Percent {
    what: &'static str,
    terminal: bool,
    said: u32,
}

impl Percent {
    /// Of doing `what`.
    pub fn of(what: &'static str) -> Self {
        Self { what, terminal: std::io::stderr().is_terminal(), said: 0 }
    }

    /// Says that this share is done, if that is news.
    pub fn show(&mut self, done: f64) {
        let step = if self.terminal { 1 } else { 25 };
        let percent = (100.0 * done.clamp(0.0, 1.0)) as u32 / step * step;
        if percent > self.said {
            self.said = percent;
            let end = if self.terminal { '\r' } else { '\n' };
            eprint!("{} {percent:3} %{end}", self.what);
        }
    }
}

/// Shows progress until it is dropped.
pub struct Ticker {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// One camera's footage in this run.
struct Lane {
    camera: String,
    units: Vec<(usize, Arc<Unit>)>,
    length_s: f64,
    bar: Option<ProgressBar>,
}

impl Ticker {
    /// Starts showing the progress of `units`.
    pub fn start(handle: &Handle, units: &[Arc<Unit>]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (progress, stopped) = (handle.progress.clone(), stop.clone());
        let bars =
            std::io::stderr().is_terminal().then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr()));
        let mut lanes: BTreeMap<String, Lane> = BTreeMap::new();
        for (index, unit) in units.iter().enumerate() {
            let camera = unit.camera().to_owned();
            let lane =
                lanes.entry(camera.clone()).or_insert(Lane { camera, units: Vec::new(), length_s: 0.0, bar: None });
            lane.length_s += unit.plan.duration.as_secs_f64();
            lane.units.push((index, unit.clone()));
        }
        for lane in lanes.values_mut() {
            lane.bar = bars.as_ref().map(|bars| {
                let bar = bars.add(ProgressBar::new((lane.length_s * 1e3) as u64));
                let style = "{prefix:>12} {bar:32.cyan/dim} {percent:>3} %  {msg}";
                bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
                bar.set_prefix(lane.camera.clone());
                bar
            });
        }
        let thread = std::thread::Builder::new().name("progress".into()).spawn(move || {
            let began = Instant::now();
            let mut printed = began;
            loop {
                let last = stopped.load(Relaxed);
                let plain = printed.elapsed() >= PLAIN;
                let counts = progress.cameras();
                for lane in lanes.values() {
                    let (mut done_s, mut packets) = (0.0, 0);
                    for (index, unit) in &lane.units {
                        let reading = progress.unit(*index);
                        packets += reading.packets();
                        let reached =
                            reading.reached().map_or(0.0f64, |t| (t - EventTime(unit.plan.generation.0)).as_secs_f64());
                        done_s += reached.clamp(0.0, unit.plan.duration.as_secs_f64());
                    }
                    let elapsed = began.elapsed().as_secs_f64().max(1e-3);
                    let speed = done_s / elapsed;
                    let eta = if speed > 0.0 { (lane.length_s - done_s) / speed } else { f64::INFINITY };
                    let (facts, faults) =
                        counts.get(lane.camera.as_str()).map_or((0, 0), |c| (c.facts.values().sum::<u64>(), c.faults));
                    let eta = if eta.is_finite() { format!("{eta:.0} s left") } else { "–".into() };
                    let message = format!(
                        "{:.0} fps  {speed:.1}× real time  {eta}  {facts} facts  {faults} faults",
                        packets as f64 / elapsed
                    );
                    match &lane.bar {
                        Some(bar) => {
                            bar.set_position((done_s * 1e3) as u64);
                            bar.set_message(message);
                            if last {
                                bar.finish();
                            }
                        }
                        None if plain => {
                            eprintln!("{}: {:.0} %  {message}", lane.camera, 100.0 * done_s / lane.length_s.max(1e-3));
                        }
                        None => {}
                    }
                }
                if plain {
                    printed = Instant::now();
                }
                if last {
                    return;
                }
                std::thread::park_timeout(REFRESH);
            }
        });
        // Without a thread to show it, the replay goes on unseen.
        Self { stop, thread: thread.ok() }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

/// The table at the end: what was found, and where it lies.
pub fn summary(s: &Summary) {
    if !s.cameras.is_empty() {
        let rows = s.cameras.iter().map(|(camera, c)| {
            let facts = c.facts.iter().map(|(kind, n)| format!("{n} {kind}")).collect::<Vec<_>>().join(", ");
            let seen = c.seen_us as f64 / 1e6;
            vec![
                // Faults that are no camera's.
                if camera.is_empty() { "(journal)".into() } else { (*camera).to_owned() },
                format!("{seen:.1} s"),
                c.frames_seen.to_string(),
                c.frames_decoded.to_string(),
                c.frames_skipped.to_string(),
                c.frames_corrupt.to_string(),
                c.faults.to_string(),
                facts,
            ]
        });
        print_table(
            &["camera", "footage", "frames", "decoded", "skipped", "damaged", "faults", "new facts"],
            rows.collect(),
        );
        println!();
    }
    print_table(&["view", "rows"], s.views.iter().map(|(v, n)| vec![(*v).to_owned(), n.to_string()]).collect());
    println!();
    let seen: f64 = s.cameras.values().map(|c| c.seen_us as f64 / 1e6).sum();
    if s.units_read > 0 {
        println!("{seen:.1} s of footage in {:.1} s ({:.0}× real time)", s.seconds, seen / s.seconds.max(1e-3));
    }
    if s.units_done_before > 0 {
        println!(
            "{} recording{} had been read before",
            s.units_done_before,
            if s.units_done_before == 1 { "" } else { "s" }
        );
    }
    if s.faults() > 0 || s.unreadable > 0 {
        println!("faults:  gemba sql --data {} \"FROM fault\"", s.dir.display());
    }
    println!("digest:  {}", s.digest);
    println!("lake:    {}   duckdb -readonly {}", s.lake.display(), s.lake.join("catalog.duckdb").display());
    println!("look:    gemba serve {}", s.dir.display());
    if s.interrupted {
        println!("interrupted: run the same command again to go on");
    }
}

/// A table whose numeric-looking columns are right-aligned.
pub fn print_table(header: &[&str], rows: Vec<Vec<String>>) {
    let widths: Vec<usize> = (0..header.len())
        .map(|i| rows.iter().map(|r| r[i].chars().count()).chain([header[i].len()]).max().unwrap_or(0))
        .collect();
    let number =
        |i: usize| rows.iter().all(|r| r[i].starts_with(|c: char| c.is_ascii_digit())) && header[i] != "new facts";
    let line = |cells: Vec<&str>| {
        let cells: Vec<String> = cells
            .iter()
            .enumerate()
            .map(|(i, c)| if number(i) { format!("{c:>w$}", w = widths[i]) } else { format!("{c:<w$}", w = widths[i]) })
            .collect();
        println!("{}", cells.join("  ").trim_end());
    };
    line(header.to_vec());
    println!("{}", widths.iter().map(|&w| "─".repeat(w)).collect::<Vec<_>>().join("  "));
    for row in &rows {
        line(row.iter().map(String::as_str).collect());
    }
}
