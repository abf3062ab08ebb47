//! `/api/v1/views/{view}/{key}/facts`: from a row to the facts under it, out of the lake, which is asked to have them first.
//!
//! The key is the row's key columns joined by `~`, instants in RFC 3339 (UTC) or µs. Facts of each kind come in order of
//! time, `limit` of them from `offset` on; `truncated` says that there are more, which `next_offset` goes on with.
//!
//! `under` has one arm per view; `ruled` the rules as they are now and where buckets end; `work` and `seen` what is found
//! through other rows; `shows` what only the fact itself tells.

mod ruled;
mod seen;
mod shows;
mod under;
mod work;

use super::{Problem, Shared};
use crate::inbox::Request;
use arrow::array::RecordBatch;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use gemba_schemas::column::KeyPart;
use gemba_schemas::fact::{FactKind, HORIZON};
use gemba_schemas::time::EventTime;
use gemba_schemas::view::ViewKind;
use gemba_sinks::RowRange;
use ruled::Ruled;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;

/// Facts of each kind when `limit` is not given.
const DEFAULT_LIMIT: usize = 1_000;
/// The most facts of each kind that one answer has.
const MAX_LIMIT: usize = 100_000;

/// The longest that a question waits for the lake to have what the row follows from.
const PATIENCE: Duration = Duration::from_secs(30);

/// Facts of one kind: what comes after `WHERE`, with the table as `t`.
type Facts = (FactKind, String);

/// The parameters, as text: so that each can be refused by name.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    limit: Option<String>,
    offset: Option<String>,
}

/// The facts under a row.
pub async fn facts(
    State(shared): State<Arc<Shared>>,
    Path((view, key)): Path<(String, String)>,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Response, Problem> {
    let Some(kind) = ViewKind::by_name(&view) else {
        return Err(Problem::new(StatusCode::NOT_FOUND, Some("view"), format!("no view is called `{view}`")));
    };
    let Query(parameters) = parameters.map_err(|e| Problem::bad("", e.body_text()))?;
    let limit = number("limit", parameters.limit, DEFAULT_LIMIT, 1..=MAX_LIMIT)?;
    // Further than any table goes, and no sum of the two overflows.
    let offset = number("offset", parameters.offset, 0, 0..=1 << 40)?;
    let runtime = Handle::current();
    let found = tokio::task::spawn_blocking(move || {
        let missing = || {
            let columns = kind.table().key.join("~");
            let message = format!("{} has no row with the key `{key}`; a key is {columns}", kind.table_name());
            Problem::new(StatusCode::NOT_FOUND, Some("key"), message)
        };
        let parts: Vec<&str> = key.split('~').collect();
        let range = range_of(kind, &parts).ok_or_else(missing)?;
        let row = shared.find(&range, |row| is_key(&row.key(), &parts))?.ok_or_else(missing)?;
        runtime.block_on(published(&shared))?;
        let mut ruled = Ruled::new(shared.rules());
        let (mut facts, mut truncated) = (Map::new(), false);
        for (of, mut condition) in under::under(&row, &mut ruled) {
            // What arrived beyond the horizon counts nowhere else.
            if of.is_client() && kind != ViewKind::LateFact {
                let late = HORIZON.0;
                condition = format!("epoch_us(t.received_at) - epoch_us(t.ts) <= {late} AND {condition}");
            }
            if shows::tells(&row, of) {
                condition = shows::narrow(&shared, &row, of, &condition)?;
            }
            let table = of.table();
            let (name, order) = (table.name, format!("t.{}, t.id", table.bucket));
            let page = format!("ORDER BY {order} LIMIT {} OFFSET {offset}", limit + 1);
            let mut rows = super::batches_json(&ask(&shared, &format!("FROM {name} AS t WHERE {condition} {page}"))?);
            if let Value::Array(rows) = &mut rows {
                truncated |= rows.len() > limit;
                rows.truncate(limit);
            }
            facts.insert(name.into(), rows);
        }
        let next = truncated.then_some(offset + limit);
        let facts = Value::Object(facts);
        Ok(json!({
            "view": kind.table_name(), "key": key, "facts": facts, "truncated": truncated, "next_offset": next,
        }))
    });
    let found: Result<Value, Problem> = found.await.map_err(|_| Problem::ending())?;
    Ok(axum::Json(found?).into_response())
}

fn number(
    name: &'static str,
    text: Option<String>,
    otherwise: usize,
    range: std::ops::RangeInclusive<usize>,
) -> Result<usize, Problem> {
    let Some(text) = text else { return Ok(otherwise) };
    text.parse().ok().filter(|n| range.contains(n)).ok_or_else(|| {
        let message = format!("`{text}` is no {name}; write a number from {} to {}", range.start(), range.end());
        Problem::bad(name, message)
    })
}

/// What the lake answers.
fn ask(shared: &Shared, sql: &str) -> Result<Vec<RecordBatch>, Problem> {
    gemba_sinks::query(&shared.lake, sql).map_err(|e| failed(&e.to_string()))
}

fn failed(message: &str) -> Problem {
    tracing::error!("lineage: {message}");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, None, message)
}

/// Waits until the lake has everything that is shown now.
async fn published(shared: &Shared) -> Result<(), Problem> {
    match tokio::time::timeout(PATIENCE, shared.inbox.ask(Request::Publish)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(Problem::ending()),
        Err(_) => {
            let message =
                format!("the newest facts were not in the lake after {PATIENCE:?} (/metrics says why); ask again");
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, None, message))
        }
    }
}

/// Where the row of a key lies: where its bucket is in it, there only; `None` where that is no instant.
fn range_of(view: ViewKind, parts: &[&str]) -> Option<RowRange> {
    let table = view.table();
    let Some(place) = table.key.iter().position(|column| *column == table.bucket) else {
        return Some(RowRange::all(view));
    };
    let text = parts.get(place)?;
    let from = text.parse().ok().map(EventTime).or_else(|| EventTime::parse(text))?;
    Some(RowRange { view, from, to: EventTime(from.0.saturating_add(1)) })
}

fn is_key(key: &[KeyPart], parts: &[&str]) -> bool {
    key.len() == parts.len()
        && key.iter().zip(parts).all(|(part, text)| match part {
            KeyPart::Int(own) => {
                // Ids use all 64 bits.
                let is_id = || text.parse::<u64>().is_ok_and(|id| id as i64 == *own);
                text.parse() == Ok(*own) || is_id() || EventTime::parse(text).is_some_and(|ts| ts.0 == *own)
            }
            _ => part.text() == Some(text),
        })
}
