//! Codes and motion, met once by all the rules that look at them.
//!
//! ```text
//! reads, motion ⋈ packing profiles, station zones ┬→ spells and codes → packing
//!                                                 └→ codes and motion → activity at stations
//! ```
//!
//! Runs of motion are the largest facts there are: they are kept once, whoever looks at them.

use super::packing::{Patterns, Profile, Shown, Spell};
use super::rules::Rules;
use super::tick::part;
use crate::rows::Rows;
use gemba_schemas::fact::{CodeRead, MotionSpan};
use gemba_schemas::id::{Generation, Name};
use gemba_schemas::rule::{PackingRule, StationZoneRule};
use gemba_schemas::time::{EventTime, Micros};
use serde::{Deserialize, Serialize};

/// What of a code read matters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Read {
    /// Generation of the camera.
    pub generation: Generation,
    /// Area it was read in.
    pub area: Name,
    /// What it says.
    pub text: String,
    /// When it was seen.
    pub spell: Spell,
}

/// A code read in a station zone that takes badges: the zone, the first and the last sighting.
pub type AtStation = (StationZoneRule, EventTime, EventTime);

/// Codes and motion, by what they mean to whom.
pub struct Sightings<'scope> {
    /// Sightings of triggers, and motion, of packing profiles.
    pub spells: Rows<'scope, (Profile, Spell)>,
    /// Codes of packing profiles.
    pub codes: Rows<'scope, (Profile, Shown)>,
    /// What was read in station zones that take badges, by text.
    pub badges: Rows<'scope, (String, AtStation)>,
    /// When something moved in station zones.
    pub moving: Rows<'scope, AtStation>,
}

/// Who looks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Watcher {
    Packing(PackingRule, Name),
    Station(StationZoneRule),
}

/// What it sees.
#[derive(Clone)]
enum Seen {
    Spell(Profile, Spell),
    Code(Profile, Shown),
    Badge(String, AtStation),
    Moving(AtStation),
}

impl<'scope> Sightings<'scope> {
    /// Of the facts.
    pub fn of(reads: Rows<'scope, CodeRead>, motion: Rows<'scope, MotionSpan>, rules: &Rules<'scope>) -> Self {
        let packing = rules.packing.clone().map(|(rule, sum)| (rule.camera, Watcher::Packing(rule, sum)));
        let stations = rules.station_zones.clone().map(|plan| (plan.camera, Watcher::Station(plan)));
        let watchers = packing.concat(stations);
        let mut patterns = Patterns::default();
        let read = reads.map(read).join_by_key("Who looks at codes", watchers.clone(), move |_, read, watcher| {
            match watcher {
                Watcher::Packing(rule, sum) => {
                    let profile = Profile::of(rule, *sum, read.generation);
                    let trigger = profile.trigger(rule, read).map(|spell| Seen::Spell(profile, spell));
                    [trigger, Shown::of(&mut patterns, rule, read).map(|shown| Seen::Code(profile, shown))]
                }
                Watcher::Station(plan) => {
                    let (first, last) = (read.spell.first, read.spell.last);
                    let badge = plan.badges && read.area == plan.area;
                    [badge.then(|| Seen::Badge(read.text.clone(), (*plan, first, last.max(first)))), None]
                }
            }
            .into_iter()
            .flatten()
        });
        let motion = motion.map(|span| (span.camera, span));
        let moved = motion.join_by_key("Who looks at motion", watchers, |_, span, watcher| match watcher {
            Watcher::Packing(rule, sum) => {
                let profile = Profile::of(rule, *sum, span.generation);
                profile.moving(rule, span).into_iter().map(|spell| Seen::Spell(profile, spell)).collect()
            }
            Watcher::Station(plan) if span.area == plan.area => {
                let spells = spells(span, |energy| energy >= plan.working_energy, plan.idle_after);
                spells.into_iter().map(|spell| Seen::Moving((*plan, spell.first, spell.last))).collect()
            }
            Watcher::Station(_) => Vec::new(),
        });
        let (spells, codes, badges, moving) = part!(read.concat(moved), "What is seen by whom", {
            spells: (Profile, Spell), Seen::Spell(profile, spell) => (profile, spell);
            codes: (Profile, Shown), Seen::Code(profile, shown) => (profile, shown);
            badges: (String, AtStation), Seen::Badge(text, at) => (text, at);
            moving: AtStation, Seen::Moving(at) => at;
        });
        Self { spells, codes, badges, moving }
    }
}

fn read(r: CodeRead) -> (Name, Read) {
    let spell = Spell {
        first: r.first_seen,
        last: r.last_seen,
        first_frame: r.first_frame,
        last_frame: r.last_frame,
        sightings: r.sightings,
    };
    (r.camera, Read { generation: r.generation, area: r.area, text: r.text, spell })
}

/// The spells of the samples of a stored run that move: no gap longer than `gap`.
pub fn spells(span: &MotionSpan, moves: impl Fn(u16) -> bool, gap: Micros) -> Vec<Spell> {
    let samples = span.offsets_ms.iter().zip(&span.energies).filter(|(_, energy)| moves(**energy));
    let mut instants: Vec<EventTime> =
        samples.map(|(ms, _)| span.started + Micros::from_millis(i64::from(*ms))).collect();
    instants.sort_unstable();
    let mut spells: Vec<Spell> = Vec::new();
    for ts in instants {
        match spells.last_mut() {
            Some(spell) if ts - spell.last <= gap => {
                spell.last = ts;
                spell.sightings += 1;
            }
            _ => spells.push(Spell {
                first: ts,
                last: ts,
                first_frame: span.first_frame,
                last_frame: span.last_frame,
                sightings: 1,
            }),
        }
    }
    spells
}
