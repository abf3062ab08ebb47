//! The tally: events as a set, and what each adds to the hours of its worker, its station and its model.
//!
//! In: events in any multiplicity, and the settings (clock and rule, the same on every worker). Out: additions to
//! hours, summed within the tick, so that a batch of ten thousand events goes on as some hundreds of updates;
//! receipts; with `until_next`, activity for the timelines.
//!
//! State: one entry per event inside the horizon. When the settings change everything is taken back and added
//! again under the new ones.

use super::Settings;
use super::events::EventSet;
use crate::dedupe::Receipt;
use crate::drift::{Confidences, ModelHour};
use crate::event::{Event, What};
use crate::sums::{Amount, InHour, Sums};
use crate::tick::{Change, after};
use gemba_schemas::calendar::Calendar;
use gemba_schemas::fact::ActivityState;
use gemba_schemas::id::Name;
use gemba_schemas::rule::DurationModel;
use gemba_schemas::time::{EventTime, Micros};
use gemba_schemas::view::{LATE, NameKind};
use serde::{Deserialize, Serialize};

/// Whose hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Hour {
    /// Worker or station.
    pub kind: NameKind,
    /// Which.
    pub name: Name,
    /// The local hour.
    pub hour: EventTime,
    /// Digest of the settings.
    pub rules: Name,
}

impl InHour for Hour {
    fn hour(&self) -> EventTime {
        self.hour
    }
}

/// What can be added to an hour, by place: time in each state (µs), units, events.
pub type Amounts = [isize; AMOUNTS];
/// How many places.
pub const AMOUNTS: usize = 5;
/// Place of units.
pub const UNITS: usize = 3;
/// Place of events.
pub const EVENTS: usize = 4;

/// The place of the time in a state.
pub fn time_in(state: ActivityState) -> usize {
    match state {
        ActivityState::Working => 0,
        ActivityState::Idle => 1,
        ActivityState::Absent => 2,
    }
}

/// What goes out, apart from each other by kind. What is large is boxed: every update is moved several times.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Out {
    /// Adds to the hour of a worker or station.
    Hour(Hour, Amounts),
    /// Adds to the hour of a worker or station that the site does not know.
    Stranger(Hour),
    /// Adds to the hour of a model.
    Model(ModelHour, Box<Confidences>),
    /// An event that came late, where an alert may say so: the hour of its model, and whether it stands for time.
    Late(ModelHour, bool),
    /// Activity, where it lasts until the next, and the digest of the settings under which it counts.
    Timeline(Box<(Event, Name)>),
    /// An event that was there already.
    Refused(Box<Receipt>),
}

/// What a tick adds to the hour of a worker or station.
#[derive(Clone, Copy, PartialEq)]
struct Added {
    amounts: Amounts,
    /// Events, also those that do not count.
    seen: isize,
}

impl Amount for Added {
    const ZERO: Self = Self { amounts: Amounts::ZERO, seen: 0 };

    fn add(&mut self, other: &Self, times: isize) {
        self.amounts.add(&other.amounts, times);
        self.seen += other.seen * times;
    }
}

/// Minutes with their hours, as they were looked up last, each in the place of its number: events come in bunches, some of
/// them late.
struct Recent([(EventTime, EventTime); 256]);

impl Default for Recent {
    fn default() -> Self {
        Self([(EventTime::MIN, EventTime::MIN); 256])
    }
}

impl Recent {
    /// The hour of an instant, if need be of `calendar`.
    fn hour(&mut self, ts: EventTime, calendar: impl FnOnce(EventTime) -> EventTime) -> EventTime {
        let minute = ts.floor(Micros::MINUTE);
        let known = &mut self.0[(minute.0 / Micros::MINUTE.0).rem_euclid(256) as usize];
        if known.0 != minute {
            *known = (minute, calendar(minute));
        }
        known.1
    }
}

