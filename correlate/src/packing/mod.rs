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

pub use chain::Spell;
pub use codes::{Patterns, Shown};

use super::rules::Rules;
use super::sightings::{Read, spells};
use crate::rows::Rows;
use gemba_schemas::fact::{CodeMiss, MotionSpan};
use gemba_schemas::id::{Generation, Name};
use gemba_schemas::rule::PackingRule;
use gemba_schemas::time::{EventTime, Micros};
use gemba_schemas::view::PackingSession;
use serde::{Deserialize, Serialize};

/// What of a profile decides about sessions once it is known which sightings and codes are its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Profile {
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
    /// The profile of a rule in one generation.
    pub fn of(rule: &PackingRule, rules: Name, generation: Generation) -> Self {
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

    /// A sighting of its trigger.
    pub fn trigger(&self, rule: &PackingRule, read: &Read) -> Option<Spell> {
        let own = rule.trigger.as_ref() == Some(&read.text) && allows(rule.trigger_area, read.area);
        own.then_some(read.spell)
    }

    /// Motion that drives it.
    pub fn moving(&self, rule: &PackingRule, span: &MotionSpan) -> Vec<Spell> {
        let own =
            self.motion && rule.motion_area.map_or_else(|| span.area.as_str() == "frame", |area| area == span.area);
        if own { spells(span, |energy| energy > rule.motion_threshold, rule.stable_duration) } else { Vec::new() }
    }
}

fn allows(area: Option<Name>, found: Name) -> bool {
    area.is_none_or(|area| area == found)
}

/// The view.
pub fn sessions<'scope>(
    spells: Rows<'scope, (Profile, Spell)>,
    codes: Rows<'scope, (Profile, Shown)>,
    misses: Rows<'scope, CodeMiss>,
    generation_ends: Rows<'scope, ((Name, Generation), EventTime)>,
    rules: &Rules<'scope>,
    now: Rows<'scope, EventTime>,
) -> Rows<'scope, PackingSession> {
    let rules = rules.packing.clone().map(|(rule, sum)| (rule.camera, (rule, sum)));
    let ends = generation_ends.map(|((camera, generation), end)| (camera, (generation, end))).join_by_key(
        "Ended generations of profiles",
        rules.clone(),
        |_, (generation, end), (rule, sum)| [(Profile::of(rule, *sum, *generation), *end)],
    );
    let sessions = chain::sessions(spells, ends, now);
    codes::rows(sessions, codes, misses, rules)
}
