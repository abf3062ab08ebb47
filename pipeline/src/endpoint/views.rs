//! `/api/v1/views` and `/api/v1/views/{view}`.

use super::{Problem, Shared, typed};
use crate::text::with_offsets;
use arrow::array::RecordBatch;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use gemba_schemas::registry;
use gemba_schemas::time::EventTime;
use gemba_schemas::view::ViewKind;
use gemba_sinks::RowQuery;
use serde::Deserialize;
use std::sync::Arc;

/// Rows a page when `limit` is not given, and at most.
pub const DEFAULT_LIMIT: usize = 1_000;
/// The most rows of one page.
pub const MAX_LIMIT: usize = 100_000;
/// The media type of Arrow IPC streams.
pub const ARROW: &str = "application/vnd.apache.arrow.stream";

/// The parameters of a row query, as text: so that each can be refused by name.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    from: Option<String>,
    to: Option<String>,
    camera: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

/// The views with their columns.
pub async fn list() -> Response {
    let views: Vec<_> = registry::views()
        .into_iter()
        .map(|table| {
            serde_json::json!({
                "name": table.name,
                "description": table.doc,
                "key": table.key,
                "bucket": table.bucket,
                "columns": table.columns.iter().map(|c| serde_json::json!({
                    "name": c.name, "type": registry::sql_type(&c.data_type), "nullable": c.nullable, "description": c.doc,
                })).chain(table.edge_columns().iter().map(|c| serde_json::json!({
                    "name": c.name, "type": "DOUBLE", "nullable": true, "description": c.doc,
                }))).collect::<Vec<_>>(),
                "rows": format!("/api/v1/views/{}", table.name),
            })
        })
        .collect();
    axum::Json(serde_json::json!({ "views": views })).into_response()
}

/// Rows of a view, ordered by bucket and key, a page at a time.
pub async fn rows(
    State(shared): State<Arc<Shared>>,
    Path(view): Path<String>,
    parameters: Result<Query<Parameters>, axum::extract::rejection::QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Some(kind) = ViewKind::by_name(&view) else {
        let names: Vec<_> = ViewKind::ALL.iter().map(|k| k.table_name()).collect();
        return Err(Problem {
            status: StatusCode::NOT_FOUND,
            parameter: Some("view".into()),
            message: format!("no view is called `{view}`; the views are {}", names.join(", ")),
        });
    };
    let Query(parameters) = parameters.map_err(|e| bad(None, e.body_text()))?;
    let query = RowQuery {
        from: instant("from", parameters.from)?,
        to: instant("to", parameters.to)?,
        camera: parameters.camera,
        limit: limit(parameters.limit)?,
        cursor: parameters.cursor,
    };
    let (epoch, page) = shared.read(|reader| Ok((reader.epoch()?, reader.rows(kind, &query))))?;
    let page = page.map_err(|e| bad(query.cursor.is_some().then_some("cursor"), e.to_string()))?;
    let wants_arrow = headers.get_all(header::ACCEPT).iter().any(|v| v.to_str().is_ok_and(|v| v.contains(ARROW)));
    let mut response = if wants_arrow {
        typed(ARROW, ipc(&page.batch).map_err(internal)?)
    } else {
        let body = json(kind, epoch.map(|e| e.tick), &page.batch, page.next.as_deref()).map_err(internal)?;
        typed("application/json", body)
    };
    if let Some(next) = page.next.and_then(|n| n.parse().ok()) {
        response.headers_mut().insert("x-gemba-next-cursor", next);
    }
    Ok(response)
}

fn bad(parameter: Option<&'static str>, message: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, parameter, message)
}

fn internal(error: arrow::error::ArrowError) -> Problem {
    Problem { status: StatusCode::INTERNAL_SERVER_ERROR, parameter: None, message: error.to_string() }
}

fn instant(name: &'static str, text: Option<String>) -> Result<Option<EventTime>, Problem> {
    text.map(|text| {
        EventTime::parse(&text).ok_or_else(|| {
            bad(Some(name), format!("`{text}` is no instant; write RFC 3339, such as 2026-01-15T08:00:00Z"))
        })
    })
    .transpose()
}

fn limit(text: Option<String>) -> Result<usize, Problem> {
    let Some(text) = text else { return Ok(DEFAULT_LIMIT) };
    text.parse()
        .ok()
        .filter(|n| (1..=MAX_LIMIT).contains(n))
        .ok_or_else(|| bad(Some("limit"), format!("`{text}` is no limit; write a number from 1 to {MAX_LIMIT}")))
}

fn ipc(batch: &RecordBatch) -> Result<Vec<u8>, arrow::error::ArrowError> {
    let mut writer = arrow::ipc::writer::StreamWriter::try_new(Vec::new(), &batch.schema())?;
    writer.write(batch)?;
    writer.finish()?;
    writer.into_inner()
}

/// `{"view", "tick", "rows": […], "next_cursor"}`, the rows written straight from Arrow.
fn json(
    kind: ViewKind,
    tick: Option<u64>,
    batch: &RecordBatch,
    next: Option<&str>,
) -> Result<Vec<u8>, arrow::error::ArrowError> {
    let mut rows = Vec::new();
    let mut writer = arrow::json::WriterBuilder::new()
        .with_explicit_nulls(true)
        .build::<_, arrow::json::writer::JsonArray>(&mut rows);
    writer.write(&with_offsets(batch)?)?;
    writer.finish()?;
    drop(writer);
    if rows.is_empty() {
        rows.extend_from_slice(b"[]");
    }
    let mut body =
        format!("{{\"view\":\"{}\",\"tick\":{},\"rows\":", kind.table_name(), serde_json::json!(tick)).into_bytes();
    body.append(&mut rows);
    body.extend_from_slice(format!(",\"next_cursor\":{}}}", serde_json::json!(next)).as_bytes());
    Ok(body)
}
