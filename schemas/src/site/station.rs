//! Zones that stand for workstations, and workers' badges, as rules.

use super::rules::zone;
use super::value::Length;
use super::{Site, Zone};
use crate::id::Name;
use crate::rule::{BadgeRule, Rule, StationZoneRule, digest};
use crate::time::Micros;

/// What the names of areas around zones begin with; the zone's name follows.
pub(super) const ZONE_AREA: &str = "zone:";

/// Share of its area from which there is work at a station, if the zone does not say.
const WORKING_ENERGY: f64 = 0.02;

/// Stillness that is not idle yet, if the zone does not say.
const IDLE_AFTER: Length = Length(Micros::from_secs(5));

impl Zone {
    /// The rectangle `[left, top, right, bottom]` around the polygon.
    pub(super) fn bounds(&self) -> [f64; 4] {
        self.polygon.iter().fold([1.0, 1.0, 0.0, 0.0], |[left, top, right, bottom], [x, y]| {
            [left.min(x.0), top.min(y.0), right.max(x.0), bottom.max(y.0)]
        })
    }

    /// Name of the area in which work is seen; `None` for a zone that stands for no station.
    pub(super) fn station_area(&self) -> Option<String> {
        self.station.as_ref()?;
        Some(self.area.clone().unwrap_or_else(|| format!("{ZONE_AREA}{}", self.name)))
    }

    /// The energy from which there is work, in 1/10 000.
    pub(super) fn working_energy(&self) -> u16 {
        (self.working_energy.map_or(WORKING_ENERGY, |share| share.0) * 10_000.0).round() as u16
    }

    fn station_rule(&self, site: &Site, camera: Name) -> Option<StationZoneRule> {
        let station = self.station.as_ref()?;
        let rule = zone(camera, self);
        let own = site.stations.iter().find(|s| s.name == *station).and_then(|s| s.worker.as_deref());
        Some(StationZoneRule {
            camera,
            zone: rule.zone,
            bridge: rule.bridge,
            zone_rules: digest([&Rule::Zone(rule)]),
            station: Name::new(station),
            worker: own.map(Name::new),
            area: Name::new(&self.station_area()?),
            working_energy: self.working_energy(),
            idle_after: self.idle_after.unwrap_or(IDLE_AFTER).0,
            badges: self.badges.unwrap_or(false),
        })
    }
}

impl Site {
    /// The rules about stations that cameras watch.
    pub(super) fn station_rules(&self) -> impl Iterator<Item = Rule> + '_ {
        let zones = self.cameras.iter().flat_map(move |camera| {
            let name = Name::new(&camera.name);
            camera.zones.iter().filter_map(move |zone| zone.station_rule(self, name)).map(Rule::StationZone)
        });
        let badges = self.workers.iter().filter_map(|w| {
            let badge = w.badge.clone()?;
            Some(Rule::Badge(BadgeRule { badge, worker: Name::new(&w.name) }))
        });
        zones.chain(badges)
    }
}
