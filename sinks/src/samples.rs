//! Rows of every kind for the tests of this crate, varied by a number and the same for the same number.

use gemba_schemas::fact::*;
use gemba_schemas::geometry::Quad;
use gemba_schemas::id::{FactId, Generation, Name};
use gemba_schemas::score::Score;
use gemba_schemas::time::{EventTime, Micros};
use gemba_schemas::view::*;

/// 2026-01-20T00:00:00Z.
pub(crate) const DAY: i64 = 1_768_867_200_000_000;

/// A small generator (SplitMix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % below
    }
}

fn of<T: Copy>(all: &[T], n: u64) -> T {
    all[n as usize % all.len()]
}

fn text(n: u64) -> String {
    ["", "ABC-123", "naïve 箱 📦", "it's \"quoted\"", "a\nb\tc"][n as usize % 5].to_owned()
}

fn camera(n: u64) -> Name {
    Name::new(["front", "dock's", "裏口"][n as usize % 3])
}

/// The `n`-th fact: kinds take turns, times spread over three days.
pub(crate) fn fact(n: u64) -> Fact {
    let kind = of(FactKind::ALL, n);
    let ts = EventTime(DAY + (n as i64 * 7_777_777_777) % (3 * 86_400_000_000));
    let (id, camera, generation) = (FactId(u64::MAX - n), camera(n / 7), Generation(DAY + (n / 7 % 4) as i64));
    let area = Name::new("table");
    match kind {
        FactKind::Coverage => Fact::Coverage(Coverage {
            id,
            camera,
            generation,
            segment: n as u32,
            started: ts,
            ended: ts + Micros::MINUTE,
            first_frame: n,
            last_frame: u64::MAX,
            width: 1280,
            height: u16::MAX,
            frames_seen: 1,
            frames_decoded: 2,
            frames_skipped: 3,
            frames_corrupt: u32::MAX,
            file: Name::new("clip.mp4"),
            clock: of(Clock::ALL, n),
            end_reason: of(CoverageEnd::ALL, n),
            footage: Name::new("f"),
            vision: Name::new("v"),
        }),
        FactKind::CodeRead => Fact::CodeRead(CodeRead {
            id,
            camera,
            generation,
            area,
            text: text(n),
            payload: (0..n % 300).map(|i| i as u8).collect(),
            first_seen: ts,
            last_seen: ts,
            sightings: 1,
            first_frame: 2,
            last_frame: 3,
            corners: Quad([i32::MIN, 1, 2, 3, 4, 5, 6, i32::MAX]),
            area_px: 4,
            decoder: of(Decoder::ALL, n),
            attempt: of(Attempt::ALL, n),
        }),
        FactKind::CodeMiss => Fact::CodeMiss(CodeMiss {
            id,
            camera,
            generation,
            area,
            first_seen: ts,
            last_seen: ts,
            sightings: 1,
            first_frame: 2,
            last_frame: 3,
            corners: Quad([n as i32; 8]),
            area_px: 4,
        }),
        FactKind::MotionSpan => Fact::MotionSpan(MotionSpan {
            id,
            camera,
            generation,
            area,
            started: ts,
            ended: ts,
            first_frame: 1,
            last_frame: 2,
            offsets_ms: (0..n as u32 % 9).collect(),
            energies: (0..n as u16 % 9).collect(),
        }),
        FactKind::TrackPoint => point(n, id, camera, generation, ts),
        FactKind::TrackEnd => Fact::TrackEnd(TrackEnd {
            id,
            camera,
            generation,
            track: n as u32,
            class: Name::new("person"),
            first_seen: ts,
            last_seen: ts,
            last_frame: 3,
            detections: 4,
            reason: of(TrackEndReason::ALL, n),
            model: Name::new("motion"),
        }),
        FactKind::Fault => Fact::Fault(Fault {
            id,
            camera,
            generation,
            ts,
            frame: 1,
            file: Name::new("clip.mp4"),
            stage: of(Stage::ALL, n),
            kind: of(FaultKind::ALL, n),
            detail: text(n),
            count: 2,
        }),
    }
}

