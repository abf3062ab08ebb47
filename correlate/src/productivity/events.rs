//! The events inside the horizon, as a set.
//!
//! Nearly every event is there once, and says by itself in which hour it lies and which id it has: these are packed into
//! 28 bytes each, in one table per hour, small enough to stay in the cache while its hour is reported. What is there more
//! than once, in several bodies, or under another id, such as one that the client chose, is kept in full beside them.

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
    /// The halves of when it was accepted, so that nothing is lost to alignment.
    received_at: [u32; 2],
    /// µs into the hour.
    offset: u32,
    worker: Name,
    station: Name,
    units: u32,
    /// Place of the model and its version among all of them.
    model: u16,
    /// In the upper two bits what it was, in the lower the confidence: all of them set for an event that is among the others.
    kind: u16,
}

/// The bits of a confidence: none has all of them.
const CONFIDENCE: u16 = (1 << 14) - 1;

/// The set.
#[derive(Default)]
pub struct EventSet {
    /// By hour since 1970.
    hours: FastMap<i64, HashTable<Packed>>,
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
        let received_at = event.received_at.0 as u64;
        Some(Self {
            received_at: [(received_at >> 32) as u32, received_at as u32],
            offset: u32::try_from(event.ts.0.rem_euclid(Micros::HOUR.0)).ok()?,
            worker: event.worker,
            station: event.station,
            units,
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
        Self { received_at: [0; 2], units: 0, model: 0, kind: self.kind | CONFIDENCE, ..self }
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
            _ => What::Made(self.units),
        };
        let [high, low] = self.received_at.map(u64::from);
        let event = Event {
            id: FactId(0),
            received_at: EventTime((high << 32 | low) as i64),
            ts: EventTime(hour * Micros::HOUR.0 + i64::from(self.offset)),
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

impl EventSet {
    /// The events of an hour. A new one has room for as many as the one before it had.
    fn of_hour(&mut self, hour: i64) -> &mut HashTable<Packed> {
        if self.last.replace(hour) != Some(hour) && !self.hours.contains_key(&hour) {
            let before = self.hours.get(&(hour - 1)).map_or(0, HashTable::len);
            self.hours.insert(hour, HashTable::with_capacity(before));
        }
        self.hours.entry(hour).or_default()
    }

    /// Adds `diff` occurrences of an event; says what that changes in the set.
    pub fn update(&mut self, event: &Event, diff: isize, mut changed: impl FnMut(&Event, isize)) {
        let Some(packed) = Packed::of(event, &mut self.models) else {
            return self.update_others(event, diff, changed);
        };
        let (hour, hash) = (hour_of(event.ts), packed.hash());
        let is_it = |known: &Packed| known.identity() == packed.identity();
        match self.of_hour(hour).entry(hash, is_it, Packed::hash) {
            Entry::Vacant(slot) if diff == 1 => {
                slot.insert(packed);
                return changed(event, 1);
            }
            Entry::Occupied(slot) if diff == -1 && *slot.get() == packed => {
                slot.remove();
                self.tidy(hour);
                return changed(event, -1);
            }
            Entry::Vacant(slot) => {
                slot.insert(packed.elsewhere());
            }
            Entry::Occupied(mut slot) => {
                let other = std::mem::replace(slot.get_mut(), packed.elsewhere());
                if !other.is_elsewhere() {
                    self.others.put(other.unpack(hour, &self.models));
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
            if let Entry::Occupied(mut slot) = self.of_hour(hour).entry(hash, is_it, Packed::hash) {
                match packed {
                    Some(packed) => *slot.get_mut() = packed,
                    None => drop(slot.remove()),
                }
            }
            self.tidy(hour);
        }
    }

    /// Drops an hour without events.
    fn tidy(&mut self, hour: i64) {
        if self.hours.get(&hour).is_some_and(HashTable::is_empty) {
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
        let packed = self.hours.iter().flat_map(move |(hour, events)| {
            let here = events.iter().filter(|packed| !packed.is_elsewhere());
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
