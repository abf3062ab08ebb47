//! The events inside the horizon, as a set.
//!
//! Nearly every event is there once, and says by itself in which hour it lies: these are packed into 32 bytes each
//! beside their ids, in one map per hour, small enough to stay in the cache while its hour is reported. What is there
//! more than once, in several bodies, or under an id that the client chose, is kept in full beside them.

use crate::dedupe::{FactSet, IdMap};
use crate::event::{Event, What};
use crate::sums::FastMap;
use crate::tick::Change;
use gemba_schemas::fact::ActivityState;
use gemba_schemas::id::{FactId, Name};
use gemba_schemas::score::Score;
use gemba_schemas::time::{EventTime, Micros};
use std::collections::hash_map::Entry;

/// An event of a known hour, without its id.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Packed {
    received_at: EventTime,
    /// µs into the hour.
    offset: u32,
    worker: Name,
    station: Name,
    units: u32,
    /// Place of the model and its version among all of them.
    model: u16,
    /// In the upper two bits what it was, in the lower the confidence; [`ELSEWHERE`] for an id that is among the others.
    kind: u16,
}

/// The bits of a confidence: none has all of them.
const CONFIDENCE: u16 = (1 << 14) - 1;
/// No event is of this kind.
const ELSEWHERE: u16 = u16::MAX;

/// The set.
#[derive(Default)]
pub struct EventSet {
    /// By hour since 1970.
    hours: FastMap<i64, IdMap<Packed>>,
    others: FactSet<Event>,
    models: Models,
    changes: Vec<Change<Event>>,
    /// Ids that this tick put among the others.
    met: IdMap<()>,
}

/// Models with their versions: there are few.
#[derive(Default)]
struct Models {
    all: Vec<(Name, Name)>,
    places: FastMap<(Name, Name), u16>,
    last: Option<((Name, Name), u16)>,
}

impl Models {
    /// `None` when there are more than can be numbered.
    fn place(&mut self, model: (Name, Name)) -> Option<u16> {
        match self.last {
            Some((last, place)) if last == model => Some(place),
            _ => {
                let place = match self.places.get(&model) {
                    Some(place) => *place,
                    None => {
                        let place = u16::try_from(self.all.len()).ok()?;
                        self.places.insert(model, place);
                        self.all.push(model);
                        place
                    }
                };
                self.last = Some((model, place));
                Some(place)
            }
        }
    }
}

fn hour_of(ts: EventTime) -> i64 {
    ts.0.div_euclid(Micros::HOUR.0)
}

impl Packed {
    fn of(event: &Event, models: &mut Models) -> Option<Self> {
        if event.named || event.confidence.0 >= CONFIDENCE {
            return None;
        }
        let (what, units) = match event.what {
            What::Did(ActivityState::Working) => (0, 0),
            What::Did(ActivityState::Idle) => (1, 0),
            What::Did(ActivityState::Absent) => (2, 0),
            What::Made(units) => (3, units),
        };
        Some(Self {
            received_at: event.received_at,
            offset: u32::try_from(event.ts.0.rem_euclid(Micros::HOUR.0)).ok()?,
            worker: event.worker,
            station: event.station,
            units,
            model: models.place((event.model, event.model_version))?,
            kind: what << 14 | event.confidence.0,
        })
    }

    const ELSEWHERE: Self = Self {
        received_at: EventTime(0),
        offset: 0,
        worker: Name::EMPTY,
        station: Name::EMPTY,
        units: 0,
        model: 0,
        kind: ELSEWHERE,
    };

    fn unpack(&self, id: FactId, hour: i64, models: &Models) -> Event {
        let (model, model_version) = models.all.get(usize::from(self.model)).copied().unwrap_or_default();
        let what = match self.kind >> 14 {
            0 => What::Did(ActivityState::Working),
            1 => What::Did(ActivityState::Idle),
            2 => What::Did(ActivityState::Absent),
            _ => What::Made(self.units),
        };
        Event {
            id,
            received_at: self.received_at,
            ts: EventTime(hour * Micros::HOUR.0 + i64::from(self.offset)),
            worker: self.worker,
            station: self.station,
            model,
            model_version,
            what,
            confidence: Score(self.kind & CONFIDENCE),
            named: false,
        }
    }
}

impl EventSet {
    /// Adds `diff` occurrences of an event; says what that changes in the set.
    pub fn update(&mut self, event: &Event, diff: isize, mut changed: impl FnMut(&Event, isize)) {
        let Some(packed) = Packed::of(event, &mut self.models) else {
            return self.update_others(event, diff, changed);
        };
        let hour = hour_of(event.ts);
        let events = self.hours.entry(hour).or_default();
        match events.entry(event.id) {
            Entry::Vacant(slot) if diff == 1 => {
                slot.insert(packed);
                return changed(event, 1);
            }
            Entry::Occupied(slot) if diff == -1 && *slot.get() == packed => {
                slot.remove();
                if events.is_empty() {
                    self.hours.remove(&hour);
                }
                return changed(event, -1);
            }
            Entry::Vacant(slot) => {
                slot.insert(Packed::ELSEWHERE);
            }
            Entry::Occupied(mut slot) => {
                let other = slot.insert(Packed::ELSEWHERE);
                if other != Packed::ELSEWHERE {
                    self.others.put(other.unpack(event.id, hour, &self.models));
                }
            }
        }
        self.update_others(event, diff, changed);
        // Back among the many, where it can be.
        let alone = self.others.take_single(event.id);
        let packed = alone.as_ref().and_then(|event| Packed::of(event, &mut self.models));
        if let (Some(event), None) = (alone, packed) {
            self.others.put(event);
        }
        if packed.is_some() || !self.others.holds(event.id) {
            let events = self.hours.entry(hour).or_default();
            match packed {
                Some(packed) => drop(events.insert(event.id, packed)),
                None => drop(events.remove(&event.id)),
            }
            if events.is_empty() {
                self.hours.remove(&hour);
            }
        }
    }

    fn update_others(&mut self, event: &Event, diff: isize, mut changed: impl FnMut(&Event, isize)) {
        self.met.insert(event.id, ());
        self.others.update(*event, diff, &mut self.changes);
        self.changes.drain(..).for_each(|(event, diff)| changed(&event, diff));
    }

    /// The events of which one occurrence counts.
    pub fn iter(&self) -> impl Iterator<Item = Event> {
        let packed = self.hours.iter().flat_map(move |(hour, events)| {
            let here = events.iter().filter(|(_, packed)| **packed != Packed::ELSEWHERE);
            here.map(|(id, packed)| packed.unpack(*id, *hour, &self.models))
        });
        packed.chain(self.others.iter().copied())
    }

    /// Ends a tick: of the events that it brought, those that another one precedes, each with that one.
    pub fn receipts(&mut self, rows: &[Change<Event>]) -> Vec<(Event, Event)> {
        let met = std::mem::take(&mut self.met);
        // Nearly all are alone, which a few ids in the cache tell sooner than all that there are.
        let rows = rows.iter().filter(|(event, diff)| *diff > 0 && !met.is_empty() && met.contains_key(&event.id));
        rows.filter_map(|(event, _)| Some((*event, *self.others.preceding(event)?))).collect()
    }
}
