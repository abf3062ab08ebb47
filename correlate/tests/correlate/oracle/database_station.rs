//! Rules of stations that cameras watch, as tables for the oracle.

use duckdb::{Connection, params};
use gemba_schemas::id::Name;
use gemba_schemas::rule::{Rule, StationRule, digest};
use std::collections::BTreeSet;

/// The rules of the names of stations that cameras watch: which they are shapes every hour of work.
pub fn watched_stations(rules: &[Rule]) -> Vec<Rule> {
    let stations: BTreeSet<Name> =
        rules.iter().filter_map(|r| if let Rule::StationZone(z) = r { Some(z.station) } else { None }).collect();
    stations.into_iter().map(|station| Rule::Station(StationRule { station })).collect()
}

/// Zones and badges; and the digests of the rules that shape the hours of single workers and stations, and of the floor.
pub fn insert_stations(db: &Connection, rules: &[Rule], clock: &Rule) {
    db.execute_batch(
        "CREATE TABLE rule_station_zone (camera VARCHAR, zone VARCHAR, bridge BIGINT, station VARCHAR, worker VARCHAR,
             area VARCHAR, working_energy BIGINT, idle_after BIGINT, badges BOOLEAN);
         CREATE TABLE rule_badge (badge VARCHAR, worker VARCHAR);
         CREATE TABLE digest_work (kind VARCHAR, name VARCHAR, digest VARCHAR);",
    )
    .unwrap();
    let mut all = watched_stations(rules);
    all.push(clock.clone());
    all.extend(rules.iter().filter(|r| matches!(r, Rule::Productivity(_))).cloned());
    let mut zones = Vec::new();
    let mut badges = Vec::new();
    for rule in rules {
        match rule {
            Rule::StationZone(z) => {
                zones.push((z, rule));
                let worker = z.worker.map(Name::as_str);
                let names = [z.camera, z.zone, z.station, z.area].map(Name::as_str);
                let (energy, idle_after) = (z.working_energy, z.idle_after.0);
                let values =
                    params![names[0], names[1], z.bridge.0, names[2], worker, names[3], energy, idle_after, z.badges];
                db.execute("INSERT INTO rule_station_zone VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values).unwrap();
            }
            Rule::Badge(b) => {
                badges.push((b, rule));
                db.execute("INSERT INTO rule_badge VALUES (?, ?)", params![b.badge, b.worker.as_str()]).unwrap();
            }
            _ => {}
        }
    }
    let put = |kind: &str, name: &str, shapes: Vec<&Rule>| {
        let sum = digest(all.iter().chain(shapes));
        db.execute("INSERT INTO digest_work VALUES (?, ?, ?)", [kind, name, sum.as_str()]).unwrap();
    };
    put("floor", "", zones.iter().map(|z| z.1).chain(badges.iter().map(|b| b.1)).collect());
    for station in zones.iter().map(|(z, _)| z.station).collect::<BTreeSet<_>>() {
        put("station", station.as_str(), zones.iter().filter(|(z, _)| z.station == station).map(|z| z.1).collect());
    }
    let workers = zones.iter().filter_map(|(z, _)| z.worker).chain(badges.iter().map(|(b, _)| b.worker));
    for worker in workers.collect::<BTreeSet<_>>() {
        // The zones whose time may be the worker's; and whose badges may take it.
        let own = badges.iter().any(|(b, _)| b.worker == worker);
        let there: Vec<_> = zones.iter().filter(|(z, _)| z.worker == Some(worker) || z.badges && own).collect();
        let mut shapes: Vec<&Rule> = there.iter().map(|z| z.1).collect();
        if there.iter().any(|(z, _)| z.badges) {
            shapes.extend(badges.iter().map(|b| b.1));
        }
        put("worker", worker.as_str(), shapes);
    }
}
