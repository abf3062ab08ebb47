//! `quality_hours` and `quality_cameras`: how sessions turned out, their reviews and exports.
//!
//! ```text
//! sessions ┐
//! reviews ─┼→ per (camera, session's start) → moments ┬ ⋈ settings → per (camera, hour) ──→ quality_hours
//! exports ─┘                                          └→ per (camera, UTC day) → per camera → quality_cameras
//!       └ times of reviews and exports ────────────────────┘
//! profiles, cameras that clients name → digest per camera ⋈ clock → settings
//! ```
//!
//! A review or export names its session by camera and start, so the session's profile and generation do not matter;
//! if two profiles have a session with that start, it belongs to both. A fact changes one moment, and with it
//! one hour and one day.

use super::rules::Rules;
use crate::rows::Rows;
use gemba_schemas::calendar::Calendar;
use gemba_schemas::fact::{FrameExport, Review, ReviewOutcome};
use gemba_schemas::id::{FactId, Name};
use gemba_schemas::rule::{Rule, digest, joined};
use gemba_schemas::time::{EventTime, Micros};
use gemba_schemas::view::{PackingSession, QualityCamera, QualityHour, SessionStatus, SessionVerdict};
use serde::{Deserialize, Serialize};

const DAY: Micros = Micros(24 * Micros::HOUR.0);

/// What there is of a camera at one start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Part {
    Session(SessionStatus, SessionVerdict),
    /// Ordered as reviews are: by `ts`, then `received_at`, then `id`.
    Review(EventTime, EventTime, FactId, ReviewOutcome),
    Export {
        ok: bool,
    },
}

/// What the ended sessions and the exports of a stretch of time come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Counts {
    sessions: u32,
    qr_failed: u32,
    too_short: u32,
    too_long: u32,
    cut: u32,
    reviewed: u32,
    faulty: u32,
    pending: u32,
    oldest_pending: Option<EventTime>,
    exports: u32,
    exports_ok: u32,
}

impl Counts {
    fn of(started: EventTime, parts: &[(&Part, isize)]) -> Self {
        let review = parts.iter().rev().find_map(|(p, _)| if let Part::Review(.., o) = p { Some(*o) } else { None });
        let mut c = Self::default();
        for (part, n) in parts {
            let n = *n as u32;
            match part {
                Part::Session(status, verdict) => {
                    let of = |is: bool| if is { n } else { 0 };
                    c.sessions += n;
                    c.qr_failed += of(*status == SessionStatus::QrFailed);
                    c.too_short += of(*verdict == SessionVerdict::TooShort);
                    c.too_long += of(*verdict == SessionVerdict::TooLong);
                    c.cut += of(*verdict == SessionVerdict::Cut);
                    c.reviewed += of(review.is_some());
                    c.faulty += of(review == Some(ReviewOutcome::Fault));
                    c.pending += of(review.is_none());
                    c.oldest_pending = review.is_none().then_some(started);
                }
                Part::Review(..) => {}
                Part::Export { ok } => {
                    c.exports += n;
                    c.exports_ok += if *ok { n } else { 0 };
                }
            }
        }
        c
    }

    fn add(&mut self, other: &Self, n: u32) {
        self.sessions += n * other.sessions;
        self.qr_failed += n * other.qr_failed;
        self.too_short += n * other.too_short;
        self.too_long += n * other.too_long;
        self.cut += n * other.cut;
        self.reviewed += n * other.reviewed;
        self.faulty += n * other.faulty;
        self.pending += n * other.pending;
        self.oldest_pending = earlier(self.oldest_pending, other.oldest_pending);
        self.exports += n * other.exports;
        self.exports_ok += n * other.exports_ok;
    }
}

fn earlier(a: Option<EventTime>, b: Option<EventTime>) -> Option<EventTime> {
    a.into_iter().chain(b).min()
}

/// Where reviewing stands, over a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Standing {
    last_activity: EventTime,
    last_review: Option<EventTime>,
    sessions: u64,
    pending: u64,
    oldest_pending: Option<EventTime>,
}

impl Standing {
    /// Something happened.
    fn at(ts: EventTime) -> Self {
        Self { last_activity: ts, last_review: None, sessions: 0, pending: 0, oldest_pending: None }
    }

    fn total(parts: &[(&Self, isize)]) -> Self {
        parts.iter().fold(Self::at(EventTime::MIN), |sum, (part, n)| Self {
            last_activity: sum.last_activity.max(part.last_activity),
            last_review: sum.last_review.max(part.last_review),
            sessions: sum.sessions + part.sessions * *n as u64,
            pending: sum.pending + part.pending * *n as u64,
            oldest_pending: earlier(sum.oldest_pending, part.oldest_pending),
        })
    }
}

/// Both views.
pub struct Quality<'scope> {
    /// `quality_hours`.
    pub hours: Rows<'scope, QualityHour>,
    /// `quality_cameras`.
    pub cameras: Rows<'scope, QualityCamera>,
}

