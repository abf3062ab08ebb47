//! Reports of clients: each answered after the journal's sync, in the words of the dataflow.

use super::body::{
    BatchBody, DeviceBody, EventBody, ExportBody, Mark, MarkBody, PlateBody, Report, ReviewBody, Wrong, event_id,
};
use super::{Problem, Shared, quick, row_json};
use crate::clock;
use crate::inbox::{Answer, Busy, Duplicate, Posted, Refused, Request};
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use gemba_schemas::fact::{Fact, MarkKind};
use gemba_schemas::id::{FactId, Name};
use gemba_schemas::time::EventTime;
use gemba_schemas::view::{ViewKind, ViewRow};
use gemba_sinks::{EventRange, MOST_WITHDRAWN};
use http_body_util::BodyExt;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Display;
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

/// One event.
pub async fn one(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<Response, Problem> {
    let text = std::str::from_utf8(&body).map_err(|e| no_json(&e))?;
    let body = quick::event(text).map_err(|wrong| no_json(&wrong.message))?;
    report(&shared, &body, |_| None).await
}

/// Somebody came.
pub async fn check_in(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<Response, Problem> {
    mark(&shared, MarkKind::In, parse(&body)?).await
}

/// Somebody went.
pub async fn check_out(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<Response, Problem> {
    mark(&shared, MarkKind::Out, parse(&body)?).await
}

async fn mark(shared: &Shared, kind: MarkKind, body: MarkBody<'_>) -> Result<Response, Problem> {
    report(shared, &Mark(kind, body), |_| {
        Some((ViewKind::AttendanceDay, |row, fact| match (row, fact) {
            // The newest row of the employee that has begun by then: a mark may also belong to no row, without shifts.
            (ViewRow::AttendanceDay(row), Fact::AttendanceMark(mark)) => {
                let own = [row.first_in, row.last_out].contains(&Some(mark.ts));
                row.employee == mark.employee && (own || row.day <= mark.ts)
            }
            _ => false,
        }))
    })
    .await
}

/// A plate was read.
pub async fn plate(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<Response, Problem> {
    let body: PlateBody<'_> = parse(&body)?;
    report(&shared, &body, |_| {
        Some((ViewKind::GateEvent, |row, fact| match (row, fact) {
            (ViewRow::GateEvent(row), Fact::PlateRead(read)) => {
                row.camera == read.camera && (row.arrived..=row.left).contains(&read.ts)
            }
            _ => false,
        }))
    })
    .await
}

/// A session was reviewed.
pub async fn review(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<Response, Problem> {
    let body: ReviewBody<'_> = parse(&body)?;
    report(&shared, &body, |_| None).await
}

/// Frames of a session were exported, or not.
pub async fn export(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<Response, Problem> {
    let body: ExportBody<'_> = parse(&body)?;
    report(&shared, &body, |_| None).await
}

/// A device said how it is.
pub async fn device(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<Response, Problem> {
    let body: DeviceBody<'_> = parse(&body)?;
    report(&shared, &body, |_| None).await
}

/// Stores one report: 201 with the row, 200 if it was there, 409 if the client's id stands for something else.
/// `view` says in which row of a view it shows.
async fn report(
    shared: &Shared,
    body: &impl Report,
    view: impl Fn(&Fact) -> Option<(ViewKind, fn(&ViewRow, &Fact) -> bool)>,
) -> Result<Response, Problem> {
    let mut fact = body.fact(clock::now())?;
    let posted = post(shared, vec![fact.clone()]).await?;
    let (status, state) = match posted.duplicates.get(&0) {
        None => {
            fact.receive(posted.received_at(0));
            (StatusCode::CREATED, if fact.is_late() { "late" } else { "stored" })
        }
        Some(Duplicate { stored, .. }) => {
            let own = request(&fact).to_owned();
            let conflict = !own.is_empty() && conflicts(&fact, stored);
            fact = stored.clone();
            set_request(&mut fact, own);
            (
                if conflict { StatusCode::CONFLICT } else { StatusCode::OK },
                if conflict { "conflict" } else { "duplicate" },
            )
        }
    };
    let mut answer = fact_json(&fact);
    answer["status"] = state.into();
    if let Some((kind, is_its)) = view(&fact) {
        let snapshot = shared.live.read();
        let row = snapshot.rows(kind, EventTime::MIN, EventTime::MAX).rev().find(|row| is_its(row, &fact));
        answer[kind.table_name()] = row.map_or(Value::Null, row_json);
    }
    Ok((status, axum::Json(answer)).into_response())
}

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
    fn error(&mut self, index: usize, wrong: Wrong) {
        if self.errors.len() < LISTED {
            self.errors.push(json!({ "index": index, "field": wrong.field, "message": wrong.message }));
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
                let message = format!("409: another event has the id `{own}`");
                self.error(sent.indices[i], Wrong { field: "id", message });
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
    let mut tally = Tally::default();
    let (mut facts, mut sent) = (Vec::new(), Sent::default());
    let mut take = |index, fact: Result<Fact, Wrong>, tally: &mut Tally| match fact {
        Ok(fact) => {
            sent.note(index, &fact);
            facts.push(fact);
        }
        Err(wrong) => tally.error(index, wrong),
    };
    match serde_json::from_slice::<BatchBody<'_>>(&body) {
        Ok(batch) => {
            tally.received = sized(batch.events.len())?;
            batch.events.iter().enumerate().for_each(|(i, event)| take(i, event.fact(now), &mut tally));
        }
        // Something is wrong somewhere: once more, slowly, so that the good ones are kept.
        Err(error) => {
            let Ok(Value::Object(map)) = serde_json::from_slice::<Value>(&body) else { return Err(no_json(&error)) };
            let (Some(Value::Array(events)), 1) = (map.get("events"), map.len()) else {
                return Err(Problem::bad("events", "expected {\"events\": [ … ]} and nothing else"));
            };
            tally.received = sized(events.len())?;
            for (i, event) in events.iter().enumerate() {
                let text = event.to_string();
                let fact = serde_json::from_str::<EventBody<'_>>(&text).map_err(Wrong::from).and_then(|e| e.fact(now));
                take(i, fact, &mut tally);
            }
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
            let line = line.map_err(|e| Wrong { field: "", message: e.to_string() });
            match line.and_then(quick::event).and_then(|e| e.fact(now)) {
                Ok(fact) => {
                    sent.note(index, &fact);
                    facts.push(fact);
                }
                Err(wrong) => tally.error(index, wrong),
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

async fn wait<T>(answer: Answer<T>) -> Result<T, Problem> {
    match answer.await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(Refused::TooMany)) => Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            None,
            format!("more than {MOST_WITHDRAWN} events at once, and none of them was deleted: ask for smaller ranges"),
        )),
        Ok(Err(Refused::NoSpace)) => Err(Problem::new(
            StatusCode::INSUFFICIENT_STORAGE,
            None,
            "no space left on the server's disk; nothing of this was stored: ask again later",
        )),
        Err(_) => Err(Problem::ending()),
    }
}

/// Which events to delete.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    from: Option<String>,
    to: Option<String>,
    worker_id: Option<String>,
    workstation_id: Option<String>,
}

/// Deletes the events of a range of time.
pub async fn delete_range(
    State(shared): State<Arc<Shared>>,
    range: Result<Query<Range>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let Query(range) = range.map_err(|e| Problem::bad("", e.body_text()))?;
    let instant = |field: &'static str, text: &Option<String>| {
        let text =
            text.as_deref().ok_or_else(|| Problem::bad(field, "is missing: deleting everything is not offered"))?;
        EventTime::parse(text).ok_or_else(|| Problem::bad(field, format!("`{text}` is no instant; write RFC 3339")))
    };
    let wanted = EventRange {
        from: instant("from", &range.from)?,
        to: instant("to", &range.to)?,
        worker: range.worker_id.as_deref().map(Name::new),
        station: range.workstation_id.as_deref().map(Name::new),
    };
    let withdrawn = wait(shared.inbox.ask(|reply| Request::WithdrawRange(wanted, reply))).await?;
    Ok(axum::Json(json!({ "deleted": withdrawn.facts })).into_response())
}

/// Deletes one event, by the id that it was stored with.
pub async fn delete_one(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Result<Response, Problem> {
    let identity = given_id(&id).unwrap_or_else(|| event_id(&id));
    match wait(shared.inbox.ask(|reply| Request::WithdrawId(identity, reply))).await?.facts {
        0 => Err(Problem::new(StatusCode::NOT_FOUND, Some("id"), format!("no event has the id `{id}`"))),
        facts => Ok(axum::Json(json!({ "deleted": facts })).into_response()),
    }
}

/// How an id that Gemba gave is written.
fn written_id(id: FactId) -> String {
    format!("g-{:016x}", id.0)
}

fn given_id(text: &str) -> Option<FactId> {
    let digits = text.strip_prefix("g-").filter(|d| d.len() == 16)?;
    u64::from_str_radix(digits, 16).ok().map(FactId)
}

fn parse<'a, T: Deserialize<'a>>(body: &'a Bytes) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|e| no_json(&e))
}

fn no_json(error: &impl Display) -> Problem {
    Problem::bad("", format!("the body cannot be read: {error}"))
}

async fn post(shared: &Shared, facts: Vec<Fact>) -> Result<Posted, Problem> {
    match shared.inbox.post(facts) {
        Ok(answer) => wait(answer).await,
        Err(Busy(_)) => Err(Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            None,
            format!("{} facts wait to be stored; ask again in a second", shared.inbox.waiting()),
        )),
    }
}

/// Whether two facts under one identity say different things.
fn conflicts(new: &Fact, stored: &Fact) -> bool {
    let mut new = new.clone();
    new.receive(stored.received_at().unwrap_or_default());
    set_request(&mut new, request(stored).to_owned());
    new != *stored
}

macro_rules! of_clients {
    ($fact:expr, $f:ident => $body:expr, $other:expr) => {
        match $fact {
            Fact::Activity($f) => $body,
            Fact::Production($f) => $body,
            Fact::AttendanceMark($f) => $body,
            Fact::PlateRead($f) => $body,
            Fact::Review($f) => $body,
            Fact::FrameExport($f) => $body,
            Fact::DeviceStatus($f) => $body,
            _ => $other,
        }
    };
}

/// The client's own id, or nothing.
fn request(fact: &Fact) -> &str {
    of_clients!(fact, f => &f.request, "")
}

fn set_request(fact: &mut Fact, own: String) {
    of_clients!(fact, f => f.request = own, ());
}

/// A stored fact as its client wrote it, with the id and the instant that it was given.
fn fact_json(fact: &Fact) -> Value {
    let own = request(fact);
    let id = if own.is_empty() { written_id(fact.id()) } else { own.to_owned() };
    let mut row = match fact {
        Fact::Activity(f) => json!({
            "worker_id": f.worker, "workstation_id": f.station, "event_type": f.state, "count": 0,
            "confidence": f64::from(f.confidence.0) / 1e4, "model_id": f.model, "model_version": f.model_version,
        }),
        Fact::Production(f) => json!({
            "worker_id": f.worker, "workstation_id": f.station, "event_type": "product_count", "count": f.count,
            "confidence": f64::from(f.confidence.0) / 1e4, "model_id": f.model, "model_version": f.model_version,
        }),
        Fact::AttendanceMark(f) => json!({
            "employee_id": f.employee, "kind": f.kind, "camera": f.camera, "confidence": f64::from(f.confidence.0) / 1e4,
        }),
        Fact::PlateRead(f) => {
            json!({ "camera": f.camera, "plate": f.text, "confidence": f64::from(f.confidence.0) / 1e4 })
        }
        Fact::Review(f) => json!({
            "camera": f.camera, "session": f.session.rfc3339(), "outcome": f.outcome, "reviewer": f.reviewer,
        }),
        Fact::FrameExport(f) => json!({
            "camera": f.camera, "session": f.session.rfc3339(), "ok": f.ok, "frames": f.frames,
        }),
        Fact::DeviceStatus(f) => json!({ "device": f.device, "state": f.state, "detail": f.detail }),
        // Cameras' facts are not posted.
        _ => json!({}),
    };
    row["id"] = id.into();
    row["timestamp"] = fact.bucket().rfc3339().into();
    row["received_at"] = fact.received_at().map(EventTime::rfc3339).into();
    row
}

/// A 429, 503 or 507 says when to come back.
pub fn retry_after(mut response: Response) -> Response {
    let seconds = match response.status() {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => "1",
        StatusCode::INSUFFICIENT_STORAGE => "5",
        _ => return response,
    };
    response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static(seconds));
    response
}
