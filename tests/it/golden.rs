//! Golden scenarios: what is seen and what must follow, as data with prose (`golden/*.toml`).
//!
//! Each runs straight, with four workers, and cut in two: the first half of its facts is journaled, derived
//! and published, then the rest is journaled and the run starts again. All three must give the expected rows
//! and the same digest.

use gemba::engine::{self, Handle, Options, Summary};
use gemba::footage::Speed;
use gemba_schemas::fact::{
    Attempt, Clock, CodeMiss, CodeRead, Coverage, CoverageEnd, Decoder, Fact, MotionSpan, TrackEnd, TrackEndReason,
    TrackPoint,
};
use gemba_schemas::geometry::Quad;
use gemba_schemas::id::{FactId, Generation, Name};
use gemba_schemas::score::Score;
use gemba_schemas::site::Site;
use gemba_schemas::time::EventTime;
use gemba_sinks::{DataPaths, Entry, Journal};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Second 0 of every scenario: 2026-01-15T08:00:00Z.
const ORIGIN: i64 = 1_768_464_000_000_000;

/// A scenario. Times are seconds from the origin, positions fractions of a 1000 × 1000 picture.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    /// What happens and why the rows must be these.
    prose: String,
    /// The site file.
    site: String,
    /// `[from, to, end_reason]` for each coverage row; a row that does not begin where the last ended begins a generation.
    coverage: Vec<(f64, f64, String)>,
    /// `[area, text, first, last, sightings]`.
    #[serde(default)]
    reads: Vec<(String, String, f64, f64, u32)>,
    /// `[area, first, last, sightings]`.
    #[serde(default)]
    misses: Vec<(String, f64, f64, u32)>,
    /// `[area, [[second, energy], …]]`.
    #[serde(default)]
    motion: Vec<(String, Vec<(f64, u16)>)>,
    /// By track number: points `[second, x, y]` of the feet.
    #[serde(default)]
    tracks: BTreeMap<String, Vec<(f64, f64, f64)>>,
    /// By track number: why it ended.
    #[serde(default)]
    ends: BTreeMap<String, String>,
    /// By view: a query over the catalog, and its answer as text, a row a line.
    expect: Vec<Expect>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    sql: String,
    rows: Vec<String>,
}

fn at(second: f64) -> EventTime {
    EventTime(ORIGIN + (second * 1e6).round() as i64)
}

fn enumerated<T: Copy + std::fmt::Display>(all: &[T], text: &str) -> T {
    *all.iter().find(|v| v.to_string() == text).unwrap_or_else(|| panic!("no value is called {text}"))
}

impl Scenario {
    /// The facts, in order of time.
    fn facts(&self, camera: Name) -> Vec<Fact> {
        let mut facts: Vec<Fact> = Vec::new();
        let mut generations: Vec<(EventTime, EventTime, Generation)> = Vec::new();
        for (segment, (from, to, reason)) in self.coverage.iter().enumerate() {
            let (started, ended) = (at(*from), at(*to));
            let generation = match generations.last() {
                Some(&(_, end, generation)) if end == started => generation,
                _ => Generation(started.0),
            };
            generations.push((started, ended, generation));
            facts.push(Fact::from(Coverage {
                id: FactId::of("coverage", camera, generation, &[&started.0.to_le_bytes()]),
                camera,
                generation,
                segment: segment as u32,
                started,
                ended,
                first_frame: (*from * 25.0) as u64,
                last_frame: (*to * 25.0) as u64,
                width: 1000,
                height: 1000,
                frames_seen: ((to - from) * 25.0) as u32,
                frames_decoded: ((to - from) * 12.0) as u32,
                frames_skipped: ((to - from) * 13.0) as u32,
                frames_corrupt: 0,
                file: "scenario.mp4".into(),
                clock: Clock::Start,
                end_reason: enumerated(CoverageEnd::ALL, reason),
                footage: "scenario".into(),
                vision: "scenario".into(),
            }));
        }
        let of = |t: EventTime| {
            let found = generations.iter().find(|(from, to, _)| *from <= t && t <= *to);
            found.unwrap_or_else(|| panic!("{} is not covered", t.rfc3339())).2
        };
        let frame = |t: EventTime| ((t.0 - ORIGIN) / 40_000) as u64;
        for (area, text, first, last, sightings) in &self.reads {
            let (first_seen, last_seen, area) = (at(*first), at(*last), Name::new(area));
            let generation = of(first_seen);
            facts.push(Fact::from(CodeRead {
                id: FactId::of(
                    "code_read",
                    camera,
                    generation,
                    &[area.as_str().as_bytes(), text.as_bytes(), &first_seen.0.to_le_bytes()],
                ),
                camera,
                generation,
                area,
                text: text.clone(),
                payload: text.clone().into_bytes(),
                first_seen,
                last_seen,
                sightings: *sightings,
                first_frame: frame(first_seen),
                last_frame: frame(last_seen),
                corners: Quad([0, 0, 50, 0, 50, 50, 0, 50]),
                area_px: 2500,
                decoder: Decoder::Zxing,
                attempt: Attempt::Plain,
            }));
        }
        for (area, first, last, sightings) in &self.misses {
            let (first_seen, last_seen, area) = (at(*first), at(*last), Name::new(area));
            let generation = of(first_seen);
            facts.push(Fact::from(CodeMiss {
                id: FactId::of(
                    "code_miss",
                    camera,
                    generation,
                    &[area.as_str().as_bytes(), &first_seen.0.to_le_bytes()],
                ),
                camera,
                generation,
                area,
                first_seen,
                last_seen,
                sightings: *sightings,
                first_frame: frame(first_seen),
                last_frame: frame(last_seen),
                corners: Quad([0, 0, 50, 0, 50, 50, 0, 50]),
                area_px: 2500,
            }));
        }
        for (area, samples) in &self.motion {
            let (started, ended, area) = (at(samples[0].0), at(samples[samples.len() - 1].0), Name::new(area));
            let generation = of(started);
            facts.push(Fact::from(MotionSpan {
                id: FactId::of(
                    "motion_span",
                    camera,
                    generation,
                    &[area.as_str().as_bytes(), &started.0.to_le_bytes()],
                ),
                camera,
                generation,
                area,
                started,
                ended,
                first_frame: frame(started),
                last_frame: frame(ended),
                offsets_ms: samples.iter().map(|(t, _)| ((at(*t) - started).0 / 1000) as u32).collect(),
                energies: samples.iter().map(|(_, e)| *e).collect(),
            }));
        }
        let (class, model) = (Name::new("person"), Name::new("motion"));
        for (number, points) in &self.tracks {
            let track: u32 = number.parse().expect("a track number");
            for &(second, x, y) in points {
                let (ts, px, py) = (at(second), (x * 16_000.0).round() as i32, (y * 16_000.0).round() as i32);
                let generation = of(ts);
                facts.push(Fact::TrackPoint(TrackPoint {
                    id: FactId::of("track_point", camera, generation, &[&track.to_le_bytes(), &ts.0.to_le_bytes()]),
                    camera,
                    generation,
                    track,
                    ts,
                    frame: frame(ts),
                    class,
                    score: Score(9_000),
                    x0: px - 400,
                    y0: py - 1600,
                    x1: px + 400,
                    y1: py,
                    width: 1000,
                    height: 1000,
                    model,
                }));
            }
            if let Some(reason) = self.ends.get(number) {
                let (first_seen, last_seen) = (at(points[0].0), at(points[points.len() - 1].0));
                facts.push(Fact::TrackEnd(TrackEnd {
                    id: FactId::of("track_end", camera, of(first_seen), &[&track.to_le_bytes()]),
                    camera,
                    generation: of(first_seen),
                    track,
                    class,
                    first_seen,
                    last_seen,
                    last_frame: frame(last_seen),
                    detections: points.len() as u32,
                    reason: enumerated(TrackEndReason::ALL, reason),
                    model,
                }));
            }
        }
        facts.sort_by_key(|f| (f.bucket(), f.id()));
        facts
    }
}

