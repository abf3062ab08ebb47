//! Many events in one request, as a batch or as a stream of lines: good ones are stored, bad ones are named.
//!
//! A stream is read as fast as it is stored: parts of it are on their way while the next one is read, and a part is what
//! comes at once or in a moment. Whatever ends it, what was on its way is answered first.

use super::body::{self, BatchBody, Wrong};
use super::events::{conflicts, no_json, post, request, wait};
use super::{Problem, Shared, quick};
use crate::clock;
use crate::inbox::{Answer, Busy, Duplicate, Posted};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use gemba_schemas::fact::Fact;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::str::Utf8Error;
use std::sync::Arc;
use std::time::Duration;

/// The most events of one batch.
const BATCH: usize = 10_000;
/// The longest line of a stream, bytes.
const LINE: usize = 64 << 10;
/// Bytes of a stream that are stored together.
const GOOD_DEAL: usize = 1 << 20;
/// How long lines of a stream wait for more of them before they are stored.
const PAUSE: Duration = Duration::from_millis(20);
/// Such parts of a stream that may be stored while the next one is read.
const UNDER_WAY: usize = 2;
/// Errors that an answer lists; a stream may have more, and they are counted.
const LISTED: usize = BATCH;

/// What became of several reports.
#[derive(Default)]
struct Tally {
    received: usize,
    stored: usize,
    duplicates: usize,
    late: usize,
    errors: Vec<Value>,
    unlisted: usize,
}

impl Tally {
    fn error(&mut self, index: usize, status: StatusCode, wrong: Wrong) {
        if self.errors.len() < LISTED {
            let Wrong { field, message } = wrong;
            self.errors.push(json!({ "index": index, "status": status.as_u16(), "field": field, "message": message }));
        } else {
            self.unlisted += 1;
        }
    }

    /// Adds the answer for what was sent.
    fn count(&mut self, sent: &Sent, posted: &Posted) {
        self.late += posted.late;
        for (&i, Duplicate { refused, stored }) in &posted.duplicates {
            if let Some(own) = sent.own_ids.get(&i)
                && conflicts(refused, stored)
            {
                let message = format!("another event has the id `{own}`");
                self.error(sent.indices[i], StatusCode::CONFLICT, Wrong { field: "id".into(), message });
            } else {
                self.duplicates += 1;
            }
        }
        self.stored += sent.indices.len() - posted.duplicates.len();
    }

    /// Why it does not go on, and how much is stored nevertheless.
    fn so_far(&self, mut problem: Problem) -> Problem {
        let (stored, duplicates) = (self.stored, self.duplicates);
        problem.message += &format!(" (of the lines before, {stored} were stored and {duplicates} were there already)");
        problem
    }

    fn answer(self) -> Response {
        axum::Json(json!({
            "total_received": self.received,
            "successfully_stored": self.stored,
            "duplicates_skipped": self.duplicates,
            "late": self.late,
            "errors": self.errors,
            "errors_not_listed": self.unlisted,
        }))
        .into_response()
    }
}

/// What is remembered of facts that were sent to be stored.
#[derive(Default)]
struct Sent {
    /// Which report each was.
    indices: Vec<usize>,
    /// The ids that clients chose.
    own_ids: BTreeMap<usize, String>,
}

impl Sent {
    fn note(&mut self, index: usize, fact: &Fact) {
        if !request(fact).is_empty() {
            self.own_ids.insert(self.indices.len(), request(fact).to_owned());
        }
        self.indices.push(index);
    }
}

