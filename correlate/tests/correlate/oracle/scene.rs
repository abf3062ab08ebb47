//! Random sites and facts, from a seed. Coordinates and times lie on coarse grids, so that edges, ties and exact
//! thresholds are met often; scenes lie around the daily reset, some of them where the clocks are changed.

use super::{Step, scene_attendance, scene_drift, scene_gate, scene_quality, scene_station, scene_work};
use gemba_schemas::fact::{
    Attempt, Clock, CodeMiss, CodeRead, Coverage, CoverageEnd, Decoder, Fact, Fault, FaultKind, MotionSpan, Stage,
    TrackEnd, TrackEndReason, TrackPoint,
};
use gemba_schemas::geometry::{Point, Quad};
use gemba_schemas::id::{FactId, Generation, Name};
use gemba_schemas::rule::{ClockRule, LineRule, PackingRule, Rule, ZoneRule};
use gemba_schemas::score::Score;
use gemba_schemas::time::{EventTime, Micros};

/// SplitMix64 (Steele, Lea, Flood 2014).
#[derive(Clone)]
pub struct Random(u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    pub fn below(&mut self, n: i64) -> i64 {
        (self.next() % n.max(1) as u64) as i64
    }
    pub fn one_in(&mut self, n: i64) -> bool {
        self.below(n) == 0
    }
    pub fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as i64) as usize]
    }
    /// When a client's fact arrived: now and then at the horizon, or just beyond it.
    pub fn arrival(&mut self, ts: EventTime, usual: EventTime) -> EventTime {
        let horizon = Micros(35 * 86_400_000_000);
        if self.one_in(30) { ts + horizon + Micros(self.below(2)) } else { usual }
    }
}

/// Zone, daily reset in minutes, and the instant (s since the epoch) around which the scene lies.
pub const PLACES: [(&str, i64, i64); 9] = [
    ("UTC", 180, 1_773_111_600),
    ("Asia/Kolkata", 180, 1_773_178_200),
    // The clocks go back at 01:00Z; the reset is at 02:00Z.
    ("Europe/Berlin", 180, 1_792_893_600),
    // The clocks go back by half an hour at 15:00Z; the reset is at 16:30Z.
    ("Australia/Lord_Howe", 180, 1_775_316_600),
    // Midnight after 29 February.
    ("Asia/Kolkata", 180, 1_835_461_800),
    // The first of the month begins at 04:00Z; at 05:00Z the clocks go back to midnight.
    ("America/Havana", 180, 1_793_507_400),
    // The clocks go forward at midnight, 04:00Z.
    ("America/Santiago", 180, 1_788_667_200),
    // The clocks go back at midnight, 03:00Z, to the day before.
    ("America/Santiago", 180, 1_775_358_000),
    // One minute past midnight, 02:31Z, the clocks go back to 23:01: an hour with minutes of two dates.
    ("America/St_Johns", 180, 1_289_097_060),
];

/// A site and what was seen there.
pub struct Scene {
    seed: u64,
    size: usize,
    facts: Vec<Fact>,
    rules: Vec<Rule>,
    now: EventTime,
}

struct Source {
    camera: Name,
    generation: Generation,
    start: i64,
    end: i64,
}

impl Source {
    fn id(&self, kind: &str, parts: &[i64]) -> FactId {
        let bytes: Vec<_> = parts.iter().map(|p| p.to_le_bytes()).collect();
        FactId::of(kind, self.camera, self.generation, &bytes.iter().map(|b| &b[..]).collect::<Vec<_>>())
    }
    fn frame(&self, ts: i64) -> u64 {
        ((ts - self.start) / 100_000).max(0) as u64
    }

