//! Bodies of clients' reports, checked field by field: what is wrong is told by its name.

use gemba_schemas::fact::{
    Activity, ActivityState, AttendanceMark, DeviceState, DeviceStatus, Fact, FrameExport, MarkKind, PRODUCT_COUNT,
    PlateRead, Production, Review, ReviewOutcome,
};
use gemba_schemas::id::{FactId, Generation, Name};
use gemba_schemas::score::Score;
use gemba_schemas::time::{EventTime, Micros};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// How far in the future a report may lie: clocks differ.
pub(super) const FUTURE: Micros = Micros(5 * Micros::MINUTE.0);

/// The longest name or id, in characters.
pub(super) const LONGEST: usize = 100;

/// A field that cannot be taken.
#[derive(Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Its name, empty for the body as a whole.
    pub field: Cow<'static, str>,
    /// What is wrong, and what to write.
    pub message: String,
}

fn wrong<T>(field: &'static str, message: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong { field: field.into(), message: message.into() })
}

/// A body of JSON.
///
/// # Errors
/// What `serde_json` says of it, and of which field.
pub fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Wrong> {
    serde_json::from_str(text).map_err(|error| {
        let message = error.to_string();
        // Where it is costs more than to read it, so only what is wrong is read again.
        let mut again = serde_json::Deserializer::from_str(text);
        let path = serde_path_to_error::deserialize::<_, T>(&mut again).err().map(|e| e.path().to_string());
        let repeated = message.strip_prefix("duplicate field `").and_then(|rest| rest.split('`').next());
        let field =
            path.as_deref().filter(|path| ![".", "?"].contains(path)).or(repeated).unwrap_or_default().to_owned();
        Wrong { field: field.into(), message: format!("cannot be read: {message}") }
    })
}

pub(super) type Text<'a> = Option<Cow<'a, str>>;

/// `POST /api/v1/events`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventBody<'a> {
    #[serde(borrow)]
    pub(super) timestamp: Text<'a>,
    #[serde(borrow)]
    pub(super) worker_id: Text<'a>,
    #[serde(borrow)]
    pub(super) workstation_id: Text<'a>,
    #[serde(borrow)]
    pub(super) event_type: Text<'a>,
    pub(super) confidence: Option<f64>,
    pub(super) count: Option<i64>,
    #[serde(borrow)]
    pub(super) model_id: Text<'a>,
    #[serde(borrow)]
    pub(super) model_version: Text<'a>,
    #[serde(borrow)]
    pub(super) id: Text<'a>,
}

/// `POST /api/v1/events/batch`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchBody<'a> {
    /// The events, each as it was written: one that is wrong does not spoil the others.
    #[serde(borrow)]
    pub events: Vec<&'a RawValue>,
}

/// `POST /api/v1/attendance/check-in` and `check-out`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarkBody<'a> {
    #[serde(borrow)]
    timestamp: Text<'a>,
    #[serde(borrow)]
    employee_id: Text<'a>,
    #[serde(borrow)]
    camera: Text<'a>,
    confidence: Option<f64>,
    #[serde(borrow)]
    id: Text<'a>,
}

/// `POST /api/v1/vehicle/validate-plate`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlateBody<'a> {
    #[serde(borrow)]
    timestamp: Text<'a>,
    #[serde(borrow)]
    camera: Text<'a>,
    #[serde(borrow)]
    plate: Text<'a>,
    confidence: Option<f64>,
    #[serde(borrow)]
    id: Text<'a>,
}

/// `POST /api/v1/reviews`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewBody<'a> {
    #[serde(borrow)]
    timestamp: Text<'a>,
    #[serde(borrow)]
    camera: Text<'a>,
    #[serde(borrow)]
    session: Text<'a>,
    #[serde(borrow)]
    outcome: Text<'a>,
    #[serde(borrow)]
    reviewer: Text<'a>,
    #[serde(borrow)]
    id: Text<'a>,
}

/// `POST /api/v1/exports`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportBody<'a> {
    #[serde(borrow)]
    timestamp: Text<'a>,
    #[serde(borrow)]
    camera: Text<'a>,
    #[serde(borrow)]
    session: Text<'a>,
    ok: Option<bool>,
    frames: Option<i64>,
    #[serde(borrow)]
    id: Text<'a>,
}

