//! From spells to sessions.
//!
//! With a trigger (*On* during a spell, *Off* between spells):
//! * between two spells lies a session, from the last sighting of the first to the first sighting of the second;
//! * after the last spell of a generation whose coverage has ended at C there is a session up to C, *cut*, if C is
//!   more than `off_after` after the last sighting;
//! * after the last spell of a generation that goes on there is an *open* session, if now is.
//!
//! So a generation that begins without a visible trigger begins without a session.
//!
//! With motion each spell is a session, from its first to its last moving sample. The last spell of a
//! generation is *cut* at C if the coverage ended no more than `stable_duration` after its last sample (it is then
//! reported up to C), and *open* if the generation goes on and now is no more than that after it.

use super::Profile;
use crate::rows::Rows;
use gemba_schemas::time::{EventTime, Micros};
use serde::{Deserialize, Serialize};

/// Sightings without a long gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Spell {
    /// First sighting.
    pub first: EventTime,
    /// Last sighting.
    pub last: EventTime,
    /// Frame of the first sighting.
    pub first_frame: u64,
    /// Frame of the last sighting.
    pub last_frame: u64,
    /// How many.
    pub sightings: u32,
}

impl Spell {
    /// Takes in a spell that starts no earlier.
    fn absorb(&mut self, next: &Self, times: isize) {
        // Of runs that start (end) together the least (greatest) frame counts, so the order does not matter.
        if next.first == self.first {
            self.first_frame = self.first_frame.min(next.first_frame);
        }
        if (next.last, next.last_frame) > (self.last, self.last_frame) {
            (self.last, self.last_frame) = (next.last, next.last_frame);
        }
        self.sightings = self.sightings.saturating_add(next.times(times));
    }

    /// Its sightings, if it was reported so many times.
    fn times(&self, times: isize) -> u32 {
        self.sightings.saturating_mul(u32::try_from(times).unwrap_or(0))
    }
}

/// Merges spells, sorted by their start, that are no more than `gap` apart.
fn merge<'a>(spells: impl Iterator<Item = (&'a Spell, isize)>, gap: Micros) -> Vec<Spell> {
    let mut merged: Vec<Spell> = Vec::new();
    for (spell, times) in spells {
        match merged.last_mut() {
            Some(last) if spell.first - last.last <= gap => last.absorb(spell, times),
            _ => merged.push(Spell { sightings: spell.times(times), ..*spell }),
        }
    }
    merged
}

/// How a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Stand {
    /// It has ended.
    Done,
    /// Coverage ended inside.
    Cut,
    /// It goes on.
    Open,
    /// Now will tell: nothing or open with a trigger, done or open with motion.
    Pending,
}

/// A session without its codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Session {
    /// Start.
    pub started: EventTime,
    /// End; of an open one, now; of a pending one, the last sighting.
    pub ended: EventTime,
    /// How it stands.
    pub stand: Stand,
    /// Frame at the start.
    pub first_frame: u64,
    /// Frame at the end, if it is a frame's time.
    pub last_frame: Option<u64>,
    /// From when its codes count.
    pub window: EventTime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Part {
    /// Before the spells, in the sort order.
    Ended(EventTime),
    Spell(Spell),
}

fn chain(profile: &Profile, spells: &[Spell], ended: Option<EventTime>) -> Vec<Session> {
    let session = |started, ended, stand, first_frame, last_frame| Session {
        started,
        ended,
        stand,
        first_frame,
        last_frame,
        window: started,
    };
    let mut sessions = Vec::new();
    if profile.motion {
        for (i, s) in spells.iter().enumerate() {
            let done = session(s.first, s.last, Stand::Done, s.first_frame, Some(s.last_frame));
            sessions.push(match ended {
                _ if i + 1 < spells.len() => done,
                Some(end) if end - s.last > profile.gap => done,
                Some(end) => Session { ended: end.max(s.last), stand: Stand::Cut, last_frame: None, ..done },
                None => Session { stand: Stand::Pending, ..done },
            });
        }
    } else {
        for (a, b) in spells.iter().zip(spells.iter().skip(1)) {
            sessions.push(session(a.last, b.first, Stand::Done, a.last_frame, Some(b.first_frame)));
        }
        if let Some(s) = spells.last() {
            match ended {
                Some(end) if end - s.last > profile.gap => {
                    sessions.push(session(s.last, end, Stand::Cut, s.last_frame, None));
                }
                Some(_) => {}
                None => sessions.push(session(s.last, s.last, Stand::Pending, s.last_frame, None)),
            }
        }
    }
    let mut before = EventTime::MIN;
    for s in &mut sessions {
        s.window = (s.started - profile.lookback).max(before);
        before = s.ended;
    }
    sessions
}

/// Resolves a pending session.
fn resolve(profile: &Profile, session: &Session, now: EventTime) -> Option<Session> {
    let under_way = (now - session.ended > profile.gap) != profile.motion;
    match (under_way, profile.motion) {
        (true, _) => Some(Session { ended: now.max(session.ended), stand: Stand::Open, last_frame: None, ..*session }),
        (false, true) => Some(Session { stand: Stand::Done, ..*session }),
        (false, false) => None,
    }
}

/// The sessions of every profile and generation, none of them pending.
pub fn sessions<'scope>(
    spells: Rows<'scope, (Profile, Spell)>,
    ends: Rows<'scope, (Profile, EventTime)>,
    now: Rows<'scope, EventTime>,
) -> Rows<'scope, (Profile, Session)> {
    let sessions = spells
        .map(|(profile, spell)| ((profile, spell.first.floor(Micros::HOUR)), spell))
        .reduce_by_key("Spells of an hour", |(profile, _), spells, out| {
            let merged = merge(spells.iter().map(|(s, n)| (*s, *n)), profile.gap);
            out.extend(merged.into_iter().map(|s| (s, 1)));
        })
        .map(|((profile, _), spell)| (profile, Part::Spell(spell)))
        .concat(ends.map(|(profile, end)| (profile, Part::Ended(end))))
        .reduce_by_key("Sessions of a generation", |profile, parts, out| {
            let ended = parts.iter().find_map(|(p, _)| if let Part::Ended(end) = p { Some(*end) } else { None });
            let spells = parts.iter().filter_map(|(p, n)| if let Part::Spell(s) = p { Some((s, *n)) } else { None });
            let mut spells = merge(spells, profile.gap);
            spells.retain(|s| s.sightings >= profile.on_sightings);
            out.extend(chain(profile, &spells, ended).into_iter().map(|s| (s, 1)));
        });
    let settled = sessions.clone().filter(|(_, s)| s.stand != Stand::Pending);
    let now = now.map(|now| ((), now)).reduce_by_key("Now", |(), nows, out| {
        out.extend(nows.iter().rfind(|(_, n)| *n > 0).map(|(now, _)| (**now, 1)));
    });
    let pending = sessions.filter(|(_, s)| s.stand == Stand::Pending).map(|pending| ((), pending)).join_by_key(
        "Pending sessions at now",
        now,
        |(), (profile, session), now| resolve(profile, session, *now).map(|session| (*profile, session)),
    );
    settled.concat(pending)
}
