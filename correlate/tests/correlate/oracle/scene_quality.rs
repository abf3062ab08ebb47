//! Reports of devices; reviews and exports of packing sessions: of starts at which there may be a session, and of others; and rules of alerts.
//! Times and shares lie on coarse grids, so that reviews tie and thresholds are met.

use super::scene::Random;
use gemba_schemas::fact::{DeviceState, DeviceStatus, Fact, FrameExport, Review, ReviewOutcome};
use gemba_schemas::id::{FactId, Generation, Name};
use gemba_schemas::rule::{AlertKind, AlertRule, Rule, Severity};
use gemba_schemas::score::Score;
use gemba_schemas::time::{EventTime, Micros};

/// A camera that the site does not know: clients may report of it all the same.
const UNKNOWN: &str = "cam-c";

/// Where sessions of the camera may start: at the end of a trigger's sightings, or at a moving sample.
fn starts(camera: &str, facts: &[Fact]) -> Vec<EventTime> {
    let mut starts = Vec::new();
    for fact in facts.iter().filter(|f| f.camera().as_str() == camera) {
        match fact {
            Fact::CodeRead(f) if f.text == "Go" => starts.push(f.last_seen),
            Fact::MotionSpan(f) => {
                let samples = f.offsets_ms.iter().zip(&f.energies).filter(|(_, energy)| **energy > 200);
                starts.extend(samples.map(|(ms, _)| f.started + Micros::from_millis(i64::from(*ms))));
            }
            _ => {}
        }
    }
    starts
}

/// When something arrived: in another order than it happened, some things together.
fn arrival(random: &mut Random, base: i64) -> EventTime {
    EventTime((base + random.below(5)) * 1_000_000)
}

/// What clients report of the sessions that `facts` may hold, around `base` (s since the epoch).
pub fn facts(random: &mut Random, base: i64, size: usize, facts: &[Fact]) -> Vec<Fact> {
    let mut found = Vec::new();
    for camera in ["cam-a", "cam-b", UNKNOWN] {
        let starts = starts(camera, facts);
        for n in 0..size as i64 * 12 {
            let session = if starts.is_empty() || random.one_in(3) {
                EventTime((base + random.below(24) * 1800 - 7200) * 1_000_000)
            } else {
                random.pick(&starts)
            };
            let name: Name = camera.into();
            let id = FactId::of("client", name, Generation(0), &[&n.to_le_bytes()]);
            let ts = session + Micros::from_secs(random.below(3) * 40_000);
            let usual = arrival(random, base);
            let received_at = random.arrival(ts, usual);
            found.push(if random.one_in(2) {
                let outcome = random.pick(ReviewOutcome::ALL);
                let reviewer = random.pick(&["eve", "model"]).into();
                Review { id, received_at, ts, camera: name, session, outcome, reviewer, request: "".into() }.into()
            } else {
                let ok = !random.one_in(3);
                FrameExport { id, received_at, ts, camera: name, session, ok, frames: 3, request: "".into() }.into()
            });
        }
    }
    for device in ["cam-a", UNKNOWN] {
        for n in 0..size as i64 * 8 {
            let id = FactId::of("device_status", device.into(), Generation(0), &[&n.to_le_bytes()]);
            // Twenty minutes apart for two days, so that some are of one instant; some of these arrived together, too. Those
            // of the first day arrived late.
            let ts = EventTime((base + (random.below(144) - 72) * 1200) * 1_000_000);
            let usual = arrival(random, base);
            let received_at = random.arrival(ts, usual);
            let state =
                random.pick(&[DeviceState::Online, DeviceState::Degraded, DeviceState::Offline, DeviceState::Offline]);
            let detail = random.pick(&["", "no answer"]).into();
            let request = "".into();
            found.push(DeviceStatus { id, received_at, ts, device: device.into(), state, detail, request }.into());
        }
    }
    found
}

/// Rules of alerts, for all cameras and for single ones; no two of a kind, severity and camera.
pub fn rules(random: &mut Random) -> Vec<Rule> {
    let mut rules = Vec::new();
    for kind in AlertKind::ALL.iter().copied().filter(|kind| !kind.is_of_reports()) {
        for severity in Severity::ALL.iter().copied() {
            for camera in sources(kind) {
                if random.one_in(if camera.is_some() { 2 } else { 6 }) {
                    continue;
                }
                // Shares of few things: halves, thirds (not met exactly), quarters, fifths.
                let at = random.below(7) as usize;
                let (low, high) = (Score(SHARES[at]), Score(SHARES[at + random.below(3) as usize]));
                let (threshold, clear) = if kind.high_is_bad() { (high, low) } else { (low, high) };
                let mut min_samples = 1 + random.below(3) as u32;
                if matches!(kind, AlertKind::StationUtilisation | AlertKind::FloorUtilisation) {
                    min_samples = random.pick(&[1, 300, 301, 900]);
                }
                let camera = camera.map(Name::new);
                rules.push(Rule::Alert(AlertRule { kind, severity, camera, threshold, clear, min_samples }));
            }
        }
    }
    rules
}

/// What rules of a kind are for: all, and single ones.
fn sources(kind: AlertKind) -> Vec<Option<&'static str>> {
    let single: &[&str] = match kind {
        AlertKind::StationUtilisation => &["S1", "S4"],
        AlertKind::FloorUtilisation => &[],
        AlertKind::Confidence => &["S1", "cam-a"],
        AlertKind::BlockedVehicle => &["cam-b"],
        _ => &["cam-a", UNKNOWN],
    };
    [None].into_iter().chain(single.iter().map(|source| Some(*source))).collect()
}

const SHARES: [u16; 9] = [0, 2_500, 3_333, 4_000, 5_000, 6_000, 6_667, 7_500, 10_000];