/// Journals `facts` as a run would have, in small batches.
fn journal(dir: &Path, facts: &[Fact]) {
    std::fs::create_dir_all(dir.join("journal")).expect("a writable folder");
    let mut journal = Journal::open(&dir.join("journal")).expect("a journal");
    for batch in facts.chunks(7) {
        journal.append(&[Entry::Facts(batch.to_vec())]).expect("journaled");
    }
}

/// Derives everything from what is stored.
pub fn derive(site: &Site, text: &str, dir: &Path, workers: usize) -> Summary {
    let options = Options {
        paths: DataPaths::under(dir),
        workers,
        speed: Speed::Max,
        facts: None,
        footage: None,
        site_text: text.into(),
        serving: None,
    };
    let handle = Handle::new(&options);
    engine::run(site, options, &handle, |_, _| Ok(()), |_| {}).expect("a run")
}

pub fn answers(dir: &Path, sql: &str) -> Vec<String> {
    let options =
        arrow::util::display::FormatOptions::new().with_null("–").with_timestamp_tz_format(Some("%H:%M:%S%.3f"));
    let mut rows = Vec::new();
    for batch in gemba_sinks::query(&DataPaths::under(dir).lake, sql).expect("an answer") {
        let batch = gemba::text::with_offsets(&batch).expect("offsets");
        let columns: Vec<_> = batch
            .columns()
            .iter()
            .map(|c| arrow::util::display::ArrayFormatter::try_new(c.as_ref(), &options).expect("a column"))
            .collect();
        for row in 0..batch.num_rows() {
            rows.push(columns.iter().map(|c| c.value(row).to_string()).collect::<Vec<_>>().join(" | "));
        }
    }
    rows
}

fn check(path: &Path) {
    let text = std::fs::read_to_string(path).expect("a scenario");
    let scenario: Scenario = toml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert!(scenario.prose.len() > 40, "{}: says what happens", path.display());
    let site = Site::parse(&scenario.site, path).unwrap_or_else(|e| panic!("{e}"));
    let facts = scenario.facts(Name::new(&site.cameras[0].name));
    let dir = tempfile::tempdir().expect("a folder");
    let of = |name: &str| dir.path().join(name);

    journal(&of("straight"), &facts);
    let straight = derive(&site, &scenario.site, &of("straight"), 1);
    for expect in &scenario.expect {
        assert_eq!(answers(&of("straight"), &expect.sql), expect.rows, "{}: {}", path.display(), expect.sql);
    }

    journal(&of("four"), &facts);
    let four = derive(&site, &scenario.site, &of("four"), 4);
    assert_eq!(four.digest, straight.digest, "{}: four workers", path.display());

    let (before, after) = facts.split_at(facts.len() / 2);
    journal(&of("resumed"), before);
    derive(&site, &scenario.site, &of("resumed"), 1);
    journal(&of("resumed"), after);
    let resumed = derive(&site, &scenario.site, &of("resumed"), 2);
    assert_eq!(resumed.digest, straight.digest, "{}: cut in two", path.display());
    for expect in &scenario.expect {
        assert_eq!(answers(&of("resumed"), &expect.sql), expect.rows, "{}, cut in two: {}", path.display(), expect.sql);
    }
}

#[test]
fn golden_scenarios() {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/golden"));
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).expect("the scenarios").map(|e| e.expect("an entry").path()).collect();
    paths.sort();
    assert!(paths.len() >= 6, "scenarios are missing");
    for path in paths {
        check(&path);
    }
}
