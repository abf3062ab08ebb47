//! The places of Gemba: **where** facts and views are kept.
//!
//! ```text
//! facts ─→ journal ───────────────→ lake/facts      the truth: the last hours, then for ever
//! view changes ─→ store (DuckDB) ─→ lake/views      derived: rebuilt from the truth, with the same digest
//!                     └─→ reader (endpoint)          lake/catalog.duckdb ─→ analysts
//! ```
//!
//! Truth flows one way, left to right. A process holds its directory by [`DirLock`]; opens the [`Journal`],
//! the [`Store`] and the [`Lake`]; appends and commits; now and then publishes what is new to the lake, as of an epoch that
//! is [`Pinned`], and releases the journal through the sequence number that the lake then holds.
//!
//! [`verify()`] looks at all of it and changes nothing. `files` holds what all of them need of a file system (durable replacement, quarantine), `duck` what they
//! need of DuckDB. Nothing outside this crate speaks either.

#![deny(missing_docs)]

mod crash;
mod data_dir;
mod digest;
mod duck;
mod error;
mod files;
pub mod journal;
pub mod lake;
pub mod live;
#[cfg(test)]
mod samples;
pub mod store;
mod sums;
mod verify;

pub use crash::CRASH_POINTS;
pub use data_dir::{DataDir, DataPaths, DirLock};
pub use digest::ViewDigest;
pub use error::SinkError;
pub use files::Damage;
pub use journal::{DamagedRange, Entry, Journal, Withdrawal};
pub use lake::{
    Amount, DiffOptions, EventRange, FinalRows, Kept, Lake, Leaving, Listed, MOST_WITHDRAWN, Publish, SealedDay,
    ViewDiff, diff, diff_with, query, query_as_of,
};
pub use live::{Live, RowRange};
pub use store::{Base, Epoch, EpochRow, PROBE_DAMAGED, Page, Pinned, RowQuery, Store, StoreReader, probe};
pub use sums::{WorkByName, WorkSum};
pub use verify::{Finding, Report, verify};
