//! `cargo bench --bench events`: events of workers, from JSON to rows; the claims of the README about them.
//!
//! The workload (seeded): events over seven days of 200 workers at 100 stations, 62/20/8/10 % working, idle, absent and
//! product_count, 3 % of them reported twice (a third of these with another body), 5 % up to two hours late, as lines
//! of JSON in order of arrival. `EVENTS` sets how many (default 1,000,000). A part runs alone with `--`:
//! `correlate`, `http`, `lake` (what readers wait for while the lake is written), `day` (a day of one camera, asked from
//! Python), and `year` (memory over a year), which runs only when it is asked for.

#![allow(clippy::disallowed_methods, clippy::expect_used, reason = "it measures, and ends where it cannot")]

mod lake;
mod year;

use differential_dataflow::input::InputSession;
use gemba::endpoint::body::Report;
use gemba::endpoint::quick;
use gemba_correlate::correlate;
use gemba_schemas::fact::Fact;
use gemba_schemas::rule::Rule;
use gemba_schemas::site::Site;
use gemba_schemas::time::{EventTime, Tick};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};
use timely::dataflow::operators::Probe;
use timely::dataflow::operators::probe::Handle;

const SITE: &str = "[site]\nname = 'bench'\ntime_zone = 'Asia/Kolkata'\n[[worker]]\nname = 'W1'\n";

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

