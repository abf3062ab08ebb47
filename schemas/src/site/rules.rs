//! Compiling the site's zones, lines and profiles into rule rows.

use super::{Fraction, Line, Packing, Site, Zone};
use crate::geometry::{Point, UNIT};
use crate::id::Name;
use crate::rule::{ClockRule, LineRule, PackingRule, Rule, ZoneRule};
use crate::time::Micros;

impl Site {
    /// Every rule of the site, in order of the file.
    pub fn rules(&self) -> Vec<Rule> {
        let mut rules = vec![Rule::Clock(ClockRule {
            time_zone: Name::new(&self.site.time_zone),
            day_reset: self.site.day_reset.0,
        })];
        rules.extend(self.work_rules());
        for camera in &self.cameras {
            let name = Name::new(&camera.name);
            rules.extend(camera.zones.iter().map(|z| Rule::Zone(zone(name, z))));
            rules.extend(camera.lines.iter().map(|l| Rule::Line(line(name, l))));
            rules.extend(camera.packing.iter().map(|p| Rule::Packing(packing(name, p))));
        }
        rules.extend(super::alerts::rules(self.alerts.as_deref()));
        rules.extend(self.shifts.iter().flat_map(|s| s.rules(&self.site.time_zone)));
        rules.extend(self.holidays.iter().map(super::Holiday::rule));
        rules.extend(self.gate.iter().flat_map(|gate| gate.rules(&self.site.time_zone)));
        rules.extend(self.station_rules());
        rules
    }
}

fn point([x, y]: [Fraction; 2]) -> Point {
    Point::from_f64(x.0, y.0)
}

fn names(list: &[String]) -> Vec<Name> {
    list.iter().map(|n| Name::new(n)).collect()
}

pub(super) fn zone(camera: Name, z: &Zone) -> ZoneRule {
    let by_kind = match z.kind.as_str() {
        "chair" => 120,
        "wash" => 60,
        "wait" => 30,
        _ => 0,
    };
    ZoneRule {
        camera,
        zone: Name::new(&z.name),
        kind: Name::new(&z.kind),
        polygon: z.polygon.iter().copied().map(point).collect(),
        min_dwell: z.min_dwell.map_or(Micros::from_secs(by_kind), |l| l.0),
        bridge: z.bridge.0,
        classes: names(&z.classes),
    }
}

fn line(camera: Name, l: &Line) -> LineRule {
    let inside = l.inside.as_deref().unwrap_or(if l.left == "in" { "in" } else { &l.right });
    LineRule {
        camera,
        line: Name::new(&l.name),
        from: point(l.from),
        to: point(l.to),
        left: Name::new(&l.left),
        right: Name::new(&l.right),
        inside: Name::new(inside),
        band: (l.band.0 * f64::from(UNIT)).round() as i32,
        settle: l.settle.0,
        classes: names(&l.classes),
    }
}

fn packing(camera: Name, p: &Packing) -> PackingRule {
    PackingRule {
        camera,
        profile: Name::new(&p.name),
        trigger: p.trigger.clone(),
        trigger_area: p.trigger_area.as_deref().map(Name::new),
        code_area: p.code_area.as_deref().map(Name::new),
        code_pattern: p.code_pattern.clone(),
        lookback: p.lookback.0,
        on_sightings: p.on_sightings,
        off_after: p.off_after.0,
        min_duration: p.min_duration.0,
        max_duration: p.max_duration.0,
        motion_area: p.motion_area.as_deref().map(Name::new),
        motion_threshold: (p.motion_threshold.0 * 10_000.0).round() as u16,
        stable_duration: p.stable_duration.0,
    }
}