/// `POST /api/v1/devices`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceBody<'a> {
    #[serde(borrow)]
    timestamp: Text<'a>,
    #[serde(borrow)]
    device: Text<'a>,
    #[serde(borrow)]
    state: Text<'a>,
    #[serde(borrow)]
    detail: Text<'a>,
    #[serde(borrow)]
    id: Text<'a>,
}

/// A body that can become a fact; `now` is the wall clock.
pub trait Report {
    /// The fact, still to be received.
    ///
    /// # Errors
    /// The first field that cannot be taken.
    fn fact(&self, now: EventTime) -> Result<Fact, Wrong>;
}

impl Report for EventBody<'_> {
    fn fact(&self, now: EventTime) -> Result<Fact, Wrong> {
        let ts = instant("timestamp", &self.timestamp, now)?;
        let worker = name("worker_id", &self.worker_id)?;
        let station = name("workstation_id", &self.workstation_id)?;
        let kind = required("event_type", &self.event_type)?;
        let confidence = confidence(self.confidence)?;
        let model = optional("model_id", &self.model_id)?;
        let model_version = optional("model_version", &self.model_version)?;
        let received_at = EventTime::default();
        let own = self.id.as_deref().map(|own| short("id", own)).transpose()?;
        let request = own.unwrap_or_default().to_owned();
        let id = |event_type| own.map_or_else(|| FactId::of_event(ts, worker, station, event_type), event_id);
        if kind == PRODUCT_COUNT {
            let id = id(Production::event_type());
            let Some(count) = self.count.and_then(|n| u32::try_from(n).ok()) else {
                return wrong("count", "a product_count has a count: a whole number, 0 or more");
            };
            return Ok(Production {
                id,
                received_at,
                ts,
                worker,
                station,
                count,
                confidence,
                model,
                model_version,
                request,
            }
            .into());
        }
        let state = one_of("event_type", kind, ActivityState::ALL, ActivityState::as_str, &[PRODUCT_COUNT])?;
        let id = id(state.event_type());
        if self.count.is_some_and(|n| n != 0) {
            return wrong("count", "only a product_count counts; leave it out or write 0");
        }
        Ok(Activity { id, received_at, ts, worker, station, state, confidence, model, model_version, request }.into())
    }
}

/// A coming or going.
pub struct Mark<'a>(pub MarkKind, pub MarkBody<'a>);

impl Report for Mark<'_> {
    fn fact(&self, now: EventTime) -> Result<Fact, Wrong> {
        let Self(kind, body) = self;
        let ts = instant_or_now(&body.timestamp, now)?;
        let employee = name("employee_id", &body.employee_id)?;
        let camera = optional("camera", &body.camera)?;
        let confidence = confidence(body.confidence)?;
        let parts: [&[u8]; 3] = [&ts.0.to_le_bytes(), employee.as_str().as_bytes(), kind.as_str().as_bytes()];
        let (id, request) = identity("attendance_mark", &body.id, &parts)?;
        let received_at = EventTime::default();
        Ok(AttendanceMark { id, received_at, ts, employee, kind: *kind, camera, confidence, request }.into())
    }
}

impl Report for PlateBody<'_> {
    fn fact(&self, now: EventTime) -> Result<Fact, Wrong> {
        let ts = instant_or_now(&self.timestamp, now)?;
        let camera = name("camera", &self.camera)?;
        let text = short("plate", required("plate", &self.plate)?)?.to_owned();
        let Some(given) = self.confidence else {
            return wrong("confidence", "is missing: what the OCR says, 0 to 1");
        };
        let confidence = confidence(Some(given))?;
        let parts: [&[u8]; 3] = [&ts.0.to_le_bytes(), camera.as_str().as_bytes(), text.as_bytes()];
        let (id, request) = identity("plate_read", &self.id, &parts)?;
        Ok(PlateRead { id, received_at: EventTime::default(), ts, camera, text, confidence, request }.into())
    }
}

impl Report for ReviewBody<'_> {
    fn fact(&self, now: EventTime) -> Result<Fact, Wrong> {
        let ts = instant_or_now(&self.timestamp, now)?;
        let camera = name("camera", &self.camera)?;
        let session = instant("session", &self.session, now)?;
        let outcome = required("outcome", &self.outcome)?;
        let outcome = one_of("outcome", outcome, ReviewOutcome::ALL, ReviewOutcome::as_str, &[])?;
        let reviewer = name("reviewer", &self.reviewer)?;
        let parts: [&[u8]; 4] =
            [&ts.0.to_le_bytes(), camera.as_str().as_bytes(), &session.0.to_le_bytes(), reviewer.as_str().as_bytes()];
        let (id, request) = identity("review", &self.id, &parts)?;
        let received_at = EventTime::default();
        Ok(Review { id, received_at, ts, camera, session, outcome, reviewer, request }.into())
    }
}