/// Both views.
pub fn quality<'scope>(
    sessions: Rows<'scope, PackingSession>,
    reviews: Rows<'scope, Review>,
    exports: Rows<'scope, FrameExport>,
    rules: &Rules<'scope>,
) -> Quality<'scope> {
    let profiles = rules
        .packing
        .clone()
        .map(|(rule, sum)| (rule.camera, Some(sum)))
        .concatenate([reviews.clone().map(|r| (r.camera, None)), exports.clone().map(|e| (e.camera, None))])
        .reduce_by_key("Profiles of a camera", |_, sums, out| {
            out.push((joined(sums.iter().filter_map(|(sum, _)| **sum)), 1));
        });
    let moments = sessions
        .filter(|s| s.verdict != SessionVerdict::Open)
        .map(|s| ((s.camera, s.started), Part::Session(s.status, s.verdict)))
        .concatenate([
            reviews.clone().map(|r| ((r.camera, r.session), Part::Review(r.ts, r.received_at, r.id, r.outcome))),
            exports.clone().map(|e| ((e.camera, e.session), Part::Export { ok: e.ok })),
        ])
        .reduce_by_key("Outcome of a session", |(_, started), parts, out| {
            let counts = Counts::of(*started, parts);
            // Reviews of a session that does not exist are no outcome.
            if counts != Counts::default() {
                out.push((counts, 1));
            }
        });
    let cameras = cameras(moments.clone(), reviews, exports, profiles.clone());
    Quality { hours: hours(moments, profiles, rules), cameras }
}

fn hours<'scope>(
    moments: Rows<'scope, ((Name, EventTime), Counts)>,
    profiles: Rows<'scope, (Name, Name)>,
    rules: &Rules<'scope>,
) -> Rows<'scope, QualityHour> {
    let clock = rules.clock.clone().map(|clock| ((), clock));
    let settings = profiles.map(|profiles| ((), profiles)).join_by_key(
        "Profiles with their clock",
        clock,
        |(), (camera, profiles), clock| {
            let rules = joined([*profiles, digest([&Rule::Clock(clock.clone())])]);
            [(*camera, (clock.clone(), rules))]
        },
    );
    let mut calendar = Calendar::default();
    moments
        .map(|((camera, started), counts)| (camera, (started, counts)))
        .join_by_key("Outcomes in their hours", settings, move |camera, (started, counts), (clock, rules)| {
            [((*camera, calendar.hour(clock, *started)), (*counts, *rules))]
        })
        .reduce_by_key("Quality of an hour", |&(camera, hour), parts, out| {
            let Some(((_, rules), _)) = parts.first() else { return };
            let mut c = Counts::default();
            parts.iter().for_each(|((part, _), n)| c.add(part, *n as u32));
            let row = QualityHour {
                camera,
                hour,
                sessions: c.sessions,
                qr_failed: c.qr_failed,
                too_short: c.too_short,
                too_long: c.too_long,
                cut: c.cut,
                reviewed: c.reviewed,
                faulty: c.faulty,
                pending: c.pending,
                oldest_pending: c.oldest_pending,
                exports: c.exports,
                exports_ok: c.exports_ok,
                rules: *rules,
            };
            out.push((row, 1));
        })
        .map(|(_, row)| row)
}

fn cameras<'scope>(
    moments: Rows<'scope, ((Name, EventTime), Counts)>,
    reviews: Rows<'scope, Review>,
    exports: Rows<'scope, FrameExport>,
    profiles: Rows<'scope, (Name, Name)>,
) -> Rows<'scope, QualityCamera> {
    let sessions = moments.filter(|(_, c)| c.sessions > 0).map(|((camera, started), c)| {
        let standing = Standing {
            sessions: c.sessions.into(),
            pending: c.pending.into(),
            oldest_pending: c.oldest_pending,
            ..Standing::at(started)
        };
        (camera, standing)
    });
    sessions
        .concatenate([
            reviews.map(|r| (r.camera, Standing { last_review: Some(r.ts), ..Standing::at(r.ts) })),
            exports.map(|e| (e.camera, Standing::at(e.ts))),
        ])
        .map(|(camera, standing)| ((camera, standing.last_activity.floor(DAY)), standing))
        .reduce_by_key("Reviewing of a day", |_, parts, out| out.push((Standing::total(parts), 1)))
        .map(|((camera, _), standing)| (camera, standing))
        .reduce_by_key("Reviewing of a camera", |_, days, out| out.push((Standing::total(days), 1)))
        .join_by_key("Reviewing with its profiles", profiles, |&camera, standing, &rules| {
            [QualityCamera {
                camera,
                last_activity: standing.last_activity,
                last_review: standing.last_review,
                sessions: standing.sessions,
                pending: standing.pending,
                oldest_pending: standing.oldest_pending,
                rules,
            }]
        })
}
