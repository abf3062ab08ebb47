//! The events inside the horizon, as a set.
//!
//! Nearly every event is there once, and says by itself in which hour it lies and which id it has: these are packed into
//! 24 bytes each, hour by hour in the order in which they came, with an index of their places, small enough to stay in the
//! cache while its hour is reported. What is there more than once, in several bodies, or under another id, such as one that
//! the client chose, is kept in full beside them.

use crate::dedupe::{FactSet, IdMap};
use crate::event::{Event, What};
use crate::sums::{FastMap, Mix};
use crate::tick::Change;
use gemba_schemas::fact::ActivityState;
use gemba_schemas::id::{FactId, Name};
use gemba_schemas::score::Score;
use gemba_schemas::time::{EventTime, Micros};
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use std::hash::{Hash, Hasher};

/// An event of a known hour whose id follows from it ([`FactId::of_event`]).
#[derive(Clone, Copy, PartialEq, Eq)]
struct Packed {
    /// µs into the hour.
    offset: u32,
    worker: Name,
    station: Name,
    /// µs from an hour before the hour until it was accepted, the lowest first, so that nothing is lost to alignment.
    received: [u16; 3],
    units: u16,
    /// Place of the model and its version among all of them.
    model: u16,
    /// In the upper two bits what it was, in the lower the confidence: all of them set for an event that is among the others.
    kind: u16,
}

/// The bits of a confidence: none has all of them.
const CONFIDENCE: u16 = (1 << 14) - 1;

/// The events of one hour.
#[derive(Default)]
struct Hour {
    /// In order of arrival, but for those that took the place of one that left.
    events: Vec<Packed>,
    /// Where they are, by the hash of their identity.
    places: HashTable<u32>,
}

/// The set.
#[derive(Default)]
pub struct EventSet {
    /// By hour since 1970.
    hours: FastMap<i64, Hour>,
    /// The hour that was looked at last.
    last: Option<i64>,
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
        if event.named || event.confidence.0 >= CONFIDENCE || event.id != id_of(event) {
            return None;
        }
        let (what, units) = match event.what {
            What::Did(ActivityState::Working) => (0, 0),
            What::Did(ActivityState::Idle) => (1, 0),
            What::Did(ActivityState::Absent) => (2, 0),
            What::Made(units) => (3, units),
        };
        let offset = event.ts.0.rem_euclid(Micros::HOUR.0);
        let before = event.ts - Micros(offset) - Micros::HOUR;
        let received = u64::try_from((event.received_at - before).0).ok()?;
        if received >> 48 != 0 {
            return None;
        }
        Some(Self {
            offset: u32::try_from(offset).ok()?,
            worker: event.worker,
            station: event.station,
            received: [received as u16, (received >> 16) as u16, (received >> 32) as u16],
            units: u16::try_from(units).ok()?,
            model: models.place((event.model, event.model_version))?,
            kind: what << 14 | event.confidence.0,
        })
    }

    /// What its id is made of, within its hour.
    fn identity(&self) -> (u32, Name, Name, u16) {
        (self.offset, self.worker, self.station, self.kind >> 14)
    }

    fn hash(&self) -> u64 {
        let mut hash = Mix::default();
        self.identity().hash(&mut hash);
        hash.finish()
    }

    /// Stands for the event where it is among the others.
    fn elsewhere(self) -> Self {
        Self { received: [0; 3], units: 0, model: 0, kind: self.kind | CONFIDENCE, ..self }
    }

    fn is_elsewhere(&self) -> bool {
        self.kind & CONFIDENCE == CONFIDENCE
    }

    fn unpack(&self, hour: i64, models: &Models) -> Event {
        let (model, model_version) = models.all.get(usize::from(self.model)).copied().unwrap_or_default();
        let what = match self.kind >> 14 {
            0 => What::Did(ActivityState::Working),
            1 => What::Did(ActivityState::Idle),
            2 => What::Did(ActivityState::Absent),
            _ => What::Made(u32::from(self.units)),
        };
        let start = hour * Micros::HOUR.0;
        let received = self.received.iter().rev().fold(0, |received, part| received << 16 | i64::from(*part));
        let event = Event {
            id: FactId(0),
            received_at: EventTime(start - Micros::HOUR.0 + received),
            ts: EventTime(start + i64::from(self.offset)),
            worker: self.worker,
            station: self.station,
            model,
            model_version,
            what,
            confidence: Score(self.kind & CONFIDENCE),
            named: false,
        };
        Event { id: id_of(&event), ..event }
    }
}

