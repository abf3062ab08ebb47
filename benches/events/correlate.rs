//! Correlate alone: how fast it takes events in, and how soon it has the answer to more of them.

use super::{SITE, percentile, resident};
use differential_dataflow::input::InputSession;
use gemba::endpoint::quick;
use gemba_correlate::{correlate, of_events};
use gemba_schemas::fact::{ActivityState, Fact};
use gemba_schemas::id::{FactId, Name};
use gemba_schemas::rule::Rule;
use gemba_schemas::site::Site;
use gemba_schemas::time::{EventTime, Micros, Tick};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;
use std::time::{Duration, Instant};
use timely::dataflow::operators::Probe;
use timely::dataflow::operators::probe::Handle;

/// A correlate dataflow on this thread.
struct Bench {
    facts: InputSession<Tick, Fact, isize>,
    rules: InputSession<Tick, Rule, isize>,
    now: InputSession<Tick, EventTime, isize>,
    probe: Handle<Tick>,
    tick: Tick,
    received: i64,
    site: Vec<Rule>,
}

impl Bench {
    fn new(worker: &mut timely::worker::Worker, start: EventTime, five: bool) -> Self {
        let (mut facts, mut rules, mut now) = (InputSession::new(), InputSession::new(), InputSession::new());
        let probe = worker.dataflow::<Tick, _, _>(|scope| {
            let (facts, rules, now) =
                (facts.to_collection(scope), rules.to_collection(scope), now.to_collection(scope));
            let rows = if five { of_events(facts, rules) } else { correlate(facts, rules, now).rows };
            rows.inner.probe().0
        });
        let site = Site::parse(SITE, Path::new("site.toml")).expect("a site").rules();
        site.iter().for_each(|rule| rules.update(rule.clone(), 1));
        now.update(start, 1);
        let received = start.0 + 8 * 86_400_000_000;
        Self { facts, rules, now, probe, tick: 0, received, site }
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

    /// Parses and feeds a batch at a tick of its own.
    fn feed(&mut self, lines: &[String]) {
        let now = EventTime(self.received);
        for line in lines {
            let mut fact = quick::fact(line, now).expect("an event");
            self.received += 1;
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

/// All of it.
pub fn alone(lines: &[String], start: EventTime) {
    fold(lines);
    parse(lines);
    let load = lines.len() - 20_000.min(lines.len() / 10);
    let only: Option<usize> = std::env::var("BATCH").ok().and_then(|n| n.parse().ok());
    let all = [(false, 1_000), (false, 10_000), (true, 1_000), (true, 10_000)];
    for (five, batch) in all.into_iter().filter(|(_, batch)| only.is_none_or(|only| only == *batch)) {
        let (lines, first) = (lines.to_vec(), start);
        timely::execute_directly(move |worker| {
            let before = resident();
            let mut bench = Bench::new(worker, first, five);
            bench.close();
            let began = Instant::now();
            for chunk in lines[..load].chunks(batch) {
                bench.feed(chunk);
                bench.catch_up(worker, 4);
            }
            bench.catch_up(worker, 0);
            let took = began.elapsed();
            println!(
                "correlate, JSON and {}, one worker, batches of {batch}: {:.2} M events/s; {} bytes of memory an event",
                if five { "the five views of events" } else { "all views" },
                load as f64 / took.as_secs_f64() / 1e6,
                resident().saturating_sub(before) / load as u64,
            );
            if five {
                return;
            }
            for size in [0, 1, 100] {
                let mut times: Vec<Duration> = (0..100)
                    .map(|i| {
                        let chunk = &lines[load + i * size..load + (i + 1) * size];
                        let began = Instant::now();
                        bench.feed(chunk);
                        bench.catch_up(worker, 0);
                        began.elapsed()
                    })
                    .collect();
                times.sort();
                println!(
                    "  {size} more with {load} loaded: p50 {:.2} ms, p99 {:.2} ms",
                    percentile(&times, 0.5),
                    percentile(&times, 0.99)
                );
            }
            // Another event duration: every hour of every worker, station and of the floor changes.
            let began = Instant::now();
            let other = SITE.replace("[[worker]]", "[productivity]\nevent_duration = '60s'\n[[worker]]");
            let other = Site::parse(&other, Path::new("site.toml")).expect("a site").rules();
            bench.site.clone().into_iter().for_each(|rule| bench.rules.update(rule, -1));
            other.into_iter().for_each(|rule| bench.rules.update(rule, 1));
            bench.close();
            bench.catch_up(worker, 0);
            println!("  a rule edit that touches them all: {:.2} s", began.elapsed().as_secs_f64());
        });
    }
}
