//! `cargo bench --bench events`: events of workers, from JSON to rows; the claims of the README about them.
//!
//! The workload (seeded): events over seven days of 200 workers at 100 stations, 62/20/8/10 % working, idle, absent and
//! product_count, 3 % of them reported twice (a third of these with another body), 5 % up to two hours late, as lines
//! of JSON in order of arrival. `EVENTS` sets how many (default 1,000,000), `BATCH` which of the two sizes of batches
//! `correlate` takes (default both). A part runs alone with `--`:
//! `correlate`, `http`, `lake` (what readers wait for while the lake is written), `day` (a day of one camera, asked from
//! Python), and, only when they are asked for, `year` (memory over a year) and `sustained` (all that goes through, for ten
//! minutes on end).

#![allow(clippy::disallowed_methods, clippy::expect_used, reason = "it measures, and ends where it cannot")]

mod correlate;
mod http;
mod lake;
mod sustained;
mod year;

use gemba_schemas::time::EventTime;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

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

/// So many lines, over so many days.
fn workload(count: usize, start: EventTime, days: i64) -> Vec<String> {
    let mut random = Random(7);
    let span = days * 86_400_000_000;
    let mut lines: Vec<String> = Vec::with_capacity(count);
    let mut seconds = (0i64, String::new());
    for n in 0..count as i64 {
        if !lines.is_empty() && random.below(100) < 3 {
            let back = lines.len() - 1 - random.below(lines.len().min(500) as u64) as usize;
            let mut again = lines[back].clone();
            if random.below(3) == 0 {
                // Otherwise sure.
                let other = [("0.7", "0.9"), ("0.8", "0.7"), ("0.9", "0.8")].into_iter();
                let key = |value| format!("\"confidence\":{value}");
                let (from, to) = other.map(|(a, b)| (key(a), key(b))).find(|(a, _)| again.contains(a)).expect("one");
                again = again.replace(&from, &to);
            }
            lines.push(again);
            continue;
        }
        let late = if random.below(100) < 5 { random.below(7_200_000_000) as i64 } else { 0 };
        let ts = EventTime(start.0 + n * (span / count as i64) - late);
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

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmRSS")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0) * 1024
}

fn percentile(sorted: &[Duration], share: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3
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

fn main() {
    let count = std::env::var("EVENTS").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    let commit = Command::new("git").args(["rev-parse", "--short", "HEAD"]).output();
    let commit = commit.map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned()).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpus.lines().find_map(|l| l.strip_prefix("model name")?.split(": ").nth(1)).unwrap_or("unknown");
    println!("commit {commit}, {cores} cores of {cpu}");
    // Alone: what it measures is memory.
    if std::env::args().any(|a| a == "year") {
        return year::memory();
    }
    if std::env::args().any(|a| a == "sustained") {
        return sustained::ten_minutes();
    }
    println!("{count} events");
    // Eight days ago, so that they are within the horizon and not in the future.
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let ago = |days: i64| EventTime((since.as_secs() as i64 - days * 86_400) * 1_000_000);
    let start = ago(8);
    let lines = workload(count, start, 7);
    let wanted =
        |part: &str| !std::env::args().skip(1).any(|a| !a.starts_with('-')) || std::env::args().any(|a| a == part);
    if wanted("correlate") {
        correlate::alone(&lines, start);
        correlate::edit(ago(31));
    }
    if wanted("http") {
        http::all(&lines);
    }
    if wanted("lake") {
        lake::while_it_is_written(&lines);
    }
    if wanted("day") {
        lake::a_day_of_a_camera();
    }
}
