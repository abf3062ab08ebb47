//! Which stations cameras watch, and the digests of the rules that shape whose hours.

use gemba_schemas::id::Name;
use gemba_schemas::rule::{BadgeRule, Rule, StationRule, StationZoneRule, digest, joined};
use gemba_schemas::view::NameKind;
use serde::{Deserialize, Serialize};

/// What the site says about stations that cameras watch.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Watched {
    /// The stations, sorted.
    stations: Vec<Name>,
    /// Digests of what shapes the hours of single workers and stations, sorted by whose they are; the others' hours have
    /// that of the clock, of how events count and of the stations.
    digests: Vec<((NameKind, Name), Name)>,
}

impl Watched {
    /// From the rules; with the digest of what shapes all hours (`base` and the names of the stations), and of what shapes
    /// the floor's (all that shapes any).
    pub fn new(zones: &[&StationZoneRule], badges: &[&BadgeRule], base: Name) -> (Self, Name, Name) {
        let mut stations: Vec<Name> = zones.iter().map(|zone| zone.station).collect();
        stations.sort_unstable();
        stations.dedup();
        // An event there stands for no time, whoever's it is.
        let named = stations.iter().map(|&station| digest([&Rule::Station(StationRule { station })]));
        let base = joined(named.chain([base]));
        let of_zones = |own: &dyn Fn(&StationZoneRule) -> bool| {
            let own = zones.iter().filter(|zone| own(zone));
            own.map(|zone| digest([&Rule::StationZone(**zone)])).collect::<Vec<_>>()
        };
        let of_badges: Vec<Name> = badges.iter().map(|badge| digest([&Rule::Badge((*badge).clone())])).collect();
        let mut digests = Vec::new();
        for &station in &stations {
            let sum = joined(of_zones(&|zone| zone.station == station).into_iter().chain([base]));
            digests.push(((NameKind::Station, station), sum));
        }
        let mut workers: Vec<Name> = zones.iter().filter_map(|zone| zone.worker).collect();
        workers.extend(badges.iter().map(|badge| badge.worker));
        workers.sort_unstable();
        workers.dedup();
        for worker in workers {
            let own = badges.iter().any(|badge| badge.worker == worker);
            let there = |zone: &StationZoneRule| zone.worker == Some(worker) || (own && zone.badges);
            let read = zones.iter().any(|zone| there(zone) && zone.badges);
            // Where badges are read anybody's can take the time of the station's worker.
            let of_badges = of_badges.iter().filter(|_| read).copied();
            let sum = joined(of_zones(&there).into_iter().chain(of_badges).chain([base]));
            digests.push(((NameKind::Worker, worker), sum));
        }
        digests.sort_unstable();
        let floor = joined(of_zones(&|_| true).into_iter().chain(of_badges).chain([base]));
        (Self { stations, digests }, base, floor)
    }

    /// Whether a camera watches the station, so that events stand for no time there.
    pub fn watches(&self, station: Name) -> bool {
        !self.stations.is_empty() && self.stations.binary_search(&station).is_ok()
    }

    /// The digest of what shapes somebody's hours, where it is their own.
    pub fn digest_of(&self, kind: NameKind, name: Name) -> Option<Name> {
        if self.digests.is_empty() {
            return None;
        }
        self.digests.binary_search_by_key(&(kind, name), |(whose, _)| *whose).ok().map(|i| self.digests[i].1)
    }
}
