//! The codes of a session, and its row.
//!
//! A session's window is `[started − lookback, ended]`, but no earlier than the previous session's end (of the
//! same profile and generation); both ends belong to it; of an open session it ends at now. A run of
//! sightings counts if it overlaps the window; it was first seen there at its start, or at the window's. Codes and windows meet per hour,
//! in the hour of that first sight, so each pair meets once. The first 35 days of a window count.

use super::chain::{Session, Stand};
use super::{Profile, allows};
use crate::rows::Rows;
use crate::sightings::Read;
use gemba_schemas::fact::CodeMiss;
use gemba_schemas::id::Name;
use gemba_schemas::rule::PackingRule;
use gemba_schemas::time::{EventTime, Micros};
use gemba_schemas::view::{PackingSession, SessionStatus, SessionVerdict};
use regex::Regex;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Hours of a window that are looked at: 35 days, the horizon of facts.
const HOURS: usize = 35 * 24;

/// A run of sightings of one code, decoded or not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Shown {
    first: EventTime,
    last: EventTime,
    text: Option<String>,
}

impl Shown {
    /// What was read, if it is a code of the profile.
    pub fn of(patterns: &mut Patterns, rule: &PackingRule, read: &Read) -> Option<Self> {
        let own = allows(rule.code_area, read.area) && patterns.is_code(rule, &read.text);
        own.then(|| Self { first: read.spell.first, last: read.spell.last, text: Some(read.text.clone()) })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Part {
    Session,
    Code(EventTime, String),
    Miss,
}

fn hours(from: EventTime, to: EventTime) -> impl Iterator<Item = EventTime> {
    let next = |hour: &EventTime| Some(*hour + Micros::HOUR);
    std::iter::successors(Some(from.floor(Micros::HOUR)), next).take_while(move |hour| *hour <= to).take(HOURS)
}

/// Patterns, compiled once; one that does not compile matches nothing (the site file was checked).
#[derive(Default)]
pub struct Patterns(BTreeMap<String, Option<Regex>>);

impl Patterns {
    /// Whether the whole text is a code of the profile.
    fn is_code(&mut self, rule: &PackingRule, text: &str) -> bool {
        let Some(pattern) = &rule.code_pattern else { return rule.trigger.as_deref() != Some(text) };
        if !self.0.contains_key(pattern) {
            let compiled = Regex::new(&format!(r"\A(?:{pattern})\z")).ok();
            self.0.insert(pattern.clone(), compiled);
        }
        self.0.get(pattern).is_some_and(|r| r.as_ref().is_some_and(|r| r.is_match(text)))
    }
}

fn row(profile: &Profile, session: &Session, parts: &[(&Part, isize)]) -> Option<PackingSession> {
    let mut exists = false;
    let mut first_sights: BTreeMap<&str, EventTime> = BTreeMap::new();
    let mut misses = 0;
    for (part, n) in parts {
        match part {
            Part::Session => exists = true,
            Part::Code(ts, text) => {
                first_sights.entry(text).and_modify(|first| *first = (*first).min(*ts)).or_insert(*ts);
            }
            Part::Miss => misses += u32::try_from(*n).unwrap_or(0),
        }
    }
    let mut codes: Vec<_> = first_sights.into_iter().map(|(text, ts)| (ts, text)).collect();
    codes.sort_unstable();
    let duration = session.ended - session.started;
    exists.then(|| PackingSession {
        camera: profile.camera,
        profile: profile.profile,
        started: session.started,
        ended: (session.stand != Stand::Open).then_some(session.ended),
        duration_us: duration,
        status: if codes.is_empty() { SessionStatus::QrFailed } else { SessionStatus::Completed },
        verdict: match session.stand {
            Stand::Open | Stand::Pending => SessionVerdict::Open,
            Stand::Cut => SessionVerdict::Cut,
            Stand::Done if duration < profile.min_duration => SessionVerdict::TooShort,
            Stand::Done if duration > profile.max_duration => SessionVerdict::TooLong,
            Stand::Done => SessionVerdict::Ok,
        },
        first_code_at: codes.first().map(|(ts, _)| *ts),
        codes: codes.into_iter().map(|(_, text)| text.to_owned()).collect(),
        code_misses: misses,
        generation: profile.generation,
        first_frame: session.first_frame,
        last_frame: session.last_frame,
        rules: profile.rules,
    })
}

/// One row per session.
pub fn rows<'scope>(
    sessions: Rows<'scope, (Profile, Session)>,
    codes: Rows<'scope, (Profile, Shown)>,
    misses: Rows<'scope, CodeMiss>,
    rules: Rows<'scope, (Name, (PackingRule, Name))>,
) -> Rows<'scope, PackingSession> {
    let misses =
        misses.map(|m| (m.camera, m)).join_by_key("Codes missed at profiles", rules, |_, miss, (rule, sum)| {
            allows(rule.code_area, miss.area).then(|| {
                let shown = Shown { first: miss.first_seen, last: miss.last_seen, text: None };
                (Profile::of(rule, *sum, miss.generation), shown)
            })
        });
    let shown = codes
        .concat(misses)
        .flat_map(|(profile, shown)| hours(shown.first, shown.last).map(move |hour| ((profile, hour), shown.clone())));
    let windows =
        sessions.clone().flat_map(|(profile, s)| hours(s.window, s.ended).map(move |hour| ((profile, hour), s)));
    shown
        .join_by_key("Codes in windows of sessions", windows, |&(profile, hour), shown, session| {
            let first = shown.first.max(session.window);
            let meets = first <= session.ended && shown.last >= session.window && first.floor(Micros::HOUR) == hour;
            meets.then(|| {
                let part = shown.text.as_ref().map_or(Part::Miss, |text| Part::Code(first, text.clone()));
                ((profile, *session), part)
            })
        })
        .concat(sessions.map(|key| (key, Part::Session)))
        .reduce_by_key("Codes of a session", |(profile, session), parts, out| {
            out.extend(row(profile, session, parts).map(|row| (row, 1)));
        })
        .map(|(_, row)| row)
}
