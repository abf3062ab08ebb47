//! What became of views, for ever: the changes that the store wrote with its epochs, moved into files.
//!
//! Exactly once. The store writes the changes of an epoch in the epoch's own transaction. A publication writes those
//! between the manifest's `changes_through` and its own epoch into files; the manifest that lists them says so; only
//! then does the store forget them. A crash before the manifest leaves them in the store, one after it leaves rows
//! there that the manifest knows to be in the lake.
//!
//! Invariant: what a view's changes in the lake and those waiting in the store add up to is the view in the store.
//! A store that is begun anew therefore takes the difference against what the lake adds up to ([`sum`]), and so does
//! one whose lake has lost a file of changes: until the next start the past cannot be told, after it only the part
//! before the loss cannot.

use super::manifest::{Manifest, Part};
use super::publish::Attempt;
use super::{Generations, Lake, catalog, parquet::on_date};
use crate::duck::{file_order, ident};
use crate::error::SinkError;
use crate::store::Base;
use duckdb::Connection;
use gemba_schemas::registry::{self, Table};
use gemba_schemas::time::EventTime;
use gemba_schemas::view::ViewKind;
use std::path::Path;

/// The columns of a view, quoted.
pub(super) fn view_columns(view: ViewKind) -> String {
    view.table().columns.iter().map(|c| ident(c.name)).collect::<Vec<_>>().join(", ")
}

/// SELECT of a view as its changes in the lake add up, of those that satisfy a condition.
pub(super) fn sum(view: ViewKind, changes: &Table, root: &Path, manifest: &Manifest, condition: &str) -> String {
    let columns = view_columns(view);
    format!(
        "SELECT {columns} FROM {} WHERE {condition} GROUP BY {columns} HAVING sum(diff) > 0",
        catalog::files(changes, Part::Changes, root, manifest)
    )
}

impl Lake {
    /// The changes of views through this tick are in the lake: the store may forget them.
    pub fn changes_through(&self) -> u64 {
        self.manifest.changes_through
    }

    /// What the store must know of the changes that are in the lake.
    pub fn changes_base(&self) -> Base {
        let history = registry::HISTORY.iter().zip(registry::changes());
        Base {
            through: self.manifest.changes_through,
            until: EventTime(self.manifest.changes_until),
            lost: self.manifest.changes_lost,
            views: history.map(|((v, _), t)| (*v, sum(*v, &t, &self.dir, &self.manifest, "true"))).collect(),
        }
    }
}

impl Attempt<'_> {
    /// Writes the changes that wait in the store, through `tick`, into files by the date of their commit.
    pub(super) fn changes(&mut self, store: &Connection, tick: u64) -> Result<(), SinkError> {
        let after = self.next.changes_through;
        for table in registry::changes() {
            let name = ident(table.name);
            let fail = |e| SinkError::duck(format!("reading {}", table.name), self.dir, e);
            let condition = format!("tick > {after} AND tick <= {tick}");
            let dates: Vec<i64> = {
                let sql = format!(
                    "SELECT DISTINCT CAST(floor(epoch_us(committed_at) / 86400000000.0) AS BIGINT) AS day
                     FROM {name} WHERE {condition} ORDER BY day"
                );
                let mut statement = store.prepare(&sql).map_err(fail)?;
                let days = statement.query_map([], |r| r.get(0)).map_err(fail)?;
                days.collect::<Result<_, _>>().map_err(fail)?
            };
            for day in dates {
                let date = EventTime(day.saturating_mul(86_400_000_000)).date();
                let select = format!(
                    "SELECT * FROM {name} WHERE {condition} AND {} ORDER BY {}",
                    on_date(&table, &date),
                    file_order(&table)
                );
                let file = self.write(store, &select, Part::Changes, &table, &date, Generations::new())?;
                if let Some(file) = file {
                    self.next.changes_until = self.next.changes_until.max(file.max_ts);
                    self.next.files.push(file);
                }
            }
        }
        self.next.changes_through = self.next.changes_through.max(tick);
        self.next.changes_lost = false;
        Ok(())
    }
}
