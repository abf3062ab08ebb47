//! `packing_sessions`: when something was packed, and which codes were shown.
//!
//! ```text
//! reads, motion ⋈ profiles → spells per (generation, profile, hour) ┐
//! ends of generations ──────────────────────────────────────────────┴→ sessions of a generation ┐
//! now ⋈ the last, unfinished one ───────────────────────────────────────────────────────────────┤
//! reads, misses ⋈ profiles → per hour ⋈ the session's hours → codes ────────────────────────────┴→ rows
//! ```
//!
//! Everything is per (camera, profile, generation). A *spell* is a union of runs (of trigger sightings, or of
//! moving samples) with no gap longer than `off_after` (`stable_duration`); merging is associative, so spells are
//! made per hour first, and then chained. A trigger spell with fewer than `on_sightings` sightings does not
//! exist. See [`chain`] for what sessions are, and [`codes`] for their windows.
//!
//! Only a session that may still be under way looks at `now`, so moving it touches only such rows.

mod chain;
mod codes;

use super::rules::Rules;
use chain::Spell;
use differential_dataflow::VecCollection;
use differential_dataflow::operators::arrange::{Arranged, TraceAgent};
use differential_dataflow::trace::implementations::ValSpine;
use gemba_schemas::fact::{CodeMiss, CodeRead, MotionSpan};
use gemba_schemas::id::{Generation, Name};
use gemba_schemas::rule::PackingRule;
use gemba_schemas::time::{EventTime, Micros, Tick};
use gemba_schemas::view::PackingSession;
use serde::{Deserialize, Serialize};

/// What of a profile decides about sessions once it is known which sightings and codes are its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Profile {
    camera: Name,
    generation: Generation,
    profile: Name,
    /// Driven by motion rather than by a trigger.
    motion: bool,
    /// Longest time unseen (still) that does not end a spell.
    gap: Micros,
    /// Sightings that make a spell.
    on_sightings: u32,
    lookback: Micros,
    min_duration: Micros,
    max_duration: Micros,
    rules: Name,
}

impl Profile {
    fn of(rule: &PackingRule, rules: Name, generation: Generation) -> Self {
        let motion = rule.trigger.is_none();
        Self {
            camera: rule.camera,
            generation,
            profile: rule.profile,
            motion,
            gap: if motion { rule.stable_duration } else { rule.off_after },
            on_sightings: if motion { 1 } else { rule.on_sightings },
            lookback: rule.lookback,
            min_duration: rule.min_duration,
            max_duration: rule.max_duration,
            rules,
        }
    }
}

/// What is left of a code read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Read {
    generation: Generation,
    /// Area it was read in.
    pub area: Name,
    /// What it says.
    pub text: String,
    spell: Spell,
}

impl Read {
    /// The first and the last sighting.
    pub fn seen(&self) -> (EventTime, EventTime) {
        (self.spell.first, self.spell.last)
    }
}

/// Rows by camera.
pub type ByCamera<'scope, V> = Arranged<'scope, TraceAgent<ValSpine<Name, V, Tick, isize>>>;

/// What cameras read and saw moving, arranged once for all who look at it.
#[derive(Clone)]
pub struct Sightings<'scope> {
    /// Codes that were read.
    pub reads: ByCamera<'scope, Read>,
    /// Motion.
    pub motion: ByCamera<'scope, MotionSpan>,
}

impl<'scope> Sightings<'scope> {
    /// Of the facts.
    pub fn new(
        reads: VecCollection<'scope, Tick, CodeRead, isize>,
        motion: VecCollection<'scope, Tick, MotionSpan, isize>,
    ) -> Self {
        Self {
            reads: reads.map(read).arrange_by_key_named("Arrange: reads by camera"),
            motion: motion.map(|span| (span.camera, span)).arrange_by_key_named("Arrange: motion by camera"),
        }
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

fn allows(area: Option<Name>, found: Name) -> bool {
    area.is_none_or(|area| area == found)
}

/// The spells of moving samples in one stored run.
fn moving(span: &MotionSpan, rule: &PackingRule) -> Vec<Spell> {
    let mut spells: Vec<Spell> = Vec::new();
    let samples = span.offsets_ms.iter().zip(&span.energies);
    for ts in samples.filter(|(_, e)| **e > rule.motion_threshold).map(|(ms, _)| Micros::from_millis(i64::from(*ms))) {
        let ts = span.started + ts;
        match spells.last_mut() {
            Some(spell) if ts - spell.last <= rule.stable_duration => {
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

/// The view.
pub fn sessions<'scope>(
    sightings: Sightings<'scope>,
    misses: VecCollection<'scope, Tick, CodeMiss, isize>,
    generation_ends: VecCollection<'scope, Tick, ((Name, Generation), EventTime), isize>,
    rules: &Rules<'scope>,
    now: VecCollection<'scope, Tick, EventTime, isize>,
) -> VecCollection<'scope, Tick, PackingSession, isize> {
    let rules = rules
        .packing
        .clone()
        .map(|(rule, sum)| (rule.camera, (rule, sum)))
        .arrange_by_key_named("Arrange: packing profiles");
    let Sightings { reads, motion } = sightings;

    let trigger = reads.clone().join_core(rules.clone(), |_, read, (rule, sum)| {
        let own = rule.trigger.as_ref() == Some(&read.text) && allows(rule.trigger_area, read.area);
        own.then(|| (Profile::of(rule, *sum, read.generation), read.spell))
    });
    let motion = motion.join_core(rules.clone(), |_, span, (rule, sum)| {
        let own = rule.trigger.is_none()
            && rule.motion_area.map_or_else(|| span.area.as_str() == "frame", |area| area == span.area);
        let profile = Profile::of(rule, *sum, span.generation);
        let spells = if own { moving(span, rule) } else { Vec::new() };
        spells.into_iter().map(move |spell| (profile, spell))
    });
    let ends = generation_ends
        .map(|((camera, generation), end)| (camera, (generation, end)))
        .arrange_by_key_named("Arrange: ended generations for packing")
        .join_core(rules.clone(), |_, (generation, end), (rule, sum)| [(Profile::of(rule, *sum, *generation), *end)]);
    let sessions = chain::sessions(trigger.concat(motion), ends, now);
    codes::rows(sessions, reads, misses, rules)
}
