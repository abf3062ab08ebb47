//! `/openapi.json`: made from the registry, so that it cannot lag behind the views.

use super::views::{ARROW, DEFAULT_LIMIT, MAX_LIMIT};
use arrow::datatypes::DataType;
use axum::response::{IntoResponse, Response};
use gemba_schemas::registry::{self, Table};
use serde_json::{Map, Value, json};

/// The document.
pub async fn document() -> Response {
    axum::Json(build()).into_response()
}

/// A field of a body and its JSON type.
type Field = (&'static str, &'static str);

/// What can be reported: path, summary, fields.
const REPORTS: &[(&str, &str, &[Field])] = &[
    (
        "/api/v1/events",
        "Stores one event: 201 new (or late), 200 there already, 409 another one under the same id.",
        &[
            ("timestamp", "string"),
            ("worker_id", "string"),
            ("workstation_id", "string"),
            ("event_type", "string"),
            ("confidence", "number"),
            ("count", "integer"),
            ("model_id", "string"),
            ("model_version", "string"),
            ("id", "string"),
        ],
    ),
    (
        "/api/v1/events/batch",
        "Stores 1 to 10,000 events: good ones are kept, bad ones named by `index`, `status` (400, 409), `field`, `message`.",
        &[("events", "array")],
    ),
    ("/api/v1/events/stream", "Stores events, one a line, any number of lines; read as fast as they are stored.", &[]),
    (
        "/api/v1/attendance/check-in",
        "Somebody came; the answer has the day's row.",
        &[
            ("employee_id", "string"),
            ("timestamp", "string"),
            ("camera", "string"),
            ("confidence", "number"),
            ("id", "string"),
        ],
    ),
    (
        "/api/v1/attendance/check-out",
        "Somebody went; the answer has the day's row.",
        &[
            ("employee_id", "string"),
            ("timestamp", "string"),
            ("camera", "string"),
            ("confidence", "number"),
            ("id", "string"),
        ],
    ),
    (
        "/api/v1/vehicle/validate-plate",
        "A plate was read; `read` is `accepted`, `misread` (of the visit's plate), `unconfirmed` or `rejected` with a `reason`, and `gate_events` has the visit that the read belongs to, or null.",
        &[
            ("camera", "string"),
            ("plate", "string"),
            ("confidence", "number"),
            ("timestamp", "string"),
            ("id", "string"),
        ],
    ),
    (
        "/api/v1/reviews",
        "A packing session was reviewed.",
        &[
            ("camera", "string"),
            ("session", "string"),
            ("outcome", "string"),
            ("reviewer", "string"),
            ("timestamp", "string"),
            ("id", "string"),
        ],
    ),
    (
        "/api/v1/exports",
        "Frames of a packing session were exported, or not.",
        &[
            ("camera", "string"),
            ("session", "string"),
            ("ok", "boolean"),
            ("frames", "integer"),
            ("timestamp", "string"),
            ("id", "string"),
        ],
    ),
    (
        "/api/v1/devices",
        "A device said how it is.",
        &[("device", "string"), ("state", "string"), ("detail", "string"), ("timestamp", "string"), ("id", "string")],
    ),
    ("/api/v1/reload", "Reads the site file again; the answer lists the rules and rows that came and left.", &[]),
];

fn json_responses() -> Value {
    let problem = json!({ "description": "What is wrong.", "content": {
        "application/json": { "schema": { "$ref": "#/components/schemas/Problem" } } } });
    json!({ "2XX": { "description": "OK", "content": { "application/json": { "schema": { "type": "object" } } } },
            "default": problem })
}

