//! Over HTTP, with a server of its own: how fast events are taken in and kept, how long a client waits for an answer, and
//! how long a dashboard does while events arrive.

use super::{ask, lake, percentile, serve, size};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// CPU time of a process, s.
fn cpu(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<i64> = stat.rsplit(')').next().unwrap_or("").split(' ').filter_map(|n| n.parse().ok()).collect();
    // utime and stime, the 14th and 15th of all; state and ppid come first after the name. A hundredth of a second each.
    fields.get(10..12).map_or(0.0, |times| times.iter().sum::<i64>() as f64 / 100.0)
}

/// How fast events arrive while dashboards ask.
const EVENTS_A_SECOND: usize = 10_000;
/// How often dashboards ask.
const QUESTIONS_A_SECOND: usize = 500;
/// For how long.
const SECONDS: usize = 10;

/// Dashboards that ask for sums of all time and of a day, as many a second whether answers come or not, while events arrive.
fn dashboards(address: &str, lines: &[String]) {
    const CLIENTS: usize = 8;
    let arriving = {
        let (lines, address) = (lines.to_vec(), address.to_owned());
        let work = move || {
            let mut stream = TcpStream::connect(&address).expect("a connection");
            let began = Instant::now();
            for (n, piece) in lines.chunks(EVENTS_A_SECOND / 50).enumerate() {
                std::thread::sleep((Duration::from_millis(20) * n as u32).saturating_sub(began.elapsed()));
                ask(&mut stream, "POST /api/v1/events/stream", (piece.join("\n") + "\n").as_bytes());
            }
            lines.len() as f64 / began.elapsed().as_secs_f64()
        };
        std::thread::Builder::new().name("arriving".into()).spawn(work).expect("a thread")
    };
    let since = gemba_schemas::time::EventTime(
        (std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs() as i64
            - 2 * 86_400)
            * 1_000_000,
    );
    let asking: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let (address, since) = (address.to_owned(), since.rfc3339());
            let work = move || {
                let mut stream = TcpStream::connect(&address).expect("a connection");
                let pause = Duration::from_secs(CLIENTS as u64) / QUESTIONS_A_SECOND as u32;
                let began = Instant::now() + pause * client as u32 / CLIENTS as u32;
                let question = |n: usize| {
                    // Late answers make the next question late, and that counts.
                    let due = began + pause * n as u32;
                    std::thread::sleep(due.saturating_duration_since(Instant::now()));
                    let of = ["workers", "stations", "floor"][n % 3];
                    let range = if n.is_multiple_of(2) { String::new() } else { format!("?from={since}") };
                    ask(&mut stream, &format!("GET /api/v1/productivity/{of}{range}"), b"");
                    due.elapsed()
                };
                (0..SECONDS * QUESTIONS_A_SECOND / CLIENTS).map(question).collect::<Vec<_>>()
            };
            std::thread::Builder::new().name("dashboard".into()).spawn(work).expect("a thread")
        })
        .collect();
    let mut times: Vec<Duration> = asking.into_iter().flat_map(|t| t.join().expect("a dashboard")).collect();
    times.sort();
    println!(
        "dashboards, sums of all time and of a day, {QUESTIONS_A_SECOND} a second while {:.0} events a second arrive: p50 {:.1} ms, p99 {:.1} ms",
        arriving.join().expect("a client"),
        percentile(&times, 0.5),
        percentile(&times, 0.99)
    );
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

/// All of it.
pub fn all(lines: &[String]) {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let (lines, of_many) = lines.split_at(lines.len() - lines.len() / 20);
    let (lines, of_dashboards) = lines.split_at(lines.len() - (EVENTS_A_SECOND * SECONDS).min(lines.len() / 10));
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
    dashboards(&server.1, of_dashboards);
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
