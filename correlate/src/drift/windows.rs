//! What the 24 hours that end with an hour come to, beside what was before; and what follows from that for retraining.
//!
//! In: the reports of a source's hour by event type, while somebody asks; who asks; now. Out: for each hour with reports
//! what is asked of it, its rate when it is over; requests. State: of each source its hours in order, each with the sum of all up to it, so that the sum
//! of any stretch is a difference of two. An hour that changes costs one addition to each later one, and a reading of
//! those alone whose 24 hours or baseline hold it.

use super::Confidences;
use super::counts::Counts;
use super::requests::{Run, Weight, request, runs};
use crate::tick::Change;
use gemba_schemas::divergence::divergence_ppm;
use gemba_schemas::id::Name;
use gemba_schemas::rule::{AlertKind, BaselineRule, DriftBoundRule, SealedReportsRule, Statistic};
use gemba_schemas::time::{EventTime, Micros};
use gemba_schemas::view::RetrainRequest;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

const DAY: Micros = Micros(24 * Micros::HOUR.0);
/// How long before the 24 hours the baseline begins that is not pinned.
const MONTH: Micros = Micros(30 * DAY.0);
/// The instant before.
const JUST: Micros = Micros(1);

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Asked {
    /// An alert of this kind, of drift about this statistic.
    Kind(AlertKind, Option<Statistic>),
    /// The bound for requests.
    Bound(DriftBoundRule),
    /// Not asking by itself: what is compared with.
    Baseline(BaselineRule),
    /// What of that is sealed, of a source.
    Sealed(Box<SealedReportsRule>),
    /// Not asking: how far time has come.
    Now(EventTime),
}

/// What an hour comes to, for an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Value {
    /// How far the 24 hours are from the baseline by each statistic, in parts per million; reports in both.
    Drift {
        /// Population stability index.
        psi: u32,
        /// Kullback–Leibler, 0 where no alert asks for it.
        kl: u32,
        /// Jensen–Shannon, the same.
        js: u32,
        /// Reports in the 24 hours.
        current: u64,
        /// Reports in the baseline.
        baseline: u64,
    },
    /// So many of so many reports.
    Share(u64, u64),
    /// Reports in the hour.
    Rate(u64),
}

impl Value {
    /// Reports on the thinner side of what was compared.
    pub fn samples(self) -> u64 {
        match self {
            Self::Drift { current, baseline, .. } => current.min(baseline),
            Self::Share(_, whole) => whole,
            Self::Rate(reports) => reports,
        }
    }
}

/// A reading of an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Window {
    /// The kind of alert that asks.
    pub kind: AlertKind,
    /// Station or camera.
    pub source: Name,
    /// The hour.
    pub hour: EventTime,
    /// What it comes to.
    pub value: Value,
    /// Reports in the hour itself.
    pub reports: u64,
}

/// What goes out.
#[derive(Clone)]
pub enum Out {
    /// For alerts.
    Window(Window),
    /// The view.
    Request(Box<RetrainRequest>),
}

/// The reports of an hour by event type: the change of a model's hour.
pub type Reported = (Name, EventTime, Name, Box<Confidences>);

/// Who asks for what, of which only the least counts where there should be one.
#[derive(Default, PartialEq)]
struct Asking {
    kinds: BTreeSet<AlertKind>,
    statistics: BTreeSet<Statistic>,
    bound: Option<DriftBoundRule>,
    baseline: Option<BaselineRule>,
    sealed: BTreeMap<Name, Vec<SealedReportsRule>>,
}

impl Asking {
    fn of(asked: &BTreeMap<Asked, isize>) -> Self {
        let mut asking = Self::default();
        for asked in asked.keys() {
            match asked {
                Asked::Kind(kind, statistic) => {
                    asking.kinds.insert(*kind);
                    asking.statistics.extend(statistic);
                }
                Asked::Bound(bound) => asking.bound = asking.bound.or(Some(*bound)),
                Asked::Baseline(baseline) => asking.baseline = asking.baseline.or(Some(*baseline)),
                Asked::Sealed(sealed) => asking.sealed.entry(sealed.source).or_default().push(**sealed),
                Asked::Now(_) => {}
            }
        }
        asking
    }