/// Up to 10,000 events: good ones are stored, bad ones are named.
pub async fn batch(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<Response, Problem> {
    let now = clock::now();
    let text = std::str::from_utf8(&body).map_err(|e| no_json(&e))?;
    let batch: BatchBody<'_> = body::read(text)?;
    let mut tally = Tally { received: sized(batch.events.len())?, ..Tally::default() };
    let (mut facts, mut sent) = (Vec::new(), Sent::default());
    for (index, event) in batch.events.iter().enumerate() {
        match quick::fact(event.get(), now) {
            Ok(fact) => {
                sent.note(index, &fact);
                facts.push(fact);
            }
            Err(wrong) => tally.error(index, StatusCode::BAD_REQUEST, wrong),
        }
    }
    if !facts.is_empty() {
        let posted = post(&shared, facts).await?;
        tally.count(&sent, &posted);
    }
    tally.errors.sort_by_key(|e| e["index"].as_u64());
    Ok(tally.answer())
}

fn sized(events: usize) -> Result<usize, Problem> {
    match events {
        1..=BATCH => Ok(events),
        n => Err(Problem::bad("events", format!("a batch has 1 to {BATCH} events, this one {n}; see /events/stream"))),
    }
}

/// Events as lines of JSON, any number: read as fast as they are stored, and no faster.
pub async fn stream(State(shared): State<Arc<Shared>>, mut body: Body) -> Result<Response, Problem> {
    let mut tally = Tally::default();
    let mut rest: Vec<u8> = Vec::new();
    let mut waiting: VecDeque<(Answer<Posted>, Sent)> = VecDeque::new();
    let mut ended = Ok(false);
    while let Ok(false) = ended {
        ended = gather(&mut body, &mut rest).await;
        let end = rest.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
        let (mut facts, mut sent) = (Vec::new(), Sent::default());
        let now = clock::now();
        let mut take = |line: Result<&str, Utf8Error>| {
            if line.is_ok_and(|line| line.trim_ascii().is_empty()) {
                return;
            }
            let index = tally.received;
            tally.received += 1;
            let line = line.map_err(|e| Wrong { field: "".into(), message: e.to_string() });
            match line.and_then(|line| quick::fact(line, now)) {
                Ok(fact) => {
                    sent.note(index, &fact);
                    facts.push(fact);
                }
                Err(wrong) => tally.error(index, StatusCode::BAD_REQUEST, wrong),
            }
        };
        match std::str::from_utf8(&rest[..end]) {
            Ok(lines) => lines.split('\n').for_each(|line| take(Ok(line))),
            // Somewhere it is no text: line by line, so that the others are kept.
            Err(_) => rest[..end].split(|b| *b == b'\n').for_each(|line| take(std::str::from_utf8(line))),
        }
        rest.drain(..end);
        if !facts.is_empty() {
            waiting.push_back((patiently(&shared, facts).await, sent));
        }
        // What is on its way is answered before anything is told, be it an error.
        while waiting.len() > if matches!(ended, Ok(false)) { UNDER_WAY } else { 0 }
            && let Some((answer, sent)) = waiting.pop_front()
        {
            match wait(answer).await {
                Ok(posted) => tally.count(&sent, &posted),
                Err(problem) => ended = ended.and(Err(problem)),
            }
        }
    }
    ended.map(|_| ()).map_err(|problem| tally.so_far(problem))?;
    Ok(tally.answer())
}

/// Reads on until there is a good deal of lines, or some and [`PAUSE`] has passed: a sync serves many. True at the end.
async fn gather(body: &mut Body, rest: &mut Vec<u8>) -> Result<bool, Problem> {
    // What is left from before is less than a line.
    let (mut due, mut line) = (None, rest.len());
    while rest.len() < GOOD_DEAL {
        let frame = match due {
            Some(due) => match tokio::time::timeout_at(due, body.frame()).await {
                Ok(frame) => frame,
                Err(_) => return Ok(false),
            },
            None => body.frame().await,
        };
        match frame {
            Some(Ok(frame)) => {
                let bytes = frame.into_data().unwrap_or_default();
                line = match bytes.iter().rposition(|b| *b == b'\n') {
                    Some(at) => {
                        due.get_or_insert_with(|| tokio::time::Instant::now() + PAUSE);
                        bytes.len() - at - 1
                    }
                    None => line + bytes.len(),
                };
                rest.extend_from_slice(&bytes);
                if line > LINE {
                    return Err(Problem::bad("", format!("a line is longer than {LINE} bytes")));
                }
            }
            Some(Err(error)) => return Err(Problem::bad("", format!("the stream broke off: {error}"))),
            None => {
                if rest.last().is_some_and(|b| *b != b'\n') {
                    rest.push(b'\n');
                }
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Posts when there is room.
async fn patiently(shared: &Shared, mut facts: Vec<Fact>) -> Answer<Posted> {
    loop {
        match shared.inbox.post(facts) {
            Ok(answer) => return answer,
            Err(Busy(again)) => facts = again,
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
