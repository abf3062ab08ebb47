//! Gemba turns cameras into an exact, queryable account of what happens on a floor.
//!
//! **When** things happen and **who** does them; what moves is in `gemba-schemas`, how in
//! `gemba-operators` and `gemba-correlate`, where to in `gemba-sinks`.
//!
//! ```text
//! footage ─▶ packets ─▶ frames ┬─▶ codes ──────────┐
//!                              ├─▶ motion ─────────┤ facts        vision: one instance of each stage per unit
//!                              └─▶ boxes ─▶ tracks ┘   │
//!                                                      ▼
//!                          committer: journal (fsync), a tick for every batch
//!                                                      │ facts, rules, now
//!                                                      ▼
//!                          correlate: view rows as differences, tick by tick
//!                                                      │
//!                          committer: an epoch a second ─▶ store (DuckDB) ─▶ lake (Parquet, catalog)
//!                                                              └─▶ endpoint
//! clients: endpoint ─▶ inbox ─▶ committer; the answer comes back at the tick that has it.
//! backward, one number only: facts not yet committed. Sources wait on it.
//! ```
//!
//! | file | what |
//! |---|---|
//! | [`dataflow`] | the whole graph on one screen |
//! | [`footage`], [`mod@unit`] | what is read, and the operator that reads it |
//! | [`worker`], [`commit`], [`engine`] | the threads: workers, the one writer, a run from start to end |
//! | [`inbox`], [`reload`], [`endpoint`], [`clock`] | what clients ask, new rules, HTTP, and what time it is |
//! | [`cli`], [`terminal`], [`text`], [`signal`], [`progress`] | the command line and what it shows |
//! | [`whatif`] | two sets of rules over the same facts |
//! | [`demo`], [`overlay`], [`draw`] | rendered footage with known truth; annotated video |

pub mod cli;
pub mod clock;
pub mod commit;
pub mod dataflow;
pub mod demo;
pub mod draw;
pub mod endpoint;
pub mod engine;
pub mod footage;
pub mod inbox;
pub mod overlay;
pub mod progress;
pub mod reload;
pub mod signal;
pub mod terminal;
pub mod text;
pub mod unit;
pub mod whatif;
pub mod worker;

/// Something that another process holds: exit code 4.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct InUse(pub String);

/// The exit code that an error deserves; see `gemba --help`.
pub fn exit_status(error: &anyhow::Error) -> u8 {
    use gemba_schemas::site::SiteError;
    for cause in error.chain() {
        if cause.is::<InUse>() {
            return 4;
        }
        if let Some(engine::EngineError::Sink(gemba_sinks::SinkError::Locked { .. })) = cause.downcast_ref() {
            return 4;
        }
        let planned_wrong = matches!(cause.downcast_ref(), Some(engine::EngineError::Plan(_)));
        if cause.is::<SiteError>() || cause.is::<unit::PlanError>() || planned_wrong {
            return 2;
        }
    }
    1
}