    /// Which readings a change of the hours from `first` to `last` reaches: those that begin in this.
    fn reached(&self, first: EventTime, last: EventTime) -> (EventTime, EventTime) {
        match self.baseline {
            Some(pinned) if first < pinned.until && last >= pinned.from => (first, EventTime::MAX),
            Some(_) => (first, last + DAY),
            None => (first, last + DAY + MONTH),
        }
    }
}

/// The hours of all sources, and who asks.
#[derive(Default)]
pub struct Windows {
    lines: BTreeMap<Name, Line>,
    asked: BTreeMap<Asked, isize>,
    asking: Asking,
    /// The latest instant that counts as now.
    now: Option<EventTime>,
}

impl Windows {
    /// Takes in the changes of one tick.
    pub fn step(&mut self, rows: Vec<Change<Reported>>, asked: Vec<Change<(u64, Asked)>>, out: &mut Vec<Change<Out>>) {
        let (mut edited, mut passed) = (false, None);
        if !asked.is_empty() {
            for ((_, asked), n) in asked {
                *self.asked.entry(asked).or_default() += n;
            }
            self.asked.retain(|_, n| *n != 0);
            let asking = Asking::of(&self.asked);
            edited = asking != self.asking;
            self.asking = asking;
            let now = self.asked.keys().filter_map(|asked| if let Asked::Now(now) = asked { Some(*now) } else { None });
            let now = now.max();
            passed = (now != self.now).then(|| (now.min(self.now), now.max(self.now)));
            self.now = now;
        }
        let (asking, now) = (&self.asking, self.now);
        let mut touched: BTreeMap<Name, BTreeMap<EventTime, Counts>> = BTreeMap::new();
        for ((source, hour, event_type, confidences), diff) in rows {
            let line = self.lines.entry(source).or_default();
            let place = line.place(event_type);
            let counts = touched.entry(source).or_default().entry(hour).or_default();
            counts.report(confidences.bins.map(i64::from), confidences.sum, place, diff as i64);
        }
        for (source, changes) in touched {
            let Some(line) = self.lines.get_mut(&source) else { continue };
            let (first, last) = (changes.keys().next().copied(), changes.keys().next_back().copied());
            line.change(changes, out);
            if let (false, Some(first), Some(last)) = (edited, first, last) {
                line.look(source, asking, now, asking.reached(first, last), out);
            }
        }
        if edited {
            let all = (EventTime::MIN, EventTime::MAX);
            self.lines.iter_mut().for_each(|(source, line)| line.look(*source, asking, now, all, out));
        } else if let (Some((from, to)), true) = (passed, asking.kinds.contains(&AlertKind::ReportRate)) {
            // The hours that are over since, or are not any more.
            let [from, to] = [from, to].map(|end| end.map_or(EventTime::MIN, |end| end - Micros::HOUR + JUST));
            let touched = self.lines.iter_mut().filter(|(_, line)| line.has_hours(from, to));
            touched.for_each(|(source, line)| line.look(*source, asking, now, (from, to), out));
        }
        self.lines.retain(|_, line| !line.hours.is_empty());
    }
}

/// The hours of a source.
#[derive(Default)]
struct Line {
    /// Event types in the order in which they were first seen: the places of their counts.
    types: Vec<Name>,
    /// These places in the order of the names, in which sums are taken.
    order: Vec<usize>,
    hours: Vec<Hour>,
    /// Reports of the baseline whose hours have left.
    sealed: Counts,
    runs: Vec<Run>,
    /// What they ask for.
    requests: Vec<RetrainRequest>,
    /// Under which bound and baseline.
    asked: Option<(DriftBoundRule, Option<BaselineRule>)>,
}

/// An hour with reports.
struct Hour {
    start: EventTime,
    /// All reports up to it, its own included.
    upto: Counts,
    said: Vec<Window>,
    weight: Option<Weight>,
}

