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
use crate::drift::{self, Confidences, ModelHour, TRUST};
use crate::event::{Event, What};
use crate::sums::Sums;
use crate::tick::Change;
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

/// The settings after these changes to them.
fn current(mut settings: Option<Settings>, changes: Vec<Change<(u64, Settings)>>) -> Option<Settings> {
    for ((_, changed), diff) in changes {
        if diff > 0 {
            settings = Some(changed);
        } else if settings.as_ref() == Some(&changed) {
            settings = None;
        }
    }
    settings
}

/// The state of the operator.
#[derive(Default)]
pub struct Tally {
    events: EventSet,
    settings: Option<Settings>,
    calendar: Calendar,
    /// The hour that was looked up last: events come in bunches.
    hour: Option<(EventTime, EventTime)>,
    hours: Sums<Hour, AMOUNTS>,
    strangers: Sums<Hour, 1>,
    models: Sums<ModelHour, TRUST>,
    late: Sums<(ModelHour, bool), 1>,
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
            let settings = current(self.settings.clone(), settings);
            if settings != self.settings {
                all.iter().for_each(|event| self.add(&event, -1, out));
                (self.settings, self.hour) = (settings, None);
                all.iter().for_each(|event| self.add(&event, 1, out));
            }
        }
        for (event, diff) in events {
            all.update(event, *diff, |event, diff| self.add(event, diff, out));
        }
        self.events = all;
        out.extend(self.events.receipts(events).map(|(refused, stored)| {
            (Out::Refused(Box::new(Receipt { refused: (*refused).into(), stored: (*stored).into() })), 1)
        }));
        out.extend(self.hours.drain().map(|(hour, amounts)| (Out::Hour(hour, amounts), 1)));
        out.extend(self.strangers.drain().map(|(hour, [n])| (Out::Stranger(hour), n)));
        out.extend(self.late.drain().map(|((hour, timed), [n])| (Out::Late(hour, timed), n)));
        out.extend(self.models.drain().map(|(hour, confidences)| (Out::Model(hour, Box::new(confidences)), 1)));
    }

    fn add(&mut self, event: &Event, diff: isize, out: &mut Vec<Change<Out>>) {
        let Some(settings) = &self.settings else { return };
        let minute = event.ts.floor(Micros::MINUTE);
        let hour = match self.hour {
            Some((known, hour)) if known == minute => hour,
            _ => self.calendar.hour(&settings.clock, minute),
        };
        self.hour = Some((minute, hour));
        let (model, version, event_type) = (event.model, event.model_version, event.what.event_type());
        let reports = ModelHour { source: event.station, event_type, model, version, hour };
        drift::add(self.models.of(reports), event.confidence, diff);

        let own = [(NameKind::Worker, event.worker), (NameKind::Station, event.station)];
        let own = own.map(|(kind, name)| settings.hour(kind, name, hour));
        let mut counts = true;
        for hour in own {
            if !settings.knows(hour.kind, hour.name) {
                self.strangers.of(Hour { rules: settings.digest, ..hour })[0] += diff;
                counts &= !settings.rule.require_registered;
            }
        }
        let watched = settings.watched.watches(event.station);
        if settings.alerts && event.received_at - event.ts > LATE {
            let timed = counts && !watched && matches!(event.what, What::Did(_));
            self.late.of((reports, timed))[0] += diff;
        }
        if !counts {
            return;
        }
        for hour in own {
            let sums = self.hours.of(hour);
            sums[EVENTS] += diff;
            match event.what {
                What::Made(units) => sums[UNITS] += units as isize * diff,
                What::Did(state) if settings.rule.duration == DurationModel::Fixed && !watched => {
                    sums[time_in(state)] += settings.rule.event_duration.0 as isize * diff;
                }
                What::Did(_) => {}
            }
        }
        if let (What::Did(_), DurationModel::UntilNext) = (event.what, settings.rule.duration) {
            out.push((Out::Timeline(Box::new((*event, settings.floor))), diff));
        }
    }
}
