//! What rules make of readings.
//!
//! In: readings, and the rule set. Out: the signs of each reading to the rules of its kind, as they change: nearly every
//! reading that changes says what it said before, and goes no further. State: the readings, by what is watched and when;
//! with other rules all of them are judged again.

use super::readings::Read;
use super::{Judge, Of, Reading, RuleSet, Sign, Watch, chosen, sign};
use crate::sums::FastMap;
use crate::tick::{Change, after};
use gemba_schemas::calendar::Calendar;
use gemba_schemas::id::Name;
use gemba_schemas::rule::AlertKind;
use gemba_schemas::time::EventTime;

/// What is watched, and when.
type Place = (AlertKind, Of, EventTime);

/// What a reading says to a rule.
pub(super) type Said = (Watch, (EventTime, Sign));

/// The rule set with what is looked up in it often.
#[derive(Default)]
struct Rules {
    set: Option<RuleSet>,
    calendar: Calendar,
    /// Those of a kind that apply to a source.
    chosen: FastMap<(AlertKind, Name), Vec<(Judge, Name)>>,
}

impl Rules {
    /// Pushes what the readings of a place say.
    fn judge(&mut self, &(kind, of, ts): &Place, readings: &[Change<Reading>], said: &mut Vec<Said>) {
        let Some(set) = &self.set else { return };
        let rules = self.chosen.entry((kind, of.source)).or_insert_with(|| chosen(set, kind, of.source).collect());
        for (rule, rules) in rules.iter().copied() {
            for (reading, _) in readings {
                let hour = if *reading == Reading::LateSession { self.calendar.hour(&set.clock, ts) } else { ts };
                said.extend(sign(set, &rule, reading).map(|sign| (Watch { of, rule, rules }, (hour, sign))));
            }
        }
    }
}

/// The state of the operator.
#[derive(Default)]
pub(super) struct Judged {
    rules: Rules,
    /// Nearly always one at a place; no count is zero.
    readings: FastMap<Place, Vec<Change<Reading>>>,
}

impl Judged {
    /// Takes in the changes of one tick.
    pub(super) fn step(
        &mut self,
        reads: Vec<Change<Read>>,
        sets: Vec<Change<(u64, RuleSet)>>,
        out: &mut Vec<Change<Said>>,
    ) {
        let mut said = Vec::new();
        if !sets.is_empty() {
            let set = after(self.rules.set.clone(), sets);
            if set != self.rules.set {
                self.readings.iter().for_each(|(place, readings)| self.rules.judge(place, readings, &mut said));
                out.extend(said.drain(..).map(|said| (said, -1)));
                self.rules = Rules { set, ..Rules::default() };
                self.readings.iter().for_each(|(place, readings)| self.rules.judge(place, readings, &mut said));
                out.extend(said.drain(..).map(|said| (said, 1)));
            }
        }
        // What was said at the places that the tick touches.
        let mut before: FastMap<Place, Vec<Said>> = FastMap::default();
        for ((kind, of, ts, reading), diff) in reads {
            let place = (kind, of, ts);
            let readings = self.readings.entry(place).or_default();
            before.entry(place).or_insert_with(|| {
                let mut said = Vec::new();
                self.rules.judge(&place, readings, &mut said);
                said
            });
            match readings.iter().position(|(known, _)| *known == reading) {
                Some(at) => {
                    readings[at].1 += diff;
                    if readings[at].1 == 0 {
                        readings.swap_remove(at);
                    }
                }
                None => {
                    readings.reserve_exact(1);
                    readings.push((reading, diff));
                }
            }
        }
        for (place, before) in before {
            let readings = self.readings.get(&place).map_or(&[][..], Vec::as_slice);
            self.rules.judge(&place, readings, &mut said);
            if readings.is_empty() {
                self.readings.remove(&place);
            }
            // The order is that of the rules, and of the readings: at worst what stays goes and comes again.
            if said != before {
                out.extend(before.into_iter().map(|said| (said, -1)));
                out.extend(said.drain(..).map(|said| (said, 1)));
            }
            said.clear();
        }
    }
}
