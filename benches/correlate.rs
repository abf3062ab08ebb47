//! How fast correlate derives a million stored facts, how long a zone's edit takes, and what a single point costs.
//!
//! `cargo bench --bench correlate [-- one|batches [workers]]`; prints the machine and the commit.

#![expect(clippy::disallowed_methods, reason = "it measures")]

use differential_dataflow::input::Input;
use gemba_correlate::correlate;
use gemba_schemas::fact::{
    Attempt, Clock, CodeRead, Coverage, CoverageEnd, Decoder, Fact, TrackEnd, TrackEndReason, TrackPoint,
};
use gemba_schemas::geometry::{Point, Quad};
use gemba_schemas::id::{FactId, Generation, Name};
use gemba_schemas::rule::{ClockRule, LineRule, PackingRule, Rule, ZoneRule};
use gemba_schemas::score::Score;
use gemba_schemas::time::{EventTime, Micros};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};
use timely::dataflow::operators::Probe;

const CAMERAS: u32 = 4;
const TRACKS: u32 = 500;
const POINTS: u32 = 450;
const HOURS: i64 = 8;
const READS: i64 = 12_500;
const START: i64 = 1_773_100_800_000_000;

fn zone(camera: Name, i: i32) -> Rule {
    let (x, y) = (100_000 + 200_000 * i, 300_000);
    let corners = [(0, 0), (150_000, 0), (180_000, 200_000), (150_000, 400_000), (0, 400_000)];
    Rule::Zone(ZoneRule {
        camera,
        zone: Name::new(&format!("zone-{i}")),
        kind: "chair".into(),
        polygon: corners.iter().map(|(dx, dy)| Point { x: x + dx, y: y + dy }).collect(),
        min_dwell: Micros::from_secs(30),
        bridge: Micros::from_secs(2),
        classes: vec![],
    })
}

fn rules() -> Vec<Rule> {
    let mut rules =
        vec![Rule::Clock(ClockRule { time_zone: "Asia/Kolkata".into(), day_reset: Micros(3 * Micros::HOUR.0) })];
    for camera in 0..CAMERAS {
        let camera = Name::new(&format!("cam-{camera}"));
        rules.extend((0..4).map(|i| zone(camera, i)));
        for i in 0..2 {
            rules.push(Rule::Line(LineRule {
                camera,
                line: Name::new(&format!("line-{i}")),
                from: Point { x: 300_000 + 400_000 * i, y: 0 },
                to: Point { x: 300_000 + 400_000 * i, y: 1_000_000 },
                left: "out".into(),
                right: "in".into(),
                inside: "in".into(),
                band: 10_000,
                settle: Micros::from_millis(300),
                classes: vec![],
            }));
        }
        rules.push(Rule::Packing(PackingRule {
            camera,
            profile: "bench".into(),
            trigger: Some("Go".into()),
            trigger_area: None,
            code_area: None,
            code_pattern: None,
            lookback: Micros::from_secs(10),
            on_sightings: 2,
            off_after: Micros::from_secs(1),
            min_duration: Micros::from_secs(10),
            max_duration: Micros::from_secs(120),
            motion_area: None,
            motion_threshold: 200,
            stable_duration: Micros::from_secs(1),
        }));
    }
    rules
}

fn point(camera: Name, generation: Generation, track: u32, n: u32) -> TrackPoint {
    // Tracks are spread over the day; each walks to and fro at 6 points a second.
    let begin = START + i64::from(track) * HOURS * Micros::HOUR.0 / i64::from(TRACKS);
    let ts = begin + i64::from(n) * 166_667;
    let phase = (n * 7 + track * 131) % 2560;
    let x = if phase < 1280 { phase } else { 2559 - phase } as i32 * 16;
    let y = (300 + (track * 37) % 400) as i32 * 16;
    TrackPoint {
        id: FactId::of("track_point", camera, generation, &[&track.to_le_bytes(), &n.to_le_bytes()]),
        camera,
        generation,
        track,
        ts: EventTime(ts),
        frame: ((ts - START) / 40_000) as u64,
        class: "person".into(),
        score: Score(9000),
        x0: x - 160,
        y0: y - 1600,
        x1: x + 160,
        y1: y,
        width: 1280,
        height: 720,
        model: "m".into(),
    }
}

