//! The HTTP endpoint: thin. It reads the live snapshot and what the store has committed, whole ticks and epochs only, and
//! computes nothing that a view should hold. Bound to loopback.
//!
//! | route | what |
//! |---|---|
//! | `/` | a page: cameras, coverage, the latest rows of each view |
//! | `/healthz` | the process answers |
//! | `/readyz` | stored facts are loaded: rows can be read, facts can be posted |
//! | `/metrics` | Prometheus |
//! | `/api/v1/views` | the views with their schemas |
//! | `/api/v1/views/{view}` | rows: `from`, `to`, `camera`, `limit`, `cursor`; JSON, or Arrow IPC by `Accept` |
//! | `/api/v1/views/{view}/{key}/facts` | the facts under a row: `limit`, `offset` |
//! | `/api/v1/productivity/workers`, `stations`, `floor` | sums over `from`, `to` |
//! | `/api/v1/attendance/summary` | expected shifts by status over `from`, `to`, or the last 35 days |
//! | `/api/v1/quality` | the status of each packing camera |
//! | `/api/v1/drift` | how far models are from what they were |
//! | `POST /api/v1/events`, `…/batch`, `…/stream` | events of workers: one, up to 10,000, lines without end |
//! | `DELETE /api/v1/events`, `…/{id}` | takes events back |
//! | `POST /api/v1/attendance/check-in`, `check-out` | somebody came, went |
//! | `POST /api/v1/vehicle/validate-plate` | a plate was read |
//! | `POST /api/v1/reviews`, `exports`, `devices` | a session was reviewed, exported; a device's state |
//! | `POST /api/v1/reload` | reads the site file again |
//! | `/openapi.json` | all of this, for machines |

mod attendance;
pub mod body;
mod drift;
mod events;
mod lineage;
mod many;
mod metrics;
mod older;
mod openapi;
mod page;
mod quality;
pub mod quick;
mod room;
mod shown;
mod views;
mod work;

use crate::inbox::Inbox;
use crate::progress::Progress;
use crate::reload::{Reload, ReloadError};
use arrow::array::RecordBatch;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use gemba_schemas::rule::Rule;
use gemba_schemas::view::ViewRow;
use gemba_sinks::{Live, SinkError, StoreReader};
use std::borrow::Cow;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use tokio::sync::{Semaphore, oneshot};

/// What the routes share.
pub struct Shared {
    /// Name of the site.
    pub site: String,
    /// Names of the site's cameras, in order of the file.
    pub cameras: Vec<String>,
    /// The rules of the start.
    rules: Vec<Rule>,
    /// Counters of the run.
    pub progress: Arc<Progress>,
    /// What clients ask goes here.
    pub inbox: Inbox,
    /// The rows as of the last tick.
    pub live: Arc<Live>,
    reader: Mutex<Option<StoreReader>>,
    reload: OnceLock<Reload>,
    /// The lake's folder.
    pub lake: PathBuf,
    /// For large bodies, KiB.
    room: Semaphore,
}

impl Shared {
    /// Nothing can be read before [`Shared::open`].
    pub fn new(
        site: &gemba_schemas::site::Site,
        progress: Arc<Progress>,
        (inbox, live): (Inbox, Arc<Live>),
        lake: PathBuf,
    ) -> Arc<Self> {
        Arc::new(Self {
            site: site.site.name.clone(),
            cameras: site.cameras.iter().map(|c| c.name.clone()).collect(),
            rules: site.rules(),
            progress,
            inbox,
            live,
            reader: Mutex::new(None),
            reload: OnceLock::new(),
            lake,
            room: Semaphore::new(room::ROOM),
        })
    }

    /// How the site file is read again.
    pub fn reload_with(&self, reload: Reload) {
        let _ = self.reload.set(reload);
    }

    /// The rules that hold now.
    fn rules(&self) -> Arc<[Rule]> {
        self.reload.get().map_or_else(|| self.rules.clone().into(), Reload::rules)
    }

    /// From now on rows can be read.
    pub fn open(&self, reader: StoreReader) {
        *self.reader.lock().unwrap_or_else(|e| e.into_inner()) = Some(reader);
    }

    /// Reads from the store, or says that it is not there yet.
    fn read<T>(&self, read: impl FnOnce(&StoreReader) -> Result<T, SinkError>) -> Result<T, Problem> {
        match &*self.reader.lock().unwrap_or_else(|e| e.into_inner()) {
            Some(reader) => reader.consistently(read).map_err(|e| {
                tracing::error!("endpoint: {e}");
                Problem { status: StatusCode::INTERNAL_SERVER_ERROR, parameter: None, message: e.to_string() }
            }),
            None => Err(Problem {
                status: StatusCode::SERVICE_UNAVAILABLE,
                parameter: None,
                message: "not ready: stored facts are being loaded".into(),
            }),
        }
    }
}

/// An error as a client sees it: a status and `{"error": {"message", "parameter"}}`.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    parameter: Option<Cow<'static, str>>,
    message: String,
}

impl Problem {
    fn new(status: StatusCode, parameter: Option<&'static str>, message: impl Into<String>) -> Self {
        Self { status, parameter: parameter.map(Cow::Borrowed), message: message.into() }
    }