impl Report for ExportBody<'_> {
    fn fact(&self, now: EventTime) -> Result<Fact, Wrong> {
        let ts = instant_or_now(&self.timestamp, now)?;
        let camera = name("camera", &self.camera)?;
        let session = instant("session", &self.session, now)?;
        let Some(ok) = self.ok else { return wrong("ok", "is missing: true or false") };
        let Ok(frames) = u32::try_from(self.frames.unwrap_or(0)) else {
            return wrong("frames", "expected a whole number, 0 or more");
        };
        let parts: [&[u8]; 3] = [&ts.0.to_le_bytes(), camera.as_str().as_bytes(), &session.0.to_le_bytes()];
        let (id, request) = identity("frame_export", &self.id, &parts)?;
        Ok(FrameExport { id, received_at: EventTime::default(), ts, camera, session, ok, frames, request }.into())
    }
}

impl Report for DeviceBody<'_> {
    fn fact(&self, now: EventTime) -> Result<Fact, Wrong> {
        let ts = instant_or_now(&self.timestamp, now)?;
        let device = name("device", &self.device)?;
        let state = required("state", &self.state)?;
        let state = one_of("state", state, DeviceState::ALL, DeviceState::as_str, &[])?;
        let detail = self.detail.as_deref().unwrap_or_default().to_owned();
        if detail.chars().count() > 10 * LONGEST {
            return wrong("detail", format!("is longer than {} characters", 10 * LONGEST));
        }
        let parts: [&[u8]; 3] = [&ts.0.to_le_bytes(), device.as_str().as_bytes(), state.as_str().as_bytes()];
        let (id, request) = identity("device_status", &self.id, &parts)?;
        Ok(DeviceStatus { id, received_at: EventTime::default(), ts, device, state, detail, request }.into())
    }
}

/// The identity of a client's event with this id of its own.
pub fn event_id(own: &str) -> FactId {
    FactId::of("event", Name::default(), Generation(0), &[b"id", own.as_bytes()])
}

fn identity(kind: &str, own: &Text<'_>, parts: &[&[u8]]) -> Result<(FactId, String), Wrong> {
    match own.as_deref() {
        None => Ok((FactId::of(kind, Name::default(), Generation(0), parts), String::new())),
        Some(own) => {
            let own = short("id", own)?;
            Ok((FactId::of(kind, Name::default(), Generation(0), &[b"id", own.as_bytes()]), own.to_owned()))
        }
    }
}

fn required<'a>(field: &'static str, value: &'a Text<'_>) -> Result<&'a str, Wrong> {
    match value.as_deref() {
        Some(text) => Ok(text),
        None => wrong(field, "is missing"),
    }
}

/// A text that people will read again.
fn short<'a>(field: &'static str, text: &'a str) -> Result<&'a str, Wrong> {
    // As nearly all are.
    if text.len() <= LONGEST && !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic()) {
        Ok(text)
    } else if text.trim().is_empty() {
        wrong(field, "is empty")
    } else if text.len() > LONGEST && text.chars().count() > LONGEST {
        wrong(field, format!("is longer than {LONGEST} characters"))
    } else if text.chars().any(char::is_control) {
        wrong(field, "has control characters")
    } else {
        Ok(text)
    }
}

fn name(field: &'static str, value: &Text<'_>) -> Result<Name, Wrong> {
    Ok(Name::new(short(field, required(field, value)?)?))
}

fn optional(field: &'static str, value: &Text<'_>) -> Result<Name, Wrong> {
    match value.as_deref() {
        None | Some("") => Ok(Name::default()),
        Some(text) => Ok(Name::new(short(field, text)?)),
    }
}

pub(super) fn confidence(value: Option<f64>) -> Result<Score, Wrong> {
    match value {
        None => Ok(Score::ONE),
        Some(v) if (0.0..=1.0).contains(&v) => Ok(Score((v * 10_000.0).round() as u16)),
        Some(v) => wrong("confidence", format!("expected 0 to 1, found {v}")),
    }
}