    fn coverage(&self, random: &mut Random, out: &mut Vec<Fact>) {
        let mut from = self.start;
        let mut segment = 0;
        let last = random.pick(&[CoverageEnd::Continues, CoverageEnd::EndOfFootage, CoverageEnd::Truncated]);
        while from < self.end {
            let to = (from + (10 + random.below(50)) * 1_000_000).min(self.end);
            let end_reason = if to == self.end { last } else { CoverageEnd::Continues };
            let id = self.id("coverage", &[i64::from(segment)]);
            out.push(
                Coverage {
                    id,
                    camera: self.camera,
                    generation: self.generation,
                    segment,
                    started: EventTime(from),
                    ended: EventTime(to),
                    first_frame: self.frame(from),
                    last_frame: self.frame(to),
                    width: 1280,
                    height: 720,
                    frames_seen: 100,
                    frames_decoded: 20 + random.below(9) as u32,
                    frames_skipped: 50,
                    frames_corrupt: random.below(3) as u32,
                    file: "clip.mp4".into(),
                    clock: Clock::Filename,
                    end_reason,
                    footage: "f".into(),
                    vision: "v".into(),
                }
                .into(),
            );
            // A hole now and then.
            from = if random.one_in(9) { to + 45_000_000 } else { to };
            segment += 1;
        }
    }

    fn track(&self, random: &mut Random, track: u32, out: &mut Vec<Fact>) {
        let mut ts = self.start + random.below((self.end - self.start) / 200_000) * 200_000;
        let first = ts;
        let (mut x, mut y) = (random.below(21), random.below(21));
        let class = random.pick(&["person", "person", "cart"]);
        let model = random.pick(&["m1", "m2"]).into();
        let mut heading = (random.below(3) - 1, random.below(3) - 1);
        for n in 0..1 + random.below(60) {
            let (width, height): (u16, u16) = if random.one_in(15) { (640, 480) } else { (1280, 720) };
            let (w, h) = (i64::from(width) * 16, i64::from(height) * 16);
            // Off the grid by less than a band, or not at all.
            let jitter = random.below(3) * 7 - 7;
            out.push(
                TrackPoint {
                    id: self.id("track_point", &[i64::from(track), n]),
                    camera: self.camera,
                    generation: self.generation,
                    track,
                    ts: EventTime(ts),
                    frame: self.frame(ts),
                    class: if random.one_in(20) { "cart" } else { class }.into(),
                    score: Score(5000),
                    x0: (x * w / 20 - 100 + jitter) as i32,
                    y0: (y * h / 20 - 800) as i32,
                    x1: (x * w / 20 + 100 + jitter) as i32,
                    y1: (y * h / 20 + jitter) as i32,
                    width,
                    height,
                    model,
                }
                .into(),
            );
            ts += random.pick(&[0, 200_000, 200_000, 200_000, 1_000_000, 1_000_000, 2_000_000, 2_200_000, 30_000_000]);
            if random.one_in(4) {
                heading = (random.below(3) - 1, random.below(3) - 1);
            }
            (x, y) = ((x + heading.0).clamp(0, 20), (y + heading.1).clamp(0, 20));
        }
        for n in 0..random.below(4) / 2 {
            out.push(
                TrackEnd {
                    id: self.id("track_end", &[i64::from(track), n]),
                    camera: self.camera,
                    generation: self.generation,
                    track,
                    class: class.into(),
                    first_seen: EventTime(first),
                    last_seen: EventTime(ts),
                    last_frame: self.frame(ts),
                    detections: 1,
                    reason: random.pick(TrackEndReason::ALL),
                    model,
                }
                .into(),
            );
        }
    }

