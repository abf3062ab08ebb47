//! Events of workers at stations, and the rules by which they count.

use super::scene::Random;
use gemba_schemas::fact::{Activity, ActivityState, Fact, Production};
use gemba_schemas::id::{FactId, Generation, Name};
use gemba_schemas::rule::{DriftRule, DurationModel, ProductivityRule, Rule, StationRule, WorkerRule};
use gemba_schemas::score::Score;
use gemba_schemas::time::{EventTime, Micros};

/// Adds events around `base` (s since the epoch), some under one identity twice, some too late, and the rules.
pub fn extend(random: &mut Random, base: i64, size: usize, facts: &mut Vec<Fact>, rules: &mut Vec<Rule>) {
    let workers = ["W1", "W2", "W3", "W4"];
    let stations = ["S1", "S2", "S3"];
    for n in 0..size as i64 * 12 {
        let days = if random.one_in(10) { -(30 + random.below(10)) } else { 0 };
        let ts =
            EventTime((base + days * 86_400 + random.below(300) * 60 - 9000) * 1_000_000 + random.pick(&[0, 0, 500]));
        // Once on the horizon, once just beyond.
        let ts = if random.one_in(40) { EventTime(received(base, n).0) - Micros(35 * 86_400_000_000) } else { ts };
        let ts = if random.one_in(60) { EventTime(received(base, n).0) - Micros(35 * 86_400_000_000 + 1) } else { ts };
        let (worker, station) = (Name::new(random.pick(&workers)), Name::new(random.pick(&stations)));
        let confidence = Score(random.pick(&[10_000, 9_999, 9_500, 8_000, 7_999, 6_000, 0]));
        let (model, model_version) = (Name::new("activity"), Name::new(random.pick(&["1.0", "2.0"])));
        let state = random.pick(ActivityState::ALL);
        let made = random.one_in(4);
        let kind = if made { Production::event_type() } else { state.event_type() };
        // A client's own id joins what would be apart.
        let own = format!("own-{}", random.below(20));
        let request = if random.one_in(10) { own } else { String::new() };
        let hashed = |parts: &[&[u8]]| FactId::of("event", Name::default(), Generation(0), parts);
        let id = match &request[..] {
            // As earlier releases made them, now and then.
            "" if random.one_in(8) => {
                hashed(&[&ts.0.to_le_bytes(), worker.as_str().as_bytes(), kind.as_str().as_bytes()])
            }
            "" => FactId::of_event(ts, worker, station, kind),
            own => hashed(&[own.as_bytes()]),
        };
        let received_at = received(base, n);
        facts.push(if made {
            let count = random.below(5) as u32;
            Production { id, received_at, ts, worker, station, count, confidence, model, model_version, request }.into()
        } else {
            Activity { id, received_at, ts, worker, station, state, confidence, model, model_version, request }.into()
        });
    }
    rules.push(Rule::Productivity(ProductivityRule {
        duration: random.pick(&[DurationModel::Fixed, DurationModel::UntilNext]),
        event_duration: Micros::from_secs(300),
        max_gap: Micros::from_secs(random.pick(&[60, 900, 5_400])),
        require_registered: random.one_in(4),
    }));
    rules.extend(workers[..2].iter().map(|w| Rule::Worker(WorkerRule { worker: Name::new(w) })));
    rules.extend(stations[..2].iter().map(|s| Rule::Station(StationRule { station: Name::new(s) })));
    rules.push(Rule::Drift(DriftRule {
        min_confidence: Score(8_000),
        min_samples: random.pick(&[1, 2]),
        sustained: random.pick(&[1, 2]),
    }));
}

/// When the `n`-th fact arrived: each later than the one before.
fn received(base: i64, n: i64) -> EventTime {
    EventTime((base + 7200) * 1_000_000 + n)
}