impl Line {
    fn place(&mut self, event_type: Name) -> usize {
        if let Some(place) = self.types.iter().position(|name| *name == event_type) {
            return place;
        }
        self.types.push(event_type);
        self.order = (0..self.types.len()).collect();
        // Names are ordered by interning, which differs between runs: compare texts.
        self.order.sort_by_key(|place| self.types[*place].as_str());
        self.types.len() - 1
    }

    /// Takes note of what of the baseline is sealed.
    fn count_sealed(&mut self, sealed: &[SealedReportsRule]) {
        self.sealed = Counts::default();
        for reports in sealed {
            let place = self.place(reports.event_type);
            self.sealed.report(reports.counts.0.map(i64::from), 0, place, 1);
        }
    }

    /// Adds to hours; takes back what was said of those that are left with nothing.
    fn change(&mut self, changes: BTreeMap<EventTime, Counts>, out: &mut Vec<Change<Out>>) {
        let Some(first) = changes.keys().next().copied() else { return };
        let later = self.hours.split_off(self.hours.partition_point(|hour| hour.start < first));
        let mut old = self.upto(first - JUST).cloned().unwrap_or_default();
        let mut sum = old.clone();
        let mut changes = changes.into_iter().peekable();
        let mut later = later.into_iter().peekable();
        loop {
            let start = match (later.peek().map(|hour| hour.start), changes.peek().map(|(start, _)| *start)) {
                (Some(there), Some(changed)) => there.min(changed),
                (Some(start), None) | (None, Some(start)) => start,
                (None, None) => break,
            };
            let mut own = Counts::default();
            let (mut said, mut weight) = (Vec::new(), None);
            if let Some(hour) = later.next_if(|hour| hour.start == start) {
                own = hour.upto.less(Some(&old));
                (old, said, weight) = (hour.upto, hour.said, hour.weight);
            }
            if let Some((_, change)) = changes.next_if(|(changed, _)| *changed == start) {
                own.add(&change);
            }
            if own.reports() == 0 {
                out.extend(said.into_iter().map(|window| (Out::Window(window), -1)));
                continue;
            }
            sum.add(&own);
            self.hours.push(Hour { start, upto: sum.clone(), said, weight });
        }
    }

    /// All reports of hours that begin at an instant or before.
    fn upto(&self, ts: EventTime) -> Option<&Counts> {
        let after = self.hours.partition_point(|hour| hour.start <= ts);
        after.checked_sub(1).map(|last| &self.hours[last].upto)
    }

    /// Whether hours with reports begin in a stretch.
    fn has_hours(&self, first: EventTime, end: EventTime) -> bool {
        let from = self.hours.partition_point(|hour| hour.start < first);
        self.hours.get(from).is_some_and(|hour| hour.start < end)
    }

    /// Reads the hours that begin in a stretch, and says what is said otherwise than before.
    fn look(
        &mut self,
        source: Name,
        asking: &Asking,
        now: Option<EventTime>,
        (first, end): (EventTime, EventTime),
        out: &mut Vec<Change<Out>>,
    ) {
        self.count_sealed(asking.sealed.get(&source).map_or(&[], |sealed| sealed));
        let from = self.hours.partition_point(|hour| hour.start < first);
        let to = self.hours.partition_point(|hour| hour.start < end);
        for i in from..to {
            let (said, weight) = self.read(source, asking, now, i);
            let hour = &mut self.hours[i];
            out.extend(hour.said.iter().filter(|w| !said.contains(w)).map(|w| (Out::Window(*w), -1)));
            out.extend(said.iter().filter(|w| !hour.said.contains(w)).map(|w| (Out::Window(*w), 1)));
            (hour.said, hour.weight) = (said, weight);
        }
        self.ask(source, asking, out);
    }

