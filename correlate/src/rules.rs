//! The rules, split by kind, as a set, each with its digest.
//!
//! In: rule rows in any multiplicity. Out: one collection per kind. An edit is a retraction and an addition,
//! so only what joined the edited rule is derived again. If there are several clocks the least by name and
//! reset counts.

use crate::keyed::Keyed;
use differential_dataflow::VecCollection;
use gemba_schemas::id::Name;
use gemba_schemas::rule::{
    AlertRule, BadgeRule, ClockRule, DriftRule, GateRule, HolidayRule, LineRule, PackingRule, PlateFormatRule,
    PlateRule, ProductivityRule, Rule, ShiftRule, StationRule, StationZoneRule, WorkerRule, ZoneRule, digest,
};
use gemba_schemas::time::Tick;

/// The rules, one collection per kind; each row with the digest of itself.
pub struct Rules<'scope> {
    /// Zones.
    pub zones: VecCollection<'scope, Tick, (ZoneRule, Name), isize>,
    /// Lines.
    pub lines: VecCollection<'scope, Tick, (LineRule, Name), isize>,
    /// Packing profiles.
    pub packing: VecCollection<'scope, Tick, (PackingRule, Name), isize>,
    /// How events count.
    pub productivity: VecCollection<'scope, Tick, ProductivityRule, isize>,
    /// Workers that the site knows.
    pub workers: VecCollection<'scope, Tick, WorkerRule, isize>,
    /// Stations that the site knows.
    pub stations: VecCollection<'scope, Tick, StationRule, isize>,
    /// When a model is unsure.
    pub drift: VecCollection<'scope, Tick, DriftRule, isize>,
    /// Alerts.
    pub alerts: VecCollection<'scope, Tick, (AlertRule, Name), isize>,
    /// The clock: one row, or none.
    pub clock: VecCollection<'scope, Tick, ClockRule, isize>,
    /// Shifts.
    pub shifts: VecCollection<'scope, Tick, (ShiftRule, Name), isize>,
    /// Holidays.
    pub holidays: VecCollection<'scope, Tick, (HolidayRule, Name), isize>,
    /// How plate reads become events.
    pub gates: VecCollection<'scope, Tick, (GateRule, Name), isize>,
    /// Formats of plates.
    pub plate_formats: VecCollection<'scope, Tick, (PlateFormatRule, Name), isize>,
    /// Listed plates.
    pub plates: VecCollection<'scope, Tick, (PlateRule, Name), isize>,
    /// Zones that stand for stations.
    pub station_zones: VecCollection<'scope, Tick, StationZoneRule, isize>,
    /// Workers' badges.
    pub badges: VecCollection<'scope, Tick, BadgeRule, isize>,
}

impl<'scope> Rules<'scope> {
    /// Splits the rules.
    pub fn split(rules: VecCollection<'scope, Tick, Rule, isize>) -> Self {
        let rules = rules
            .map(|rule| (rule, ()))
            .reduce_by_key("Rules as a set", |_, times, out| out.extend((times[0].1 > 0).then_some(((), 1))))
            .map(|(rule, ())| rule);
        let clock = rules
            .clone()
            .flat_map(|r| if let Rule::Clock(c) = r { Some(((), c)) } else { None })
            .reduce_by_key("Site clock", |(), clocks, out| {
                // Names are ordered by interning, which differs between runs: compare texts.
                if let Some((clock, _)) = clocks.iter().min_by_key(|(c, _)| (c.time_zone.as_str(), c.day_reset)) {
                    out.push(((*clock).clone(), 1));
                }
            })
            .map(|((), clock)| clock);
        macro_rules! kind {
            ($variant:ident) => {
                rules.clone().flat_map(|r| {
                    let sum = digest([&r]);
                    if let Rule::$variant(rule) = r { Some((rule, sum)) } else { None }
                })
            };
        }
        macro_rules! plain {
            ($variant:ident) => {
                rules.clone().flat_map(|r| if let Rule::$variant(rule) = r { Some(rule) } else { None })
            };
        }
        Self {
            zones: kind!(Zone),
            lines: kind!(Line),
            packing: kind!(Packing),
            productivity: plain!(Productivity),
            workers: plain!(Worker),
            stations: plain!(Station),
            drift: plain!(Drift),
            alerts: kind!(Alert),
            clock,
            shifts: kind!(Shift),
            holidays: kind!(Holiday),
            gates: kind!(Gate),
            plate_formats: kind!(PlateFormat),
            plates: kind!(Plate),
            station_zones: plain!(StationZone),
            badges: plain!(Badge),
        }
    }
}
