//! The power goes: at every named place, at system calls, at random; while it starts again, too. What was acknowledged is
//! there, once; what was not may be sent again; and in the end the rows are those of a run that nothing happened to.
//!
//! A client that gets no answer sends the same again until it has one, as real clients do. Every scenario is a list of
//! such requests, and the proof is one comparison: the digest of all rows against that of an uninterrupted run.

use crate::analyst::{Analysts, has_duckdb};
use crate::command::{Running, interrupt, soon, sql, start_with, write};
use crate::endpoint::try_send;
use gemba_schemas::time::EventTime;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const SITE: &str = r#"
[site]
name = "Hall 2"
time_zone = "Asia/Kolkata"

[data]
freshness = "100ms"

[[worker]]
name = "W1"
"#;

/// SplitMix64 (Steele, Lea, Flood 2014).
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

/// What a client asks; asking twice is as good as once.
#[derive(Clone, Debug)]
pub enum Step {
    /// A request: method, path, body.
    Ask(&'static str, String, String),
    /// The site's file gets this text, and is read again.
    Rules(String),
}

/// Days ago, at midnight UTC, so that all scenarios of a run have the same horizon.
fn days_ago(days: i64) -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    (now.as_secs() as i64).div_euclid(86_400) * 86_400 - days * 86_400
}

/// Random requests: batches with duplicates and late events, single events, marks, deletions, edits of the rules.
pub fn steps(dice: &mut Dice, count: usize) -> Vec<Step> {
    let begin = days_ago(3);
    let instant = |seconds: i64| EventTime((begin + seconds) * 1_000_000).rfc3339();
    let mut known: Vec<String> = Vec::new();
    (0..count)
        .map(|n| {
            let mut event = |dice: &mut Dice| {
                if !known.is_empty() && dice.below(5) == 0 {
                    return known[dice.below(known.len() as u64) as usize].clone();
                }
                let kind = ["working", "idle", "absent", "product_count"][dice.below(4) as usize];
                // None lies beyond the horizon: a row of `late_facts` says when it arrived, which no two runs share.
                let late = if dice.below(20) == 0 { 20 * 86_400 } else { 0 };
                let text = format!(
                    r#"{{"timestamp":"{}","worker_id":"W{}","workstation_id":"S{}","event_type":"{kind}","confidence":0.{},"count":{}}}"#,
                    instant(n as i64 * 600 + dice.below(7_200) as i64 - late),
                    dice.below(6),
                    dice.below(3),
                    70 + dice.below(30),
                    if kind == "product_count" { dice.below(5) } else { 0 },
                );
                known.push(text.clone());
                text
            };
            match dice.below(12) {
                0 => Step::Rules(SITE.replace(
                    "[[worker]]",
                    &format!("[productivity]\nevent_duration = \"{}s\"\n\n[[worker]]", 60 + dice.below(5) * 60),
                )),
                1 => {
                    let from = n as i64 * 600 - dice.below(20_000) as i64;
                    let (from, to) = (instant(from), instant(from + 1 + dice.below(2_000) as i64));
                    let worker = format!("W{}", dice.below(6));
                    Step::Ask("DELETE", format!("/api/v1/events?from={from}&to={to}&worker_id={worker}"), String::new())
                }
                2 => Step::Ask("POST", "/api/v1/events".into(), event(dice)),
                3 => Step::Ask(
                    "POST",
                    format!("/api/v1/attendance/check-{}", ["in", "out"][dice.below(2) as usize]),
                    format!(r#"{{"timestamp":"{}","employee_id":"E1"}}"#, instant(n as i64 * 600)),
                ),
                _ => {
                    let events: Vec<_> = (0..1 + dice.below(40)).map(|_| event(dice)).collect();
                    Step::Ask("POST", "/api/v1/events/batch".into(), format!("{{\"events\":[{}]}}", events.join(",")))
                }
            }
        })
        .collect()
}

/// A server that may end at any moment.
pub struct Server<'a> {
    at: &'a Path,
    running: Option<(Running, String)>,
    /// How it is started next: a command in front of it, and where it is to crash.
    pub next: (Vec<String>, Option<String>),
    /// How often it was started.
    pub starts: usize,
}

impl<'a> Server<'a> {
    pub fn new(at: &'a Path) -> Self {
        write(at, "site.toml", SITE);
        Self { at, running: None, next: (Vec::new(), None), starts: 0 }
    }