    /// 400; the parameter may be empty for the request as a whole.
    fn bad(parameter: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Some(parameter).filter(|p| !p.is_empty()), message)
    }

    /// 503: nobody is there to answer any more.
    fn ending() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, None, "gemba is ending; it is unknown whether this was stored")
    }
}

impl From<body::Wrong> for Problem {
    fn from(wrong: body::Wrong) -> Self {
        let parameter = Some(wrong.field).filter(|field| !field.is_empty());
        Self { status: StatusCode::BAD_REQUEST, parameter, message: wrong.message }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::json!({ "error": { "message": self.message, "parameter": self.parameter } });
        (self.status, axum::Json(body)).into_response()
    }
}

/// A running endpoint.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// Starts the endpoint on a thread of its own. Fails when the address cannot be bound.
pub fn start(listen: &str, shared: Arc<Shared>) -> std::io::Result<Server> {
    let listener = std::net::TcpListener::bind(listen)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (stop, stopped) = oneshot::channel();
    let thread = std::thread::Builder::new().name("endpoint".into()).spawn(move || {
        runtime.block_on(async {
            let serve = async {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                axum::serve(listener, routes(shared)).await
            };
            // Requests are short; whoever asks while it stops asks again.
            tokio::select! {
                result = serve => if let Err(e) = result { tracing::error!("endpoint: {e}") },
                _ = stopped => {}
            }
        });
    })?;
    Ok(Server { address, stop: Some(stop), thread: Some(thread) })
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn routes(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/", get(page::page))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics::metrics))
        .route("/api/v1/views", get(views::list))
        .route("/api/v1/views/{view}", get(views::rows))
        .route("/api/v1/events", post(events::one).delete(events::delete_range))
        .route("/api/v1/events/{id}", delete(events::delete_one))
        .route(
            "/api/v1/events/batch",
            post(many::batch)
                .layer::<_, Infallible>(from_fn_with_state(shared.clone(), room::admit))
                .layer(DefaultBodyLimit::max(room::LONGEST)),
        )
        .route("/api/v1/events/stream", post(many::stream).layer(DefaultBodyLimit::disable()))
        .route("/api/v1/attendance/check-in", post(events::check_in))
        .route("/api/v1/attendance/check-out", post(events::check_out))
        .route("/api/v1/vehicle/validate-plate", post(events::plate))
        .route("/api/v1/reviews", post(events::review))
        .route("/api/v1/exports", post(events::export))
        .route("/api/v1/devices", post(events::device))
        .route("/api/v1/views/{view}/{key}/facts", get(lineage::facts))
        .route("/api/v1/productivity/{of}", get(work::productivity))
        .route("/api/v1/attendance/summary", get(attendance::summary))
        .route("/api/v1/quality", get(quality::quality))
        .route("/api/v1/drift", get(drift::drift))
        .route("/api/v1/reload", post(reload))
        .route("/openapi.json", get(openapi::document))
        .fallback(|| async {
            Problem {
                status: StatusCode::NOT_FOUND,
                parameter: None,
                message: "no such route; see /openapi.json".into(),
            }
        })
        .layer(DefaultBodyLimit::max(64 << 10))
        .layer(axum::middleware::map_response(async |response: Response| events::retry_after(response)))
        .with_state(shared)
}

async fn readyz(axum::extract::State(shared): axum::extract::State<Arc<Shared>>) -> Response {
    match shared.read(StoreReader::epoch) {
        Ok(Some(epoch)) => format!("ready: tick {} through {}\n", epoch.tick, epoch.now.rfc3339()).into_response(),
        Ok(None) => "ready: nothing is stored yet\n".into_response(),
        Err(problem) => (problem.status, format!("{}\n", problem.message)).into_response(),
    }
}

/// Reads the site file again.
async fn reload(axum::extract::State(shared): axum::extract::State<Arc<Shared>>) -> Result<Response, Problem> {
    let Some(reload) = shared.reload.get() else { return Err(Problem::ending()) };
    match reload.run().await {
        Ok(reloaded) => Ok(axum::Json(reloaded).into_response()),
        Err(ReloadError::Site(error)) => {
            Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, None, format!("nothing changed: {error}")))
        }
        Err(ReloadError::Ending) => Err(Problem::ending()),
    }
}

/// A plain-text or HTML response with its type.
fn typed(content_type: &'static str, body: impl IntoResponse) -> Response {
    ([(header::CONTENT_TYPE, content_type)], body).into_response()
}

/// A row of a view as JSON, computed columns left out.
fn row_json(row: &ViewRow) -> serde_json::Value {
    match batches_json(&[row.kind().encode(std::iter::once(row))]) {
        serde_json::Value::Array(mut rows) => rows.pop().unwrap_or_default(),
        _ => serde_json::Value::Null,
    }
}

/// Rows as a JSON array of objects.
fn batches_json(batches: &[RecordBatch]) -> serde_json::Value {
    let mut bytes = Vec::new();
    let mut writer = arrow::json::WriterBuilder::new()
        .with_explicit_nulls(true)
        .build::<_, arrow::json::writer::JsonArray>(&mut bytes);
    let written = batches
        .iter()
        .try_for_each(|batch| writer.write(&crate::text::with_offsets(batch)?))
        .and_then(|()| writer.finish());
    drop(writer);
    written.ok().and_then(|()| serde_json::from_slice(&bytes).ok()).unwrap_or_else(|| serde_json::json!([]))
}