    fn codes(&self, random: &mut Random, n: usize, out: &mut Vec<Fact>) {
        let mut ts = self.start;
        for n in 0..n as i64 * 8 {
            ts += random.pick(&[0, 500_000, 1_000_000, 1_500_000, 3_000_000, 8_000_000]);
            let last = ts + random.pick(&[0, 0, 500_000, 1_000_000, 4_000_000]);
            let area: Name = random.pick(&["bench", "bench", "parcel", "frame"]).into();
            if random.one_in(5) {
                out.push(
                    CodeMiss {
                        id: self.id("code_miss", &[n]),
                        camera: self.camera,
                        generation: self.generation,
                        area,
                        first_seen: EventTime(ts),
                        last_seen: EventTime(last),
                        sightings: 1,
                        first_frame: self.frame(ts),
                        last_frame: self.frame(last),
                        corners: Quad([0, 0, 9, 0, 9, 9, 0, 9]),
                        area_px: 81,
                    }
                    .into(),
                );
                continue;
            }
            let text = random.pick(&["Go", "Go", "Go", "AB-1", "AB-2", "AB-12", "xAB-1", "AB-1\n", "é"]);
            out.push(
                CodeRead {
                    id: self.id("code_read", &[n]),
                    camera: self.camera,
                    generation: self.generation,
                    area,
                    text: text.into(),
                    payload: text.into(),
                    first_seen: EventTime(ts),
                    last_seen: EventTime(last),
                    sightings: 1 + random.below(3) as u32,
                    first_frame: self.frame(ts) + random.below(2) as u64,
                    last_frame: self.frame(last) + random.below(2) as u64,
                    corners: Quad([0, 0, 9, 0, 9, 9, 0, 9]),
                    area_px: 81,
                    decoder: Decoder::Zxing,
                    attempt: Attempt::Plain,
                }
                .into(),
            );
            if !random.one_in(4) {
                ts = last;
            }
        }
    }

    fn motion(&self, random: &mut Random, n: usize, out: &mut Vec<Fact>) {
        let mut ts = self.start;
        for n in 0..n as i64 * 3 {
            ts += random.pick(&[500_000, 1_000_000, 1_200_000, 9_000_000]);
            let started = ts;
            let mut offsets_ms = vec![0];
            let mut energies = vec![random.below(400) as u16];
            for _ in 0..random.below(12) {
                ts += random.pick(&[166_000, 200_000, 1_000_000, 1_100_000]);
                offsets_ms.push(((ts - started) / 1000) as u32);
                energies.push(random.pick(&[0, 199, 200, 201, 5000]));
            }
            out.push(
                MotionSpan {
                    id: self.id("motion_span", &[n]),
                    camera: self.camera,
                    generation: self.generation,
                    area: random.pick(&["frame", "bench"]).into(),
                    started: EventTime(started),
                    ended: EventTime(ts),
                    first_frame: self.frame(started),
                    last_frame: self.frame(ts),
                    offsets_ms,
                    energies,
                }
                .into(),
            );
        }
    }

    fn faults(&self, random: &mut Random, n: usize, out: &mut Vec<Fact>) {
        for n in 0..random.below(n as i64) {
            let ts = self.start + (random.below(9000) - 1000) * 1_000_000;
            out.push(
                Fault {
                    id: self.id("fault", &[n]),
                    camera: self.camera,
                    generation: self.generation,
                    ts: EventTime(ts),
                    frame: 0,
                    file: "clip.mp4".into(),
                    stage: Stage::Decode,
                    kind: FaultKind::Corrupt,
                    detail: "damaged".into(),
                    count: 1 + random.below(5) as u32,
                }
                .into(),
            );
        }
    }
}

fn twentieth(n: i64) -> i32 {
    n as i32 * 50_000
}