fn workload(count: usize, start: EventTime) -> Vec<String> {
    let mut random = Random(7);
    let week = 7 * 86_400_000_000i64;
    let mut lines: Vec<String> = Vec::with_capacity(count);
    let mut seconds = (0i64, String::new());
    for n in 0..count as i64 {
        if !lines.is_empty() && random.below(100) < 3 {
            let back = lines.len() - 1 - random.below(lines.len().min(500) as u64) as usize;
            let mut again = lines[back].clone();
            if random.below(3) == 0 {
                again = again.replace("\"confidence\":0.9", "\"confidence\":0.8");
            }
            lines.push(again);
            continue;
        }
        let late = if random.below(100) < 5 { random.below(7_200_000_000) as i64 } else { 0 };
        let ts = EventTime(start.0 + n * (week / count as i64) - late);
        if seconds.0 != ts.seconds() {
            seconds = (ts.seconds(), EventTime(ts.seconds() * 1_000_000).rfc3339()[..19].to_owned());
        }
        let (kind, units) = match random.below(100) {
            0..62 => ("working", 0),
            62..82 => ("idle", 0),
            82..90 => ("absent", 0),
            _ => ("product_count", random.below(9)),
        };
        lines.push(format!(
            "{{\"timestamp\":\"{}.{:03}Z\",\"worker_id\":\"W{}\",\"workstation_id\":\"S{}\",\"event_type\":\"{kind}\",\
             \"confidence\":0.{:02},\"count\":{units},\"model_id\":\"activity\",\"model_version\":\"2.1.0\"}}",
            seconds.1,
            ts.0.rem_euclid(1_000_000) / 1_000,
            random.below(200),
            random.below(100),
            75 + random.below(25),
        ));
    }
    lines
}

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
    fn new(worker: &mut timely::worker::Worker, start: EventTime) -> Self {
        let (mut facts, mut rules, mut now) = (InputSession::new(), InputSession::new(), InputSession::new());
        let probe = worker.dataflow::<Tick, _, _>(|scope| {
            let out = correlate(facts.to_collection(scope), rules.to_collection(scope), now.to_collection(scope));
            out.rows.inner.probe().0
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
            let body = quick::event(line.as_bytes()).expect("an event");
            let mut fact = body.fact(now).expect("an event");
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

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmRSS")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// CPU time of a process, s.
fn cpu(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<i64> = stat.rsplit(')').next().unwrap_or("").split(' ').filter_map(|n| n.parse().ok()).collect();
    // utime and stime, the 14th and 15th of all; state and ppid come first after the name. A hundredth of a second each.
    fields.get(10..12).map_or(0.0, |times| times.iter().sum::<i64>() as f64 / 100.0)
}

fn percentile(sorted: &[Duration], share: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3
}

fn correlate_alone(lines: &[String], start: EventTime) {
    let load = lines.len() - 20_000.min(lines.len() / 10);
    for batch in [1_000, 10_000] {
        let (lines, first) = (lines.to_vec(), start);
        timely::execute_directly(move |worker| {
            let before = resident();
            let mut bench = Bench::new(worker, first);
            bench.close();
            let began = Instant::now();
            for chunk in lines[..load].chunks(batch) {
                bench.feed(chunk);
                bench.catch_up(worker, 4);
            }
            bench.catch_up(worker, 0);
            let took = began.elapsed();
            println!(
                "correlate, JSON and all views, one worker, batches of {batch}: {:.2} M events/s; {} bytes of memory an event",
                load as f64 / took.as_secs_f64() / 1e6,
                resident().saturating_sub(before) / load as u64,
            );
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

/// A server: its process, its address, and the lines that it logs with the instants at which they came.
struct Server(Child, String, Receiver<(Instant, String)>);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serve(at: &Path) -> Server {
    serve_with(at, SITE, "warn")
}

fn serve_with(at: &Path, site: &str, log: &str) -> Server {
    std::fs::write(at.join("site.toml"), site).expect("a folder");
    let mut child = Command::new(env!("CARGO_BIN_EXE_gemba"))
        .args(["serve", "data", "--site", "site.toml", "--listen", "127.0.0.1:0"])
        .env("RUST_LOG", log)
        .current_dir(at)
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary");
    let mut said = BufReader::new(child.stderr.take().expect("piped")).lines();
    let line =
        said.by_ref().map_while(Result::ok).find(|line| line.starts_with("serving http://")).expect("its address");
    let address = line.trim_start_matches("serving http://").trim_end_matches('/').to_owned();
    let (log, logged) = std::sync::mpsc::channel();
    let hear = move || said.map_while(Result::ok).for_each(|line| drop(log.send((Instant::now(), line))));
    std::thread::Builder::new().name("stderr".into()).spawn(hear).expect("a thread");
    let server = Server(child, address, logged);
    while !ask(&mut TcpStream::connect(&server.1).expect("a connection"), "GET /readyz", b"").starts_with(b"ready") {
        std::thread::sleep(Duration::from_millis(5));
    }
    server
}

/// One request on an open connection; the body of the answer.
fn ask(stream: &mut TcpStream, head: &str, body: &[u8]) -> Vec<u8> {
    // In one piece: a small second one would wait for the first one's acknowledgement.
    let mut request = format!("{head} HTTP/1.1\r\nHost: bench\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
    request.extend_from_slice(body);
    stream.write_all(&request).expect("sent");
    let mut answer = Vec::new();
    let mut buffer = [0; 65_536];
    loop {
        let n = stream.read(&mut buffer).expect("an answer");
        assert!(n > 0, "the connection broke off");
        answer.extend_from_slice(&buffer[..n]);
        let Some(end) = answer.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
        let length = head.lines().find_map(|l| l.strip_prefix("content-length: ")?.parse::<usize>().ok());
        if length.is_some_and(|length| answer.len() >= end + 4 + length) {
            return answer.split_off(end + 4);
        }
    }
}

/// Bytes of the files below a folder.
fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|e| if e.path().is_dir() { size(&e.path()) } else { e.metadata().map_or(0, |m| m.len()) }).sum()
}

/// Many clients at once, each with one event after the other.
fn many_clients(address: &str, lines: &[String], clients: usize) {
    let began = Instant::now();
    let threads: Vec<_> = lines
        .chunks(lines.len().div_ceil(clients))
        .map(|own| {
            let (own, address) = (own.to_vec(), address.to_owned());
            let work = move || {
                let mut stream = TcpStream::connect(&address).expect("a connection");
                let one = |line: &String| {
                    let began = Instant::now();
                    ask(&mut stream, "POST /api/v1/events", line.as_bytes());
                    began.elapsed()
                };
                own.iter().map(one).collect::<Vec<_>>()
            };
            std::thread::Builder::new().name("client".into()).spawn(work).expect("a thread")
        })
        .collect();
    let mut times: Vec<Duration> = threads.into_iter().flat_map(|t| t.join().expect("a client")).collect();
    let rate = times.len() as f64 / began.elapsed().as_secs_f64();
    times.sort();
    println!(
        "{clients} clients, one POST at a time each: {rate:.0} a second; p50 {:.1} ms, p99 {:.1} ms",
        percentile(&times, 0.5),
        percentile(&times, 0.99)
    );
}

fn over_http(lines: &[String]) {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let (lines, of_many) = lines.split_at(lines.len() - lines.len() / 20);
    let server = serve(folder.path());
    let connect = || TcpStream::connect(&server.1).expect("a connection");
    let (most, rest) = lines.split_at(lines.len() - 2_000);
    let body = most.join("\n") + "\n";
    let (began, busy) = (Instant::now(), cpu(server.0.id()));
    let answer = ask(&mut connect(), "POST /api/v1/events/stream", body.as_bytes());
    println!(
        "durable over HTTP, lines of JSON through journal, correlate, snapshot and store: {:.0} k events/s, {:.1} us of CPU each: {}",
        most.len() as f64 / began.elapsed().as_secs_f64() / 1e3,
        (cpu(server.0.id()) - busy) * 1e6 / most.len() as f64,
        String::from_utf8_lossy(&answer),
    );
    println!("journal: {:.0} bytes an event", size(&data.join("journal")) as f64 / most.len() as f64);
    let mut stream = connect();
    let mut times: Vec<Duration> = rest
        .iter()
        .take(1_000)
        .map(|line| {
            let began = Instant::now();
            ask(&mut stream, "POST /api/v1/events", line.as_bytes());
            began.elapsed()
        })
        .collect();
    times.sort();
    println!("one POST at a time: p50 {:.1} ms, p99 {:.1} ms", percentile(&times, 0.5), percentile(&times, 0.99));
    let mut times: Vec<Duration> = (0..300)
        .map(|i| {
            let began = Instant::now();
            ask(
                &mut stream,
                [
                    "GET /api/v1/productivity/workers",
                    "GET /api/v1/productivity/stations",
                    "GET /api/v1/productivity/floor",
                ][i % 3],
                b"",
            );
            began.elapsed()
        })
        .collect();
    times.sort();
    println!(
        "the dashboard's sums of all time: p50 {:.1} ms, p99 {:.1} ms",
        percentile(&times, 0.5),
        percentile(&times, 0.99)
    );
    many_clients(&server.1, of_many, 64);
    // As a power cut ends it; the second start finds everything in the lake.
    drop(server);
    for from in ["the journal or lake", "the lake"] {
        let began = Instant::now();
        let _server = serve(folder.path());
        println!("ready again from {from}: {:.1} s", began.elapsed().as_secs_f64());
        // A publication is due at the latest then.
        std::thread::sleep(Duration::from_secs(32));
    }
    lake::bytes_an_event(&data.join("lake"));
}

fn main() {
    let count = std::env::var("EVENTS").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    let commit = Command::new("git").args(["rev-parse", "--short", "HEAD"]).output();
    let commit = commit.map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned()).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    println!("commit {commit}, {cores} cores");
    // Alone: what it measures is memory.
    if std::env::args().any(|a| a == "year") {
        return year::memory();
    }
    println!("{count} events");
    // Eight days ago, so that they are within the horizon and not in the future.
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let start = EventTime((since.as_secs() as i64 - 8 * 86_400) * 1_000_000);
    let lines = workload(count, start);
    let wanted =
        |part: &str| !std::env::args().skip(1).any(|a| !a.starts_with('-')) || std::env::args().any(|a| a == part);
    if wanted("correlate") {
        correlate_alone(&lines, start);
    }
    if wanted("http") {
        over_http(&lines);
    }
    if wanted("lake") {
        lake::while_it_is_written(&lines);
    }
    if wanted("day") {
        lake::a_day_of_a_camera();
    }
}