/// A track point.
pub(crate) fn point(n: u64, id: FactId, camera: Name, generation: Generation, ts: EventTime) -> Fact {
    let (x, y) = (n as i32 % 20_000, -(n as i32 % 10_000));
    Fact::TrackPoint(TrackPoint {
        id,
        camera,
        generation,
        track: (n / 100) as u32,
        ts,
        frame: n,
        class: Name::new("person"),
        score: Score((n % 10_001) as u16),
        x0: x,
        y0: y,
        x1: x + 500,
        y1: y + 1500,
        width: 1280,
        height: 720,
        model: Name::new("0123456789abcdef"),
    })
}

/// The row with key number `key` in `view`, its other values varied by `value`.
pub(crate) fn row(view: ViewKind, key: u64, value: u64) -> ViewRow {
    let ts = EventTime(DAY + (key as i64 * 3_333_333_333) % (3 * 86_400_000_000));
    let (camera, rules) = (camera(key), Name::new(["r0", "r1"][value as usize % 2]));
    let (generation, track, model) = (Generation(DAY), key as u32, Name::new("motion"));
    let (class, zone) = (Name::new("person"), Name::new("chair 1"));
    let scope_kind = of(ScopeKind::ALL, key);
    let us = Micros(value as i64 * 1_000_003);
    match view {
        ViewKind::PackingSession => PackingSession {
            camera,
            profile: Name::new("bench"),
            started: ts,
            ended: (!value.is_multiple_of(3)).then_some(ts + us),
            duration_us: us,
            status: of(SessionStatus::ALL, value),
            verdict: of(SessionVerdict::ALL, value),
            codes: (0..value % 4).map(text).collect(),
            code_misses: value as u32,
            first_code_at: (!value.is_multiple_of(4)).then_some(ts),
            generation,
            first_frame: 1,
            last_frame: (!value.is_multiple_of(2)).then_some(u64::MAX),
            rules,
        }
        .into(),
        ViewKind::ZoneVisit => ZoneVisit {
            camera,
            generation,
            track,
            zone,
            kind: Name::new("chair"),
            class,
            entered: ts,
            left: ts + us,
            dwell_us: us,
            counted: value.is_multiple_of(2),
            end_reason: of(VisitEnd::ALL, value),
            points: value as u32,
            first_frame: 1,
            last_frame: 2,
            model,
            rules,
        }
        .into(),
        ViewKind::LineCrossing => LineCrossing {
            camera,
            generation,
            track,
            line: Name::new("door"),
            ts,
            from_side: Name::new("in"),
            to_side: Name::new("out"),
            entry: value.is_multiple_of(2),
            class,
            first_frame: value,
            last_frame: 2,
            model,
            rules,
        }
        .into(),
        ViewKind::OccupancyMinute => OccupancyMinute {
            camera,
            scope_kind,
            scope: zone,
            minute: ts,
            entries: value as u32,
            exits: 1,
            occupied_us: us,
            observed_us: Micros(if value.is_multiple_of(5) { 0 } else { 60_000_000 }),
            max: 3,
            min: -1,
            last: 2,
            residual: -2,
            rules,
        }
        .into(),
        ViewKind::OccupancyHour => OccupancyHour {
            camera,
            scope_kind,
            scope: zone,
            hour: ts,
            entries: value as u32,
            exits: 1,
            occupied_us: us,
            observed_us: Micros(3_600_000_000),
            max: 3,
            min: -1,
            residual: 0,
            rules,
        }
        .into(),
        ViewKind::CoverageHour => CoverageHour {
            camera,
            hour: ts,
            observed_us: us,
            frames_seen: value,
            frames_decoded: u64::MAX,
            frames_skipped: 0,
            frames_corrupt: 0,
            faults: 0,
            generations: 1,
            first_seen: ts,
            last_seen: ts,
        }
        .into(),
    }
}
