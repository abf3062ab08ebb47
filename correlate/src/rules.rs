//! The rules, split by kind, as a set, each with its digest.
//!
//! In: rule rows in any multiplicity. Out: one collection per kind. An edit is a retraction and an addition,
//! so only what joined the edited rule is derived again. If there are several clocks the least by name and
//! reset counts.

use crate::rows::Rows;
use gemba_schemas::id::Name;
use gemba_schemas::rule::{
    AlertRule, BadgeRule, BaselineRule, ClockRule, DriftBoundRule, DriftRule, GateRule, HolidayRule, LineRule,
    PackingRule, PlateFormatRule, PlateRule, ProductivityRule, ReportAlertRule, Rule, SealedReportsRule, ShiftRule,
    StationRule, StationZoneRule, WorkerRule, ZoneRule, digest,
};

/// The rules, one collection per kind; each row with the digest of itself.
pub struct Rules<'scope> {
    /// Zones.
    pub zones: Rows<'scope, (ZoneRule, Name)>,
    /// Lines.
    pub lines: Rows<'scope, (LineRule, Name)>,
    /// Packing profiles.
    pub packing: Rows<'scope, (PackingRule, Name)>,
    /// How events count.
    pub productivity: Rows<'scope, ProductivityRule>,
    /// Workers that the site knows.
    pub workers: Rows<'scope, WorkerRule>,
    /// Stations that the site knows.
    pub stations: Rows<'scope, StationRule>,
    /// When a model is unsure.
    pub drift: Rows<'scope, DriftRule>,
    /// Alerts.
    pub alerts: Rows<'scope, (AlertRule, Name)>,
    /// The clock: one row, or none.
    pub clock: Rows<'scope, ClockRule>,
    /// Shifts.
    pub shifts: Rows<'scope, (ShiftRule, Name)>,
    /// Holidays.
    pub holidays: Rows<'scope, (HolidayRule, Name)>,
    /// How plate reads become events.
    pub gates: Rows<'scope, (GateRule, Name)>,
    /// Formats of plates.
    pub plate_formats: Rows<'scope, (PlateFormatRule, Name)>,
    /// Listed plates.
    pub plates: Rows<'scope, (PlateRule, Name)>,
    /// Zones that stand for stations.
    pub station_zones: Rows<'scope, StationZoneRule>,
    /// Workers' badges.
    pub badges: Rows<'scope, BadgeRule>,
    /// Alerts about what sources report.
    pub reports: Rows<'scope, (ReportAlertRule, Name)>,
    /// What reports are compared with.
    pub baselines: Rows<'scope, BaselineRule>,
    /// How far they may be from it.
    pub drift_bounds: Rows<'scope, DriftBoundRule>,
    /// What stands for reports of the baseline whose facts have left.
    pub sealed_reports: Rows<'scope, SealedReportsRule>,
}

impl<'scope> Rules<'scope> {
    /// Splits the rules.
    pub fn split(rules: Rows<'scope, Rule>) -> Self {
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
            reports: kind!(ReportAlert),
            baselines: plain!(Baseline),
            drift_bounds: plain!(DriftBound),
            sealed_reports: plain!(SealedReports),
        }
    }
}
