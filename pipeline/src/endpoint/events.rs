//! Reports of clients: each answered after the journal's sync, in the words of the dataflow.

use super::body::{self, DeviceBody, ExportBody, Mark, MarkBody, PlateBody, Report, ReviewBody, event_id};
use super::shown::Reading;
use super::{Problem, Shared, quick, row_json};
use crate::clock;
use crate::inbox::{Answer, Busy, Duplicate, Posted, Refused, Request};
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use gemba_schemas::fact::{Fact, MarkKind};
use gemba_schemas::id::{FactId, Name};
use gemba_schemas::time::EventTime;
use gemba_schemas::view::ViewKind;
use gemba_sinks::{EventRange, MOST_WITHDRAWN};
use serde::Deserialize;
use serde_json::{Value, json};
use std::fmt::Display;
use std::sync::Arc;

/// One event.
pub async fn one(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<Response, Problem> {
    let text = std::str::from_utf8(&body).map_err(|e| no_json(&e))?;
    let body = quick::event(text)?;
    report(&shared, &body, |_, _| ()).await
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
    report(shared, &Mark(kind, body), |fact, answer| {
        let row = match fact {
            // What came too late to count is answered with the row all the same.
            Fact::AttendanceMark(mark) => shared.day_of(mark),
            _ => None,
        };
        answer[ViewKind::AttendanceDay.table_name()] = row.as_ref().map_or(Value::Null, row_json);
    })
    .await
}

/// A plate was read.
pub async fn plate(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<Response, Problem> {
    let body: PlateBody<'_> = parse(&body)?;
    report(&shared, &body, |fact, answer| {
        if let Fact::PlateRead(read) = fact {
            let reading = if fact.is_late() { Reading::LATE } else { shared.reading(read) };
            answer["read"] = reading.read.into();
            answer["reason"] = reading.reason.into();
            let visit = reading.visit.as_ref().map_or(Value::Null, row_json);
            answer[ViewKind::GateEvent.table_name()] = visit;
        }
    })
    .await
}

/// A session was reviewed.
pub async fn review(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<Response, Problem> {
    let body: ReviewBody<'_> = parse(&body)?;
    report(&shared, &body, |_, _| ()).await
}

/// Frames of a session were exported, or not.
pub async fn export(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<Response, Problem> {
    let body: ExportBody<'_> = parse(&body)?;
    report(&shared, &body, |_, _| ()).await
}

/// A device said how it is.
pub async fn device(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<Response, Problem> {
    let body: DeviceBody<'_> = parse(&body)?;
    report(&shared, &body, |_, _| ()).await
}

/// Stores one report: 201 with the row, 200 if it was there, 409 if the client's id stands for something else.
/// `show` adds what became of it to the answer; of one that was refused nothing did.
async fn report(shared: &Shared, body: &impl Report, show: impl Fn(&Fact, &mut Value)) -> Result<Response, Problem> {
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
    if status != StatusCode::CONFLICT {
        show(&fact, &mut answer);
    }
    Ok((status, axum::Json(answer)).into_response())
}

pub(super) async fn wait<T>(answer: Answer<T>) -> Result<T, Problem> {
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
    // A client's own id may look like one that was given.
    let mut deleted = 0;
    for identity in given_id(&id).into_iter().chain([event_id(&id)]) {
        deleted = wait(shared.inbox.ask(|reply| Request::WithdrawId(identity, reply))).await?.facts;
        if deleted > 0 {
            break;
        }
    }
    match deleted {
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
    Ok(body::read(std::str::from_utf8(body).map_err(|e| no_json(&e))?)?)
}

pub(super) fn no_json(error: &impl Display) -> Problem {
    Problem::bad("", format!("cannot be read: {error}"))
}

pub(super) async fn post(shared: &Shared, facts: Vec<Fact>) -> Result<Posted, Problem> {
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
pub(super) fn conflicts(new: &Fact, stored: &Fact) -> bool {
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
pub(super) fn request(fact: &Fact) -> &str {
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
