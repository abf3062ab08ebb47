//! Correlate alone: how fast it takes events in, and how soon it has the answer to more of them.

use super::{SITE, percentile, resident};
use differential_dataflow::consolidation::consolidate;
use differential_dataflow::input::InputSession;
use gemba::endpoint::quick;
use gemba_correlate::{correlate, of_events};
use gemba_schemas::fact::{ActivityState, Fact};
use gemba_schemas::id::{FactId, Name};
use gemba_schemas::rule::Rule;
use gemba_schemas::site::Site;
use gemba_schemas::time::{EventTime, Micros, Tick};
use gemba_schemas::view::ViewRow;
use gemba_sinks::Live;
use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Probe;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::probe::Handle;

/// What alerts can look at in events, all of it, and requests for retraining where reports drift.
const WATCHED: &str = "
[drift]
max_psi = 0.2
[[alert]]
kind = 'station_utilisation'
[[alert]]
kind = 'floor_utilisation'
[[alert]]
kind = 'confidence'
[[alert]]
kind = 'type_drift'
[[alert]]
kind = 'confidence_drift'
[[alert]]
kind = 'working_share'
[[alert]]
kind = 'report_rate'
";

/// Which views.
#[derive(Clone, Copy, PartialEq)]
enum Plan {
    /// All, and the alerts that a site has without asking for any.
    All,
    /// All, and every alert that looks at events.
    Watched,
    /// Those of events alone.
    Five,
}

impl Plan {
    fn says(self) -> &'static str {
        match self {
            Self::All => "all views, with the alerts that a site has by itself",
            Self::Watched => "all views, and every alert that looks at events",
            Self::Five => "the five views of events",
        }
    }
}

/// A correlate dataflow on this thread, and the snapshot of what it says.
struct Bench {
    facts: InputSession<Tick, Fact, isize>,
    rules: InputSession<Tick, Rule, isize>,
    now: InputSession<Tick, EventTime, isize>,
    probe: Handle<Tick>,
    tick: Tick,
    received: i64,
    site: String,
    rows: Rc<RefCell<Vec<(ViewRow, isize)>>>,
    live: Live,
}

fn rules(site: &str) -> Vec<Rule> {
    Site::parse(site, Path::new("site.toml")).expect("a site").rules()
}

impl Bench {
    fn new(worker: &mut timely::worker::Worker, start: EventTime, plan: Plan) -> Self {
        let (mut facts, mut rules, mut now) = (InputSession::new(), InputSession::new(), InputSession::new());
        let said: Rc<RefCell<Vec<_>>> = Rc::default();
        let into = said.clone();
        let probe = worker.dataflow::<Tick, _, _>(|scope| {
            let (facts, rules, now) =
                (facts.to_collection(scope), rules.to_collection(scope), now.to_collection(scope));
            let rows = if plan == Plan::Five { of_events(facts, rules) } else { correlate(facts, rules, now).rows };
            let kept = rows.inner.unary::<CapacityContainerBuilder<Vec<()>>, _, _, _>(Pipeline, "Keep rows", |_, _| {
                move |input, _| {
                    input.for_each(|_, rows| into.borrow_mut().extend(rows.drain(..).map(|(row, _, n)| (row, n))));
                }
            });
            kept.probe().0
        });
        let site = if plan == Plan::Watched { format!("{SITE}{WATCHED}") } else { SITE.to_owned() };
        self::rules(&site).into_iter().for_each(|rule| rules.update(rule, 1));
        now.update(start, 1);
        Self { facts, rules, now, probe, tick: 0, received: start.0, site, rows: said, live: Live::default() }
    }

    fn close(&mut self) {
        self.tick += 1;
        self.facts.advance_to(self.tick);
        self.rules.advance_to(self.tick);
        self.now.advance_to(self.tick);
        self.facts.flush();
        self.rules.flush();
        self.now.flush();
    }

    /// Parses and feeds a batch at a tick of its own. Events are accepted when they happen, and late ones with them.
    fn feed(&mut self, lines: &[String]) {
        for line in lines {
            let mut fact = quick::fact(line, EventTime(i64::MAX / 2)).expect("an event");
            self.received = self.received.max(fact.bucket().0) + 1;
            fact.receive(EventTime(self.received));
            self.facts.update(fact, 1);
        }
        self.close();
    }

    /// Works until at most `behind` ticks are open.
    fn catch_up(&mut self, worker: &mut timely::worker::Worker, behind: Tick) {
        while self.probe.less_than(&self.tick.saturating_sub(behind)) {
            worker.step();
        }
    }
}

