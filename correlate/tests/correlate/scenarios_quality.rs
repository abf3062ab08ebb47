//! Quality of packing sessions, by hand: sessions with their reviews and exports.

use super::scenarios::{clock, coverage, once, profile, read, s};
use gemba_schemas::fact::{CoverageEnd, Fact, FrameExport, Review, ReviewOutcome};
use gemba_schemas::id::{FactId, Generation};
use gemba_schemas::view::{QualityCamera, QualityHour, ViewRow};

const HOUR: f64 = 3600.0;

fn id(kind: &str, n: u64) -> FactId {
    FactId::of(kind, "cam".into(), Generation(0), &[&n.to_le_bytes()])
}

/// A review of the session that started then, at `ts`; the n-th to arrive.
fn review(n: u64, session: f64, ts: f64, outcome: ReviewOutcome) -> Fact {
    Review {
        id: id("review", n),
        received_at: s(ts + n as f64),
        ts: s(ts),
        camera: "cam".into(),
        session: s(session),
        outcome,
        reviewer: "eve".into(),
        request: "".into(),
    }
    .into()
}

fn export(n: u64, session: f64, ok: bool) -> Fact {
    FrameExport {
        id: id("export", n),
        received_at: s(n as f64),
        ts: s(session + 100.0),
        camera: "cam".into(),
        session: s(session),
        ok,
        frames: 3,
        request: "".into(),
    }
    .into()
}

/// The trigger is covered from 10 s to 30 s (20 s, code A), 35 s to 40 s (5 s, too short, no code), and in the next hour
/// from 3610 s on until coverage ends at 3700 s (cut, no code). In between it lies in sight.
fn bench() -> Vec<Fact> {
    vec![
        coverage(0.0, 50.0, CoverageEnd::Continues),
        coverage(3600.0, 3700.0, CoverageEnd::EndOfFootage),
        read("Go", 1.0, 10.0, 20),
        read("A", 20.0, 21.0, 3),
        read("Go", 30.0, 35.0, 20),
        read("Go", 40.0, 3610.0, 20),
    ]
}

fn hours(facts: Vec<Fact>) -> Vec<QualityHour> {
    let rows = once(facts, vec![profile(), clock()], s(2.0 * HOUR));
    rows.into_iter().filter_map(|r| if let ViewRow::QualityHour(h) = r { Some(*h) } else { None }).collect()
}

#[test]
fn an_hour_counts_its_sessions_and_what_became_of_them() {
    let mut facts = bench();
    // The first session was faulty, then found to be in order; the second the other way round. Arrival does not
    // matter where the times of review differ.
    facts.extend([review(1, 10.0, 200.0, ReviewOutcome::Ok), review(2, 10.0, 100.0, ReviewOutcome::Fault)]);
    facts.extend([review(3, 35.0, 100.0, ReviewOutcome::Ok), review(4, 35.0, 100.0, ReviewOutcome::Fault)]);
    facts.extend([export(1, 10.0, true), export(2, 10.0, false), export(3, 35.0, true)]);
    let hours = hours(facts);
    assert_eq!(hours.len(), 2);
    let h = &hours[0];
    assert_eq!((h.hour, h.sessions, h.qr_failed, h.too_short, h.too_long, h.cut), (s(0.0), 2, 1, 1, 0, 0));
    assert_eq!((h.reviewed, h.faulty, h.pending, h.oldest_pending), (2, 1, 0, None));
    assert_eq!((h.exports, h.exports_ok), (3, 2));
    let h = &hours[1];
    assert_eq!((h.hour, h.sessions, h.qr_failed, h.too_short, h.too_long, h.cut), (s(HOUR), 1, 1, 0, 0, 1));
    assert_eq!((h.reviewed, h.faulty, h.pending, h.oldest_pending), (0, 0, 1, Some(s(3610.0))));
}

#[test]
fn what_clients_say_of_sessions_that_are_not_there_makes_exports_but_no_sessions() {
    // A review of a start that is a second off leaves the session pending; the export counts in its hour.
    let hours = hours([bench(), vec![review(1, 11.0, 100.0, ReviewOutcome::Ok), export(1, 2.0 * HOUR, true)]].concat());
    let shape: Vec<_> = hours.iter().map(|h| (h.hour, h.sessions, h.pending, h.oldest_pending, h.exports_ok)).collect();
    assert_eq!(
        shape,
        [(s(0.0), 2, 2, Some(s(10.0)), 0), (s(HOUR), 1, 1, Some(s(3610.0)), 0), (s(2.0 * HOUR), 0, 0, None, 1)]
    );
}

#[test]
fn a_camera_says_when_it_was_last_reviewed_and_what_waits() {
    let camera = |facts: Vec<Fact>| -> Vec<QualityCamera> {
        let rows = once(facts, vec![profile(), clock()], s(2.0 * HOUR));
        rows.into_iter().filter_map(|r| if let ViewRow::QualityCamera(c) = r { Some(c) } else { None }).collect()
    };
    let before = camera(bench());
    assert_eq!(before.len(), 1);
    let c = &before[0];
    // Last activity is the start of the session at 3610 s.
    assert_eq!((c.sessions, c.pending, c.oldest_pending, c.last_review), (3, 3, Some(s(10.0)), None));
    assert_eq!(c.last_activity, s(3610.0));
    let reviews = vec![review(1, 10.0, 5000.0, ReviewOutcome::Ok), review(2, 35.0, 4000.0, ReviewOutcome::Unclear)];
    let after = camera([bench(), reviews].concat());
    let c = &after[0];
    assert_eq!((c.sessions, c.pending, c.oldest_pending), (3, 1, Some(s(3610.0))));
    assert_eq!((c.last_review, c.last_activity), (Some(s(5000.0)), s(5000.0)));
}
