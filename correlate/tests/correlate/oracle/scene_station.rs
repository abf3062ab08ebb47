//! Zones that stand for workstations, and badges; motion and codes where somebody is. Times lie on coarse grids.

use super::scene::Random;
use gemba_schemas::fact::{Attempt, CodeRead, Decoder, Fact, MotionSpan, TrackPoint};
use gemba_schemas::geometry::Quad;
use gemba_schemas::id::FactId;
use gemba_schemas::rule::{BadgeRule, Rule, STATION_KIND, StationZoneRule, digest};
use gemba_schemas::time::Micros;

/// Makes some zones of `rules` stand for stations, sometimes two for one; and gives workers badges.
pub fn extend(random: &mut Random, facts: &mut Vec<Fact>, rules: &mut Vec<Rule>) {
    let zones: Vec<_> =
        rules.iter().filter_map(|r| if let Rule::Zone(z) = r { Some(z.clone()) } else { None }).collect();
    for zone in zones.iter().filter(|zone| zone.kind.as_str() == STATION_KIND) {
        if random.one_in(5) {
            continue;
        }
        rules.push(Rule::StationZone(StationZoneRule {
            camera: zone.camera,
            zone: zone.zone,
            zone_rules: digest([&Rule::Zone(zone.clone())]),
            bridge: zone.bridge,
            station: random.pick(&["S1", "S2", "S3"]).into(),
            worker: random.pick(&[None, Some("W1"), Some("W2")]).map(Into::into),
            area: random.pick(&["frame", "bench"]).into(),
            working_energy: random.pick(&[11, 200, 201]),
            idle_after: Micros::from_millis(random.pick(&[1, 1_000, 9_000])),
            badges: !random.one_in(3),
        }));
    }
    for (badge, worker) in [("Go", "W2"), ("AB-1", "W1"), ("AB-2", "W3"), ("AB-2", "W4")] {
        if !random.one_in(3) {
            rules.push(Rule::Badge(BadgeRule { badge: badge.into(), worker: worker.into() }));
        }
    }
    let points: Vec<_> =
        facts.iter().filter_map(|f| if let Fact::TrackPoint(p) = f { Some(p.clone()) } else { None }).collect();
    for point in points {
        if random.one_in(3) {
            facts.push(motion(random, &point).into());
        }
        if random.one_in(5) {
            facts.push(badge(random, &point).into());
        }
    }
}

fn motion(random: &mut Random, point: &TrackPoint) -> MotionSpan {
    let started = point.ts + Micros::from_millis(random.pick(&[-1_000, 0, 400]));
    let steps = random.pick(&[0, 1, 4]);
    MotionSpan {
        id: FactId(point.id.0 ^ 2),
        camera: point.camera,
        generation: point.generation,
        area: random.pick(&["frame", "bench"]).into(),
        started,
        ended: started + Micros::from_millis(200 * steps),
        first_frame: point.frame,
        last_frame: point.frame,
        offsets_ms: (0..=steps as u32).map(|n| n * 200).collect(),
        energies: (0..=steps).map(|_| random.pick(&[10, 11, 199, 200, 201])).collect(),
    }
}

fn badge(random: &mut Random, point: &TrackPoint) -> CodeRead {
    let first_seen = point.ts + Micros::from_millis(random.pick(&[-1_000, 0, 0, 400]));
    let text = random.pick(&["Go", "AB-1", "AB-2", "AB-2", "AB-2", "AB-12"]);
    CodeRead {
        id: FactId(point.id.0 ^ 4),
        camera: point.camera,
        generation: point.generation,
        area: random.pick(&["frame", "bench"]).into(),
        text: text.into(),
        payload: text.into(),
        first_seen,
        last_seen: first_seen + Micros::from_millis(random.pick(&[0, 200, 3_000])),
        sightings: 2,
        first_frame: point.frame,
        last_frame: point.frame,
        corners: Quad([0, 0, 9, 0, 9, 9, 0, 9]),
        area_px: 81,
        decoder: Decoder::Zxing,
        attempt: Attempt::Plain,
    }
}