fn rules(random: &mut Random, camera: Name) -> Vec<Rule> {
    let mut rules = Vec::new();
    let classes = |random: &mut Random| if random.one_in(3) { vec![Name::new("person")] } else { vec![] };
    for zone in 0..1 + random.below(3) {
        let mut polygon: Vec<_> = (0..3 + random.below(4))
            .map(|_| Point { x: twentieth(random.below(21)), y: twentieth(random.below(21)) })
            .collect();
        // Somebody is at a station most of the time.
        if zone == 0 && !random.one_in(4) {
            polygon =
                [(2, 2), (18, 2), (18, 21), (2, 21)].map(|(x, y)| Point { x: twentieth(x), y: twentieth(y) }).into();
        }
        rules.push(Rule::Zone(ZoneRule {
            camera,
            zone: Name::new(&format!("zone-{zone}")),
            kind: if zone == 0 { "station" } else { random.pick(&["chair", "chair", "wait"]) }.into(),
            polygon,
            min_dwell: Micros::from_secs(random.below(9)),
            bridge: Micros::from_secs(random.below(4)),
            classes: classes(random),
        }));
    }
    for line in 0..1 + random.below(3) {
        let mut end = || Point { x: twentieth(random.below(21)), y: twentieth(random.below(21)) };
        let (from, to) = (end(), end());
        rules.push(Rule::Line(LineRule {
            camera,
            line: Name::new(&format!("line-{line}")),
            from,
            to,
            left: "out".into(),
            right: "in".into(),
            inside: random.pick(&["in", "out"]).into(),
            band: random.pick(&[0, 10_000, 50_000]),
            settle: Micros::from_millis(random.pick(&[0, 300, 1000])),
            classes: classes(random),
        }));
    }
    for profile in 0..2 {
        let area = |random: &mut Random| if random.one_in(2) { None } else { Some(Name::new("bench")) };
        rules.push(Rule::Packing(PackingRule {
            camera,
            profile: Name::new(&format!("profile-{profile}")),
            trigger: (profile == 0).then(|| "Go".into()),
            trigger_area: area(random),
            code_area: area(random),
            code_pattern: random.pick(&[None, Some("AB-[0-9]+"), Some("AB-1|é"), Some(".+")]).map(String::from),
            lookback: Micros::from_secs(random.pick(&[0, 2, 10])),
            on_sightings: 1 + random.below(3) as u32,
            off_after: Micros::from_millis(random.pick(&[1000, 1500])),
            min_duration: Micros::from_secs(3),
            max_duration: Micros::from_secs(8),
            motion_area: area(random),
            motion_threshold: 200,
            stable_duration: Micros::from_secs(1),
        }));
    }
    rules
}

fn facts(random: &mut Random, camera: Name, base: i64, size: usize) -> Vec<Fact> {
    let mut facts = Vec::new();
    for _ in 0..1 + random.below(3) {
        let start = (base + random.below(7200) - 3600) * 1_000_000 + random.pick(&[0, 0, 123_456]);
        let end = start + (30 + random.below(600 + 100 * size as i64)) * 1_000_000;
        let source = Source { camera, generation: Generation(start), start, end };
        source.coverage(random, &mut facts);
        (1..=size as u32).for_each(|track| source.track(random, track, &mut facts));
        source.codes(random, size, &mut facts);
        source.motion(random, size, &mut facts);
        source.faults(random, size, &mut facts);
    }
    facts
}

/// The same identity with another body.
fn other_body(fact: &Fact, by: Micros) -> Fact {
    let mut fact = fact.clone();
    match &mut fact {
        Fact::TrackPoint(f) => f.ts = f.ts + by,
        Fact::CodeRead(f) => f.first_seen = f.first_seen + by,
        Fact::CodeMiss(f) => f.first_seen = f.first_seen + by,
        Fact::MotionSpan(f) => f.started = f.started + by,
        Fact::Coverage(f) => f.segment += 1,
        Fact::TrackEnd(f) => f.last_seen = f.last_seen + by,
        Fact::Fault(f) => f.ts = f.ts + by,
        Fact::AttendanceMark(f) => f.ts = f.ts + by,
        Fact::PlateRead(f) => f.ts = f.ts + by,
        _ => {
            let received = fact.received_at().unwrap_or_default();
            fact.receive(received + by);
        }
    }
    fact
}