/// OpenAPI 3.1 of all routes.
pub fn build() -> Value {
    let mut paths = Map::new();
    for (path, summary, media) in [
        ("/", "A page: cameras, coverage, the latest rows of each view.", "text/html"),
        ("/healthz", "Whether the process answers.", "text/plain"),
        ("/readyz", "Whether rows can be read (200) or what is waited for (503).", "text/plain"),
        ("/metrics", "Counters for Prometheus.", "text/plain"),
        ("/api/v1/views", "The views with their columns.", "application/json"),
    ] {
        let content = json!({ media: { "schema": if media == "application/json" { json!({"type": "object"}) } else { json!({"type": "string"}) } } });
        paths.insert(
            path.into(),
            json!({ "get": { "summary": summary, "responses": { "200": { "description": "OK", "content": content } } } }),
        );
    }
    for (path, summary) in [
        ("/api/v1/productivity/{of}", "Sums of hours of `workers`, `stations` or the `floor` over `from`, `to`."),
        (
            "/api/v1/attendance/summary",
            "Expected shifts by status over `from`, `to` (35 days by default), per employee and in all; others by themselves.",
        ),
        (
            "/api/v1/quality",
            "The status of each packing camera in the 24 hours before `at` (now by default), and its trend.",
        ),
        (
            "/api/v1/drift",
            "How far reports are from what they were, or from a pinned baseline, per `source`, `at` an instant (now by default), and what is outside its bounds.",
        ),
        (
            "/api/v1/views/{view}/{key}/facts",
            "The facts under a row; the key's columns are joined by `~`. `limit` (1,000) of each kind from `offset` on.",
        ),
    ] {
        paths.insert(path.into(), json!({ "get": { "summary": summary, "responses": json_responses() } }));
    }
    for (path, summary, fields) in REPORTS {
        let properties: Map<String, Value> =
            fields.iter().map(|(name, kind)| ((*name).into(), json!({ "type": kind }))).collect();
        let content = json!({ "application/json": { "schema": { "type": "object", "properties": properties } } });
        let operation =
            json!({ "summary": summary, "requestBody": { "content": content }, "responses": json_responses() });
        paths.insert((*path).into(), json!({ "post": operation }));
    }
    let range = ["from", "to", "worker_id", "workstation_id"]
        .map(|name| json!({ "name": name, "in": "query", "schema": { "type": "string" } }));
    paths["/api/v1/events"]["delete"] =
        json!({ "summary": "Takes back the events of a range.", "parameters": range, "responses": json_responses() });
    paths.insert(
        "/api/v1/events/{id}".into(),
        json!({ "delete": { "summary": "Takes back one event.", "responses": json_responses() } }),
    );
    let mut schemas = Map::new();
    schemas.insert(
        "Problem".into(),
        json!({ "type": "object", "properties": { "error": { "type": "object", "properties": {
            "message": { "type": "string" }, "parameter": { "type": ["string", "null"] } } } } }),
    );
    for table in registry::views() {
        schemas.insert(table.name.into(), row(&table));
        paths.insert(format!("/api/v1/views/{}", table.name), json!({ "get": rows(&table) }));
    }
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Gemba", "version": env!("CARGO_PKG_VERSION"),
                  "description": "What happens on a floor: views derived from what cameras report. Reads see whole epochs only." },
        "paths": paths,
        "components": { "schemas": schemas },
    })
}

fn rows(table: &Table) -> Value {
    let text = |name: &str, description: &str, format: Option<&str>| {
        let mut schema = json!({ "type": "string" });
        if let Some(format) = format {
            schema["format"] = format.into();
        }
        json!({ "name": name, "in": "query", "description": description, "schema": schema })
    };
    let problem = json!({ "description": "What is wrong, and with which parameter.", "content": {
        "application/json": { "schema": { "$ref": "#/components/schemas/Problem" } } } });
    json!({
        "summary": table.doc,
        "parameters": [
            text("from", &format!("Only rows whose `{}` is at or after this.", table.bucket), Some("date-time")),
            text("to", &format!("Only rows whose `{}` is before this.", table.bucket), Some("date-time")),
            text("camera", "Only rows of this camera.", None),
            json!({ "name": "limit", "in": "query", "description": "Rows a page.",
                    "schema": { "type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT } }),
            text("cursor", "`next_cursor` of the page before.", None),
        ],
        "responses": {
            "200": {
                "description": format!("Rows ordered by `{}` and key.", table.bucket),
                "headers": { "x-gemba-next-cursor": { "schema": { "type": "string" }, "description": "Cursor of the next page; absent on the last." } },
                "content": {
                    "application/json": { "schema": { "type": "object", "properties": {
                        "view": { "type": "string" },
                        "tick": { "type": ["integer", "null"], "description": "The epoch's tick." },
                        "rows": { "type": "array", "items": { "$ref": format!("#/components/schemas/{}", table.name) } },
                        "next_cursor": { "type": ["string", "null"] },
                    } } },
                    ARROW: { "schema": { "type": "string", "format": "binary" } },
                },
            },
            "400": problem, "503": problem,
        },
    })
}

fn row(table: &Table) -> Value {
    let mut properties = Map::new();
    for column in &table.columns {
        let mut schema = json_type(&column.data_type, column.nullable);
        schema["description"] = column.doc.clone().into();
        properties.insert(column.name.into(), schema);
    }
    for column in table.edge_columns() {
        properties.insert(column.name, json!({ "type": ["number", "null"], "description": column.doc }));
    }
    json!({ "type": "object", "description": table.doc, "properties": properties })
}

fn json_type(data_type: &DataType, nullable: bool) -> Value {
    let (name, format) = match data_type {
        DataType::Boolean => ("boolean", None),
        DataType::Int32 | DataType::UInt16 => ("integer", Some("int32")),
        DataType::Int64 | DataType::UInt32 | DataType::UInt64 => ("integer", Some("int64")),
        DataType::Timestamp(..) => ("string", Some("date-time")),
        DataType::List(item) => return json!({ "type": "array", "items": json_type(item.data_type(), false) }),
        _ => ("string", None),
    };
    let mut schema = json!({ "type": if nullable { json!([name, "null"]) } else { json!(name) } });
    if let Some(format) = format {
        schema["format"] = format.into();
    }
    schema
}