fn instant(field: &'static str, value: &Text<'_>, now: EventTime) -> Result<EventTime, Wrong> {
    let text = required(field, value)?;
    let Some(ts) = EventTime::parse(text) else {
        return wrong(field, format!("`{text}` is no instant; write RFC 3339, such as 2026-01-15T10:15:00Z"));
    };
    if ts > now + FUTURE {
        return wrong(field, format!("`{text}` is more than 5 minutes in the future; check the clock"));
    }
    Ok(ts)
}

fn instant_or_now(value: &Text<'_>, now: EventTime) -> Result<EventTime, Wrong> {
    if value.is_none() { Ok(now) } else { instant("timestamp", value, now) }
}

fn one_of<T: Copy>(
    field: &'static str,
    text: &str,
    all: &[T],
    name: fn(T) -> &'static str,
    others: &[&str],
) -> Result<T, Wrong> {
    match all.iter().copied().find(|v| name(*v) == text) {
        Some(value) => Ok(value),
        None => {
            let known: Vec<_> = all.iter().map(|v| name(*v)).chain(others.iter().copied()).collect();
            wrong(field, format!("`{text}` is none of {}", known.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(text: &str) -> Result<Fact, Wrong> {
        let now = EventTime::parse("2026-01-15T12:00:00Z").unwrap();
        read::<EventBody<'_>>(text)?.fact(now)
    }

    const GOOD: &str = r#"{"timestamp":"2026-01-15T10:15:00Z","worker_id":"W1","workstation_id":"S3",
        "event_type":"working","confidence":0.93,"count":0,"model_id":"m","model_version":"2.1.0"}"#;

    #[test]
    fn an_event_becomes_a_fact_of_its_kind() {
        let Fact::Activity(f) = event(GOOD).unwrap() else { panic!("no activity") };
        assert_eq!((f.worker.as_str(), f.station.as_str(), f.state), ("W1", "S3", ActivityState::Working));
        assert_eq!((f.confidence, f.ts.rfc3339().as_str()), (Score(9_300), "2026-01-15T10:15:00.000000Z"));
        let made = GOOD.replace("working", "product_count").replace("\"count\":0", "\"count\":7");
        let Fact::Production(p) = event(&made).unwrap() else { panic!("no production") };
        assert_eq!(p.count, 7);
    }

    #[test]
    fn the_identity_is_the_clients_id_or_what_and_when() {
        let other_body = GOOD.replace("0.93", "0.5");
        assert_eq!(event(GOOD).unwrap().id(), event(&other_body).unwrap().id());
        assert_ne!(event(GOOD).unwrap().id(), event(&GOOD.replace("S3", "S4")).unwrap().id());
        let own = |text: &str| event(&text.replace("\"count\":0", "\"id\":\"a-1\"")).unwrap().id();
        assert_eq!(own(GOOD), own(&GOOD.replace("S3", "S4")));
        assert_eq!(own(GOOD), event_id("a-1"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (from, to, field, says) in [
            ("\"worker_id\":\"W1\",", "", "worker_id", "is missing"),
            ("2026-01-15T10:15:00Z", "yesterday", "timestamp", "RFC 3339"),
            ("2026-01-15T10:15:00Z", "2026-01-15T12:05:01Z", "timestamp", "in the future"),
            ("0.93", "1.01", "confidence", "0 to 1"),
            ("working", "sleeping", "event_type", "working, idle, absent, product_count"),
            ("\"count\":0", "\"count\":3", "count", "only a product_count"),
            ("\"S3\"", "\" \"", "workstation_id", "is empty"),
            ("\"count\":0", "\"cuont\":0", "cuont", "unknown field `cuont`"),
            ("0.93", "\"high\"", "confidence", "expected f64"),
            ("\"count\":0", "\"model_id\":\"n\"", "model_id", "duplicate field"),
            ("\"W1\"", "{\"name\":\"W1\"}", "worker_id", "expected a string"),
            ("\"count\":0,", "\"count\":0", "", "expected `,` or `}`"),
        ] {
            let error = event(&GOOD.replace(from, to)).unwrap_err();
            assert!(error.field == field && error.message.contains(says), "{error:?}");
        }
        assert_eq!(
            event(&GOOD.replace("working", "product_count").replace("\"count\":0", "\"count\":-1")).unwrap_err().field,
            "count"
        );
    }
}