    /// The address, once it serves; none if it ended before.
    fn up(&mut self) -> Option<String> {
        if let Some((running, address)) = &mut self.running
            && running.runs()
        {
            return Some(address.clone());
        }
        self.running = None;
        self.starts += 1;
        assert!(self.starts < 400, "it does not stay up");
        let (before, crash) = std::mem::take(&mut self.next);
        let crash = crash.map(|at| ("GEMBA_CRASH_AT", at));
        let arguments = ["serve", "data", "--site", "site.toml", "--listen", "127.0.0.1:0"];
        let mut running = start_with(self.at, &before, &arguments, crash.as_slice());
        let address = running.maybe_line("serving http://")?;
        let address = address.split("http://").nth(1)?.trim_end_matches('/').to_owned();
        self.running = Some((running, address.clone()));
        Some(address)
    }

    /// Asks until it is answered.
    pub fn ask(&mut self, step: &Step) {
        let began = Instant::now();
        loop {
            assert!(began.elapsed() < Duration::from_secs(90), "no answer to {step:?}");
            let Some(address) = self.up() else { continue };
            let answer = match step {
                Step::Ask(method, path, body) => try_send(&address, method, path, body),
                Step::Rules(text) => {
                    write(self.at, "site.toml", text);
                    try_send(&address, "POST", "/api/v1/reload", "")
                }
            };
            match answer.map(|a| (a.status, a)) {
                Some((200..300, _)) => return,
                // It is starting or ending, or has no space: later again.
                None | Some((503 | 507, _)) => std::thread::sleep(Duration::from_millis(5)),
                Some((status, answer)) => panic!("{status} to {step:?}: {}", answer.text()),
            }
        }
    }

    /// Whether it has ended by itself.
    fn has_ended(&mut self) -> bool {
        self.running.as_mut().is_none_or(|(running, _)| !running.runs())
    }

    /// Ends it without warning.
    pub fn kill(&mut self) {
        if let Some((running, _)) = self.running.take() {
            running.signal("KILL");
            running.wait();
        }
    }

    /// Ends it in order, however often that takes, and gives the digest of all rows.
    pub fn digest(mut self) -> String {
        for _ in 0..50 {
            if self.up().is_none() {
                continue;
            }
            let Some((running, _)) = self.running.take() else { continue };
            let ended = interrupt(running);
            assert!(!ended.err.contains("panicked"), "{}", ended.err);
            if ended.code == Some(0) {
                let text = std::fs::read_to_string(self.at.join("data/lake/manifest.json")).expect("a manifest");
                let manifest: serde_json::Value = serde_json::from_str(&text).expect("JSON");
                return manifest["epoch"]["digest"].as_str().expect("a digest").to_owned();
            }
        }
        panic!("it never ended in order");
    }
}

/// The digest of a run that nothing happens to.
fn undisturbed(steps: &[Step]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Server::new(folder.path());
    steps.iter().for_each(|step| server.ask(step));
    assert_eq!(server.starts, 1);
    server.digest()
}

#[test]
fn a_crash_at_every_place_loses_and_doubles_nothing() {
    let steps = steps(&mut Dice(3), 12);
    let expected = undisturbed(&steps);
    for (i, point) in gemba_sinks::CRASH_POINTS.iter().enumerate() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut server = Server::new(folder.path());
        // The first or a later visit; and once more while it recovers.
        server.next.1 = Some(format!("{point}:{}", 1 + i % 3));
        for (n, step) in steps.iter().enumerate() {
            server.ask(step);
            if n == 6 {
                server.kill();
                server.next.1 = Some(format!("{point}:1"));
            }
            // So that there is something to publish more than once.
            std::thread::sleep(Duration::from_millis(40));
        }
        // Nobody waits for a publication: it may come to the place after the last answer.
        soon(&format!("nothing ended at {point}"), || server.starts >= 3 || server.has_ended());
        assert_eq!(server.digest(), expected, "{point}");
    }
}