/// What nothing can be faster than that has the same answer: the events in one map and sums in others, batch by batch,
/// on one thread, without views, rows or a way back.
fn fold(lines: &[String]) {
    let began = Instant::now();
    let now = EventTime(i64::MAX / 2);
    let mut events: HashMap<FactId, Fact> = HashMap::new();
    let mut hours: HashMap<(Name, EventTime), [i64; 5]> = HashMap::new();
    let mut models: HashMap<(Name, Name, Name, EventTime), [u64; 3]> = HashMap::new();
    for line in lines {
        let fact = quick::fact(line, now).expect("an event");
        let Entry::Vacant(slot) = events.entry(fact.id()) else { continue };
        let hour = fact.bucket().floor(Micros::HOUR);
        let (worker, station, model, version, score, place, n) = match slot.insert(fact) {
            Fact::Activity(f) => {
                let place = match f.state {
                    ActivityState::Working => 0,
                    ActivityState::Idle => 1,
                    ActivityState::Absent => 2,
                };
                (f.worker, f.station, f.model, f.model_version, f.confidence, place, 300_000_000)
            }
            Fact::Production(f) => (f.worker, f.station, f.model, f.model_version, f.confidence, 3, i64::from(f.count)),
            _ => continue,
        };
        for name in [worker, station, Name::default()] {
            let sums = hours.entry((name, hour)).or_default();
            sums[place] += n;
            sums[4] += 1;
        }
        let sums = models.entry((station, model, version, hour)).or_default();
        let score = u64::from(score.0);
        sums.iter_mut().zip([1, score, score * score]).for_each(|(sum, n)| *sum += n);
    }
    println!(
        "for comparison, the same sums in maps, JSON and first arrivals included: {:.2} M events/s ({} sums)",
        lines.len() as f64 / began.elapsed().as_secs_f64() / 1e6,
        hours.len() + models.len()
    );
}

/// What reading the lines costs, of that.
fn parse(lines: &[String]) {
    let began = Instant::now();
    let now = EventTime(i64::MAX / 2);
    let read = lines.iter().filter(|line| quick::fact(line, now).is_ok()).count();
    println!("of which JSON alone: {:.2} M events/s", read as f64 / began.elapsed().as_secs_f64() / 1e6);
}

impl Bench {
    /// Shows what was said since.
    fn show(&mut self) {
        let mut changes = std::mem::take(&mut *self.rows.borrow_mut());
        consolidate(&mut changes);
        let changes: Vec<_> = changes.into_iter().map(|(row, n)| (row, n as i64)).collect();
        self.live.advance(self.tick, &changes);
    }

    /// Takes lines in, batch by batch, with a few batches under way; how long that takes, without the snapshot.
    fn load(&mut self, worker: &mut timely::worker::Worker, lines: &[String], batch: usize) -> Duration {
        self.close();
        let mut took = Duration::ZERO;
        for chunk in lines.chunks(batch) {
            let began = Instant::now();
            self.feed(chunk);
            self.catch_up(worker, 4);
            took += began.elapsed();
            self.show();
        }
        let began = Instant::now();
        self.catch_up(worker, 0);
        took += began.elapsed();
        self.show();
        took
    }

    /// How soon more of it is in the snapshot.
    fn more(&mut self, worker: &mut timely::worker::Worker, lines: &[String], size: usize) {
        const TIMES: usize = 150;
        let mut times: Vec<Duration> = (0..TIMES)
            .map(|i| {
                let began = Instant::now();
                self.feed(&lines[i * size..(i + 1) * size]);
                self.catch_up(worker, 0);
                self.show();
                began.elapsed()
            })
            .collect();
        times.sort();
        println!(
            "  {size} more, until they are in the snapshot: p50 {:.2} ms, p99 {:.2} ms",
            percentile(&times, 0.5),
            percentile(&times, 0.99)
        );
    }

    /// Another event duration: every hour of every worker, of every station and of the floor changes.
    fn edit(&mut self, worker: &mut timely::worker::Worker) -> Duration {
        let began = Instant::now();
        let other = self.site.replace("[[worker]]", "[productivity]\nevent_duration = '60s'\n[[worker]]");
        rules(&self.site).into_iter().for_each(|rule| self.rules.update(rule, -1));
        rules(&other).into_iter().for_each(|rule| self.rules.update(rule, 1));
        self.close();
        self.catch_up(worker, 0);
        self.show();
        began.elapsed()
    }
}

/// All of it.
pub fn alone(lines: &[String], start: EventTime) {
    fold(lines);
    parse(lines);
    let load = lines.len() - 20_000.min(lines.len() / 10);
    let only: Option<usize> = std::env::var("BATCH").ok().and_then(|n| n.parse().ok());
    for plan in [Plan::All, Plan::Watched, Plan::Five] {
        for batch in [1_000, 10_000].into_iter().filter(|batch| only.is_none_or(|only| only == *batch)) {
            let lines = lines.to_vec();
            timely::execute_directly(move |worker| {
                let before = resident();
                let mut bench = Bench::new(worker, start, plan);
                let took = bench.load(worker, &lines[..load], batch);
                let views = plan.says();
                println!(
                    "correlate, JSON and {views}, one worker, batches of {batch}: {:.2} M events/s; {} bytes of memory an event, snapshot included",
                    load as f64 / took.as_secs_f64() / 1e6,
                    resident().saturating_sub(before) / load as u64,
                );
                if plan != Plan::Five {
                    [0, 1, 100].into_iter().for_each(|size| bench.more(worker, &lines[load..], size));
                }
            });
        }
    }
}

/// A rule edit that changes every employee's last month.
pub fn edit(start: EventTime) {
    const EVENTS: usize = 1_000_000;
    let lines = super::workload(EVENTS, start, 30);
    for plan in [Plan::All, Plan::Watched] {
        let lines = lines.clone();
        timely::execute_directly(move |worker| {
            let mut bench = Bench::new(worker, start, plan);
            bench.load(worker, &lines, 10_000);
            let (took, views) = (bench.edit(worker), plan.says());
            println!(
                "a rule edit that touches every hour of {EVENTS} events of 30 days, {views}, until it is in the snapshot: {:.2} s",
                took.as_secs_f64()
            );
        });
    }
}