/// The id of an event that has none of its own.
fn id_of(event: &Event) -> FactId {
    FactId::of_event(event.ts, event.worker, event.station, event.what.event_type())
}

impl Hour {
    /// With room for so many events.
    fn with_capacity(count: usize) -> Self {
        Self { events: Vec::with_capacity(count), places: HashTable::with_capacity(count) }
    }

    /// The place of an event of this identity.
    fn find(&mut self, hash: u64, like: &Packed) -> Entry<'_, u32> {
        let events = &self.events;
        let at = |place: &u32| &events[*place as usize];
        self.places.entry(hash, |place| at(place).identity() == like.identity(), |place| at(place).hash())
    }

    /// Takes out the event at a place, which the last one then has.
    fn remove(&mut self, hash: u64, place: u32) {
        if let Ok(entry) = self.places.find_entry(hash, |known| *known == place) {
            entry.remove();
        }
        self.events.swap_remove(place as usize);
        if let Some(moved) = self.events.get(place as usize) {
            let last = self.events.len() as u32;
            if let Some(known) = self.places.find_mut(moved.hash(), |known| *known == last) {
                *known = place;
            }
        }
    }
}

impl EventSet {
    /// The events of an hour. A new one has room for a few more than the one before it had.
    fn of_hour(&mut self, hour: i64) -> &mut Hour {
        if self.last.replace(hour) != Some(hour) && !self.hours.contains_key(&hour) {
            let before = self.hours.get(&(hour - 1)).map_or(0, |hour| hour.events.len());
            self.hours.insert(hour, Hour::with_capacity(before + before / 16));
        }
        self.hours.entry(hour).or_default()
    }

    /// Adds `diff` occurrences of an event; says what that changes in the set.
    pub fn update(&mut self, event: &Event, diff: isize, mut changed: impl FnMut(&Event, isize)) {
        let Some(packed) = Packed::of(event, &mut self.models) else {
            return self.update_others(event, diff, changed);
        };
        let (hour, hash) = (hour_of(event.ts), packed.hash());
        let here = self.of_hour(hour);
        let next = here.events.len() as u32;
        match here.find(hash, &packed) {
            Entry::Vacant(slot) => {
                slot.insert(next);
                if diff == 1 {
                    here.events.push(packed);
                    return changed(event, 1);
                }
                here.events.push(packed.elsewhere());
            }
            Entry::Occupied(slot) => {
                let place = *slot.get();
                let known = &mut here.events[place as usize];
                if diff == -1 && *known == packed {
                    here.remove(hash, place);
                    self.tidy(hour);
                    return changed(event, -1);
                }
                let other = std::mem::replace(known, packed.elsewhere());
                if !other.is_elsewhere() {
                    self.others.put(other.unpack(hour, &self.models));
                }
            }
        }
        self.update_others(event, diff, changed);
        // Back among the many, where it can be.
        let alone = self.others.take_single(event.id);
        let back = alone.as_ref().and_then(|event| Packed::of(event, &mut self.models));
        if let (Some(event), None) = (alone, back) {
            self.others.put(event);
        }
        if back.is_some() || !self.others.holds(event.id) {
            let here = self.of_hour(hour);
            if let Entry::Occupied(slot) = here.find(hash, &packed) {
                let place = *slot.get();
                match back {
                    Some(back) => here.events[place as usize] = back,
                    None => here.remove(hash, place),
                }
            }
            self.tidy(hour);
        }
    }

    /// Drops an hour without events.
    fn tidy(&mut self, hour: i64) {
        if self.hours.get(&hour).is_some_and(|hour| hour.events.is_empty()) {
            self.hours.remove(&hour);
        }
    }

    fn update_others(&mut self, event: &Event, diff: isize, mut changed: impl FnMut(&Event, isize)) {
        self.met.insert(event.id, ());
        self.others.update(*event, diff, &mut self.changes);
        self.changes.drain(..).for_each(|(event, diff)| changed(&event, diff));
    }

    /// The events of which one occurrence counts.
    pub fn iter(&self) -> impl Iterator<Item = Event> {
        let packed = self.hours.iter().flat_map(move |(hour, here)| {
            let here = here.events.iter().filter(|packed| !packed.is_elsewhere());
            here.map(|packed| packed.unpack(*hour, &self.models))
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