/// Kills at the n-th system call of a kind. `GEMBA_KILL_CALLS` says how many of each are tried; above 20 the first so many.
#[test]
fn a_kill_at_a_system_call_loses_and_doubles_nothing() {
    if std::process::Command::new("strace").arg("--version").output().is_err() {
        println!("skipped: strace is not installed");
        return;
    }
    let steps = steps(&mut Dice(4), 8);
    let expected = undisturbed(&steps);
    let every: u64 = std::env::var("GEMBA_KILL_CALLS").ok().and_then(|n| n.parse().ok()).unwrap_or(3);
    let mut dice = Dice(days_ago(0) as u64);
    for call in ["fdatasync", "fsync", "rename", "unlink", "pwrite64", "write"] {
        for n in 0..every {
            let folder = tempfile::tempdir().expect("a folder");
            let mut server = Server::new(folder.path());
            let nth = if every > 20 { n + 1 } else { 1 + dice.below(if call == "write" { 60 } else { 12 }) };
            let inject = format!("inject={call}:signal=KILL:when={nth}");
            // With -D the server is the child itself, and signals reach it.
            let strace =
                ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &inject];
            server.next.0 = strace.map(str::to_owned).to_vec();
            for step in &steps {
                server.ask(step);
                std::thread::sleep(Duration::from_millis(30));
            }
            assert_eq!(server.digest(), expected, "{call} {nth}");
        }
    }
}

/// An analyst who asks the catalog all the while: each answer is of one whole epoch, in which workers, stations and facts
/// come to the same number of events.
struct Reader(Arc<AtomicBool>, JoinHandle<usize>);

impl Reader {
    fn start(at: &Path) -> Self {
        let (at, stop) = (at.to_owned(), Arc::new(AtomicBool::new(false)));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut answers = 0;
            while !stopped.load(Relaxed) {
                if at.join("data/lake/catalog.duckdb").exists() {
                    let row = &sql(
                        &at.join("data"),
                        "SELECT (SELECT coalesce(sum(events), 0) FROM worker_hours)::BIGINT AS workers,
                                (SELECT coalesce(sum(events), 0) FROM station_hours)::BIGINT AS stations,
                                (SELECT count(*) FROM activity) + (SELECT count(*) FROM production) AS facts",
                    )[0];
                    assert!(row["workers"] == row["stations"] && row["workers"] == row["facts"], "{row}");
                    answers += 1;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            answers
        });
        Self(stop, thread)
    }

    /// How many answers it had.
    fn stop(self) -> usize {
        self.0.store(true, Relaxed);
        self.1.join().expect("every answer is of a whole epoch")
    }
}

/// Random requests, crashes and kills for a minute, or for as long as `GEMBA_TORTURE_SECONDS` says.
#[test]
fn torture() {
    let number = |name: &str| std::env::var(name).ok().and_then(|n| n.parse::<u64>().ok());
    let (seconds, mut seed) =
        (number("GEMBA_TORTURE_SECONDS").unwrap_or(45), number("GEMBA_TORTURE_SEED").unwrap_or(1));
    let began = Instant::now();
    let mut rounds = BTreeMap::new();
    let python = has_duckdb();
    while began.elapsed() < Duration::from_secs(seconds) {
        println!("torture: GEMBA_TORTURE_SEED={seed}");
        let mut dice = Dice(seed);
        let count = 20 + dice.below(40) as usize;
        let steps = steps(&mut dice, count);
        let folder = tempfile::tempdir().expect("a folder");
        let mut server = Server::new(folder.path());
        let reader = Reader::start(folder.path());
        let analysts = python.then(|| Analysts::start(folder.path()));
        for step in &steps {
            match dice.below(10) {
                0 => server.kill(),
                1..4 => {
                    let points = gemba_sinks::CRASH_POINTS;
                    let point = points[dice.below(points.len() as u64) as usize];
                    server.next.1 = Some(format!("{point}:{}", 1 + dice.below(8)));
                    if dice.below(2) == 0 {
                        server.kill();
                    }
                }
                _ => {}
            }
            server.ask(step);
            std::thread::sleep(Duration::from_millis(dice.below(60)));
        }
        rounds.insert(seed, (server.starts, reader.stop(), analysts.map_or_else(Vec::new, Analysts::stop)));
        assert_eq!(server.digest(), undisturbed(&steps), "GEMBA_TORTURE_SEED={seed}");
        seed += 1;
    }
    println!(
        "torture: of each seed, how often the server was started, how often a reader asked, and of each analyst with \
         Python the answers and their epochs: {rounds:?}"
    );
}