    /// Says which requests are made otherwise than before.
    fn ask(&mut self, source: Name, asking: &Asking, out: &mut Vec<Change<Out>>) {
        let asked = asking.bound.map(|bound| (bound, asking.baseline));
        let weights = self.hours.iter().filter_map(|hour| Some((hour.start, hour.weight?)));
        let runs = asked.map(|(bound, _)| runs(&bound, weights)).unwrap_or_default();
        if (&asked, &runs) == (&self.asked, &self.runs) {
            return;
        }
        let made =
            asked.iter().flat_map(|(bound, baseline)| runs.iter().map(|run| request(source, bound, *baseline, run)));
        let made: Vec<_> = made.collect();
        let before = std::mem::replace(&mut self.requests, made);
        (self.asked, self.runs) = (asked, runs);
        let request = |request: &RetrainRequest| Out::Request(Box::new(request.clone()));
        out.extend(before.iter().filter(|r| !self.requests.contains(r)).map(|r| (request(r), -1)));
        out.extend(self.requests.iter().filter(|r| !before.contains(r)).map(|r| (request(r), 1)));
    }

    /// What an hour comes to: for each kind of alert that asks, and for requests.
    fn read(&self, source: Name, asking: &Asking, now: Option<EventTime>, i: usize) -> (Vec<Window>, Option<Weight>) {
        let (hour, upto) = (self.hours[i].start, &self.hours[i].upto);
        let (before, sum_before) = self.upto(hour - JUST).map_or((0, 0), |upto| (upto.reports(), upto.sum()));
        let reports = upto.reports() - before;
        let mut said = Vec::new();
        let mut say = |kind, value| said.push(Window { kind, source, hour, value, reports });
        let asks = |kind| asking.kinds.contains(&kind);
        if asks(AlertKind::ReportRate) && now.is_some_and(|now| hour + Micros::HOUR <= now) {
            say(AlertKind::ReportRate, Value::Rate(reports));
        }
        let past = self.upto(hour - DAY);
        let current = upto.less(past);
        if asks(AlertKind::WorkingShare) {
            let of = |what: &str| {
                let place = self.types.iter().position(|name| name.as_str() == what);
                place.map_or(0, |place| current.of_type(place))
            };
            let whole = of("working") + of("idle") + of("absent");
            if whole > 0 {
                say(AlertKind::WorkingShare, Value::Share(of("working"), whole));
            }
        }
        let bound = asking.bound;
        let [types, confidences] = [AlertKind::TypeDrift, AlertKind::ConfidenceDrift].map(asks);
        if !types && !confidences && bound.is_none() {
            return (said, None);
        }
        let baseline = match asking.baseline {
            None => past.map(|past| past.less(self.upto(hour - DAY - MONTH))).unwrap_or_default(),
            Some(pinned) if hour >= pinned.until => {
                let mut baseline = self.sealed.clone();
                if let Some(upto) = self.upto(pinned.until - JUST) {
                    baseline.add(&upto.less(self.upto(pinned.from - JUST)));
                }
                baseline
            }
            Some(_) => Counts::default(),
        };
        let (there, before) = (current.reports(), baseline.reports());
        if there == 0 || before == 0 {
            return (said, None);
        }
        let drift = |now: &[u64], then: &[u64], psi| {
            let asked = |statistic| asking.statistics.contains(&statistic);
            let [kl, js] = [Statistic::Kl, Statistic::Js]
                .map(|statistic| if asked(statistic) { divergence_ppm(statistic, now, then) } else { 0 });
            Value::Drift { psi, kl, js, current: there, baseline: before }
        };
        let mut both = [0; 2];
        if types || bound.is_some() {
            let pairs = self.order.iter().map(|place| (current.of_type(*place), baseline.of_type(*place)));
            let (now, then): (Vec<u64>, Vec<u64>) = pairs.filter(|(now, then)| now + then > 0).unzip();
            both[0] = divergence_ppm(Statistic::Psi, &now, &then);
            if types {
                say(AlertKind::TypeDrift, drift(&now, &then, both[0]));
            }
        }
        if confidences || bound.is_some() {
            let (now, then) = (current.of_bins(), baseline.of_bins());
            both[1] = divergence_ppm(Statistic::Psi, &now, &then);
            if confidences {
                say(AlertKind::ConfidenceDrift, drift(&now, &then, both[1]));
            }
        }
        let weight = match bound {
            Some(bound) if there.min(before) >= u64::from(bound.min_samples) => {
                Some(Weight { types: both[0], confidences: both[1], reports, sum: upto.sum() - sum_before })
            }
            _ => None,
        };
        (said, weight)
    }
}
