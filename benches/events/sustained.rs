//! As many events as go through journal, correlate, store and lake for ten minutes on end, with months passing: the rate,
//! memory, and how far behind the answers and the lake are.
//!
//! The process's clock is shifted: a day of `EVENTS_A_DAY` (default 500,000) follows the other as fast as they are answered,
//! so that facts leave the horizon while others come. `SECONDS` (default 600) says how long. Several batches are on their
//! way at a time.

use super::year::{Run, slope};
use super::{percentile, resident};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Events posted together, and how many such batches wait for their answers.
const BATCH: usize = 10_000;
const WAITING: usize = 8;

/// Prints a line a minute, and the whole.
pub fn ten_minutes() {
    let of = |name: &str, otherwise: i64| std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(otherwise);
    let (count, seconds) = (of("EVENTS_A_DAY", 500_000), of("SECONDS", 600));
    // Years enough.
    let run = Run::new(3_650, count, 200, "");
    println!("{seconds} s of days of {count} events");
    let began = Instant::now();
    let (mut day, mut posted, mut resident_by_minute) = (0, 0, Vec::new());
    let (mut minute, mut before, mut waits) = (1, 0, Vec::new());
    let mut waiting = VecDeque::new();
    while began.elapsed() < Duration::from_secs(seconds as u64) {
        run.evening(day);
        for batch in run.events(day).chunks(BATCH) {
            if waiting.len() >= WAITING
                && let Some((asked, answer)) = waiting.pop_front()
            {
                waits.push(answered(asked, answer));
            }
            waiting.push_back((Instant::now(), run.post(batch.to_vec())));
            posted += batch.len();
        }
        day += 1;
        if began.elapsed() > Duration::from_secs(60 * minute) {
            waits.sort();
            resident_by_minute.push(resident() as f64 / 1e6);
            println!(
                "  minute {minute}: {:.0} k/s, day {day}; {:.0} MB resident; a batch is answered after p50 {:.0} ms, p99 {:.0} ms; \
                 {} facts wait for the lake",
                (posted - before) as f64 / 60e3,
                resident() as f64 / 1e6,
                percentile(&waits, 0.5),
                percentile(&waits, 0.99),
                run.unpublished(),
            );
            (before, minute) = (posted, minute + 1);
            waits.clear();
        }
    }
    waits.extend(waiting.into_iter().map(|(asked, answer)| answered(asked, answer)));
    let took = began.elapsed().as_secs_f64();
    println!("  in all {posted} events, {:.0} k/s; {day} days", posted as f64 / took / 1e3);
    println!("  {:.0} MB a minute from the third on", slope(resident_by_minute.get(2..).unwrap_or_default()));
    run.end(posted as i64);
}

type Waiting = gemba::inbox::Answer<gemba::inbox::Posted>;

fn answered(asked: Instant, answer: Waiting) -> Duration {
    let posted = answer.blocking_recv().ok().and_then(Result::ok).expect("stored");
    assert!(posted.duplicates.is_empty() && posted.late == 0, "each is new");
    asked.elapsed()
}