impl Scene {
    /// The scene of that seed; facts grow with `size`.
    pub fn new(seed: u64, size: usize) -> Self {
        let mut random = Random(seed);
        let (time_zone, reset, base) = PLACES[(seed % PLACES.len() as u64) as usize];
        let clock = ClockRule { time_zone: time_zone.into(), day_reset: Micros::from_secs(reset * 60) };
        let mut scene = Self { seed, size, facts: vec![], rules: vec![Rule::Clock(clock)], now: EventTime::MIN };
        for camera in ["cam-a", "cam-b"] {
            scene.facts.extend(facts(&mut random, camera.into(), base, size));
            scene.rules.extend(rules(&mut random, camera.into()));
        }
        scene_work::extend(&mut random, base, size, &mut scene.facts, &mut scene.rules);
        scene_station::extend(&mut random, &mut scene.facts, &mut scene.rules);
        let last = scene.facts.iter().map(Fact::bucket).max().unwrap_or(EventTime(base * 1_000_000));
        scene.now = last + Micros::from_millis(random.below(40) * 100 - 2000);
        // After `now`, which lies where the footage ends.
        let clients = scene_quality::facts(&mut random, base, size, &scene.facts);
        scene.facts.extend(clients);
        scene.rules.extend(scene_quality::rules(&mut random));
        scene.rules.extend(scene_attendance::rules(&mut random, time_zone, base));
        scene.facts.extend(scene_attendance::facts(&mut random, &scene.rules, base, size));
        scene.facts.extend(scene_gate::facts(&mut random, base, size));
        scene.rules.extend(scene_gate::rules(&mut random, base));
        scene.facts.extend(scene_drift::facts(&mut random, base, size));
        scene.rules.extend(scene_drift::rules(&mut random, base));
        let last = scene.facts.iter().map(Fact::bucket).max().unwrap_or(EventTime(base * 1_000_000));
        scene.now = last + Micros::from_millis(random.below(40) * 100 - 2000);
        // On the grid of the shifts, now and then: what begins or ends at that instant has begun or ended.
        if random.one_in(3) {
            scene.now = scene.now.floor(Micros::from_secs(600));
        }
        scene
    }

    /// The scene told in so many ticks, with detours that come to nothing and duplicates that count once.
    pub fn steps(&self, ticks: usize) -> Vec<Step> {
        let mut random = Random(self.seed ^ ticks as u64);
        let mut steps = vec![Step::default(); ticks];
        let any = |random: &mut Random, from: usize| from + random.below((ticks - from) as i64) as usize;
        for fact in &self.facts {
            for _ in 0..random.pick(&[1, 1, 1, 2, 3]) {
                let tick = any(&mut random, 0);
                steps[tick].facts.push((fact.clone(), 1));
            }
            if random.one_in(12) {
                let by = Micros::from_secs(random.below(140) - 70);
                let other = other_body(fact, by);
                let tick = any(&mut random, 0);
                steps[tick].facts.push((other.clone(), 1));
                // Most come to nothing, sometimes before they come at all.
                if !random.one_in(4) {
                    let tick = any(&mut random, 0);
                    steps[tick].facts.push((other, -1));
                }
            }
        }
        let elsewhere = Scene::new(self.seed.wrapping_add(1), self.size / 2);
        for fact in elsewhere.facts {
            let tick = any(&mut random, 0);
            steps[tick].facts.push((fact.clone(), 1));
            let tick = any(&mut random, tick);
            steps[tick].facts.push((fact, -1));
        }
        for rule in &self.rules {
            let tick = any(&mut random, 0);
            steps[tick].rules.push((rule.clone(), 1));
        }
        for rule in elsewhere.rules {
            let tick = any(&mut random, 0);
            steps[tick].rules.push((rule.clone(), 1));
            let tick = any(&mut random, tick);
            steps[tick].rules.push((rule, -1));
        }
        let mut now = self.now + Micros::from_secs(-300);
        steps[0].now.push((now, 1));
        for (tick, step) in steps.iter_mut().enumerate() {
            if random.one_in(3) || tick + 1 == ticks {
                // It may go back, too.
                let by = random.below(90) + random.pick(&[0, 0, 0, 7200, -7200]);
                let next = if tick + 1 == ticks { self.now } else { now + Micros::from_secs(by) };
                step.now.extend([(now, -1), (next, 1)]);
                now = next;
            }
        }
        // Facts of a tick come in any order.
        for step in &mut steps {
            for i in (1..step.facts.len()).rev() {
                step.facts.swap(i, random.below(i as i64 + 1) as usize);
            }
        }
        steps
    }
}