fn facts() -> Vec<Fact> {
    let mut facts: Vec<Fact> = Vec::new();
    let generation = Generation(START);
    for camera in 0..CAMERAS {
        let camera = Name::new(&format!("cam-{camera}"));
        for track in 0..TRACKS {
            facts.extend((0..POINTS).map(|n| Fact::from(point(camera, generation, track, n))));
            let last = point(camera, generation, track, POINTS - 1);
            facts.push(
                TrackEnd {
                    id: FactId::of("track_end", camera, generation, &[&track.to_le_bytes()]),
                    camera,
                    generation,
                    track,
                    class: last.class,
                    first_seen: last.ts,
                    last_seen: last.ts,
                    last_frame: last.frame,
                    detections: POINTS,
                    reason: TrackEndReason::Lost,
                    model: last.model,
                }
                .into(),
            );
        }
        for n in 0..READS {
            let step = HOURS * Micros::HOUR.0 / READS;
            let first = START + n * step;
            // Covered for a third of the time, with codes shown.
            let text = if n % 30 < 20 { "Go".to_string() } else { format!("AB-{}", n / 3) };
            facts.push(
                CodeRead {
                    id: FactId::of("code_read", camera, generation, &[&n.to_le_bytes()]),
                    camera,
                    generation,
                    area: "frame".into(),
                    payload: text.clone().into_bytes(),
                    text,
                    first_seen: EventTime(first),
                    last_seen: EventTime(first + step - 400_000),
                    sightings: 12,
                    first_frame: 0,
                    last_frame: 0,
                    corners: Quad::default(),
                    area_px: 900,
                    decoder: Decoder::Zxing,
                    attempt: Attempt::Plain,
                }
                .into(),
            );
        }
        for n in 0..HOURS * 60 {
            let started = EventTime(START + n * Micros::MINUTE.0);
            facts.push(
                Coverage {
                    id: FactId::of("coverage", camera, generation, &[&n.to_le_bytes()]),
                    camera,
                    generation,
                    segment: n as u32,
                    started,
                    ended: started + Micros::MINUTE,
                    first_frame: 0,
                    last_frame: 0,
                    width: 1280,
                    height: 720,
                    frames_seen: 1500,
                    frames_decoded: 360,
                    frames_skipped: 1140,
                    frames_corrupt: 0,
                    file: "a.mp4".into(),
                    clock: Clock::Start,
                    end_reason: CoverageEnd::Continues,
                    footage: "f".into(),
                    vision: "v".into(),
                }
                .into(),
            );
        }
    }
    facts.sort_by_key(Fact::bucket);
    facts
}

fn field(file: &str, name: &str) -> String {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find(|l| l.starts_with(name)).unwrap_or("");
    line.split(':').nth(1).unwrap_or("?").trim().into()
}

fn measure(all: Arc<Vec<Fact>>, batch: usize, workers: usize) {
    let name = if batch >= all.len() { "one tick".to_string() } else { format!("ticks of {batch}") };
    let count = Arc::new(AtomicI64::new(0));
    timely::execute(timely::Config::process(workers), move |worker| {
        let (counter, counted) = (Arc::clone(&count), Arc::clone(&count));
        let (mut facts, mut rules, mut now, probe) = worker.dataflow(|scope| {
            let (facts_in, facts) = scope.new_collection();
            let (rules_in, rules) = scope.new_collection();
            let (now_in, now) = scope.new_collection();
            let rows = correlate(facts, rules, now).rows.inspect(move |(_, _, diff)| {
                counter.fetch_add(*diff as i64, Ordering::Relaxed);
            });
            let (probe, _) = rows.inner.probe();
            (facts_in, rules_in, now_in, probe)
        });
        let leader = worker.index() == 0;
        let mut tick = 0u64;
        // Input is fed as it is read from the lake: cloned batch by batch.
        macro_rules! close {
            ($behind:expr) => {{
                tick += 1;
                facts.advance_to(tick);
                rules.advance_to(tick);
                now.advance_to(tick);
                facts.flush();
                rules.flush();
                now.flush();
                while probe.less_than(&tick.saturating_sub($behind)) {
                    worker.step_or_park(None);
                }
            }};
        }
        if leader {
            self::rules().into_iter().for_each(|r| rules.insert(r));
            now.insert(EventTime(START + HOURS * Micros::HOUR.0));
        }
        close!(0);
        let started = Instant::now();
        for chunk in all.chunks(batch) {
            if leader {
                chunk.iter().for_each(|f| facts.insert(f.clone()));
            }
            close!(1);
        }
        close!(0);
        let loaded = started.elapsed();
        let (camera, generation) = (Name::new("cam-0"), Generation(START));
        let mut points = Duration::ZERO;
        for n in 0..100 {
            let started = Instant::now();
            if leader {
                facts.insert(point(camera, generation, TRACKS - 1, POINTS + n).into());
            }
            close!(0);
            points += started.elapsed();
        }
        let started = Instant::now();
        if leader {
            rules.remove(zone(camera, 1));
            let Rule::Zone(mut moved) = zone(camera, 1) else { return };
            moved.polygon[0].x += 20_000;
            rules.insert(Rule::Zone(moved));
        }
        close!(0);
        if leader {
            println!(
                "{name}, {workers} worker(s): {} facts in {:.2} s = {:.0} facts/s; {} rows; one point {:.2} ms; a zone moved {:.0} ms; peak {}",
                all.len(),
                loaded.as_secs_f64(),
                all.len() as f64 / loaded.as_secs_f64(),
                counted.load(Ordering::Relaxed),
                points.as_secs_f64() * 10.0,
                started.elapsed().as_secs_f64() * 1e3,
                field("/proc/self/status", "VmHWM"),
            );
        }
    })
    .map(|guards| drop(guards.join()))
    .unwrap_or_else(|e| eprintln!("workers did not start: {e}"));
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let commit = std::process::Command::new("git").args(["rev-parse", "--short", "HEAD"]).output();
    let commit = commit.map(|o| String::from_utf8_lossy(&o.stdout).trim().to_string()).unwrap_or_default();
    println!("{}, commit {commit}", field("/proc/cpuinfo", "model name"));
    let facts = Arc::new(facts());
    println!("{} facts, {} before any work", facts.len(), field("/proc/self/status", "VmHWM"));
    let workers = args.get(1).and_then(|w| w.parse().ok()).unwrap_or(1);
    let mode = args.first().map_or("", String::as_str);
    if mode != "one" {
        measure(Arc::clone(&facts), 10_000, workers);
    }
    if mode != "batches" {
        measure(Arc::clone(&facts), usize::MAX, workers);
    }
}