/// The state of the operator.
#[derive(Default)]
pub struct Tally {
    events: EventSet,
    settings: Option<Settings>,
    calendar: Calendar,
    recent: Recent,
    hours: Sums<(NameKind, Name, EventTime), Added>,
    models: Sums<ModelHour, Confidences>,
    late: Sums<(ModelHour, bool), [isize; 1]>,
}

impl Tally {
    /// Takes in the updates of one tick.
    pub fn step(
        &mut self,
        events: &[Change<Event>],
        settings: Vec<Change<(u64, Settings)>>,
        out: &mut Vec<Change<Out>>,
    ) {
        let mut all = std::mem::take(&mut self.events);
        if !settings.is_empty() {
            let settings = after(self.settings.clone(), settings);
            if settings != self.settings {
                all.iter().for_each(|event| self.add(&event, -1, out));
                self.tell(out);
                (self.settings, self.recent) = (settings, Recent::default());
                all.iter().for_each(|event| self.add(&event, 1, out));
            }
        }
        for (event, diff) in events {
            all.update(event, *diff, |event, diff| self.add(event, diff, out));
        }
        self.events = all;
        let receipts = self.events.receipts(events).into_iter();
        out.extend(receipts.map(|(refused, stored)| {
            (Out::Refused(Box::new(Receipt { refused: refused.into(), stored: stored.into() })), 1)
        }));
        self.tell(out);
    }

    /// Hands on what was added under the settings.
    fn tell(&mut self, out: &mut Vec<Change<Out>>) {
        let Some(settings) = &self.settings else { return };
        for ((kind, name, hour), Added { amounts, seen }) in self.hours.drain() {
            let hour = settings.hour(kind, name, hour);
            if seen != 0 && !settings.knows(kind, name) {
                out.push((Out::Stranger(Hour { rules: settings.digest, ..hour }), seen));
            }
            if amounts != Amounts::ZERO {
                out.push((Out::Hour(hour, amounts), 1));
            }
        }
        out.extend(self.late.drain().map(|((hour, timed), [n])| (Out::Late(hour, timed), n)));
        out.extend(self.models.drain().map(|(hour, confidences)| (Out::Model(hour, Box::new(confidences)), 1)));
    }

    fn add(&mut self, event: &Event, diff: isize, out: &mut Vec<Change<Out>>) {
        let Some(settings) = &self.settings else { return };
        let hour = self.recent.hour(event.ts, |minute| self.calendar.hour(&settings.clock, minute));
        let (model, version, event_type) = (event.model, event.model_version, event.what.event_type());
        let reports = ModelHour { source: event.station, event_type, model, version, hour };
        self.models.of(reports).report(event.confidence, diff);

        let own = [(NameKind::Worker, event.worker), (NameKind::Station, event.station)];
        let counts = !settings.rule.require_registered || own.iter().all(|(kind, name)| settings.knows(*kind, *name));
        let watched = settings.watched.watches(event.station);
        if settings.alerts && event.received_at - event.ts > LATE {
            let timed = counts && !watched && matches!(event.what, What::Did(_));
            self.late.of((reports, timed))[0] += diff;
        }
        let mut added = Added { amounts: Amounts::ZERO, seen: diff };
        if counts {
            added.amounts[EVENTS] = diff;
            match event.what {
                What::Made(units) => added.amounts[UNITS] = units as isize * diff,
                What::Did(state) if settings.rule.duration == DurationModel::Fixed && !watched => {
                    added.amounts[time_in(state)] = settings.rule.event_duration.0 as isize * diff;
                }
                What::Did(_) => {}
            }
        }
        for (kind, name) in own {
            self.hours.of((kind, name, hour)).add(&added, 1);
        }
        if let (true, What::Did(_), DurationModel::UntilNext) = (counts, event.what, settings.rule.duration) {
            out.push((Out::Timeline(Box::new((*event, settings.floor))), diff));
        }
    }
}
