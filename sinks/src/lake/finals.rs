//! What a start takes over as it is: final rows (see [`retain`](super::retain)), a batch at a time, because there are ever more of
//! them. They stay in the store; only a store that is new takes them from the lake's views.

use super::manifest::Part;
use super::retain::{DAY, Kept};
use super::{Lake, catalog};
use crate::digest::ViewDigest;
use crate::duck::{ident, instant, stream};
use crate::error::SinkError;
use crate::store::Store;
use duckdb::Connection;
use gemba_schemas::calendar::Day;
use gemba_schemas::view::{ViewKind, ViewRow};
use std::collections::{BTreeMap, BTreeSet};

/// Final rows, as a start found them.
#[derive(Clone, Debug, Default)]
pub struct FinalRows {
    pub(crate) kept: Kept,
    pub(crate) digests: BTreeMap<ViewKind, ViewDigest>,
    in_store: bool,
}

impl FinalRows {
    /// What they hold.
    pub fn digest(&self) -> ViewDigest {
        ViewDigest::total(self.digests.values())
    }

    /// Whether the store has them; otherwise it is behind the lake, and they are to be written to it.
    pub fn are_in_store(&self) -> bool {
        self.in_store
    }
}

impl Lake {
    /// Hands every final row to `f`.
    pub fn final_rows(&self, store: &Store, f: &mut dyn FnMut(Vec<ViewRow>)) -> Result<FinalRows, SinkError> {
        let behind = self.is_ahead_of(store)?;
        let mut finals = FinalRows { kept: self.kept(), digests: BTreeMap::new(), in_store: !behind };
        for &view in ViewKind::ALL {
            let Some(before) = finals.kept.before(view) else { continue };
            let digest = finals.digests.entry(view).or_default();
            self.rows_before(store, behind, (view, before.0), &mut |rows| {
                digest.update_all(view, rows.iter(), 1);
                f(rows);
            })?;
        }
        Ok(finals)
    }

    /// Rows of `late_facts` whose facts have left, besides those of `derived`: they stay, though nothing says them any more.
    pub fn late_rows(&self, store: &Store, derived: &[(ViewRow, i64)]) -> Result<Vec<ViewRow>, SinkError> {
        let Some(from) = self.manifest.facts_from.as_deref().and_then(Day::parse) else { return Ok(Vec::new()) };
        let rows = derived.iter().map(|(row, _)| row).filter(|row| row.kind() == ViewKind::LateFact);
        let known: BTreeSet<_> = rows.map(ViewRow::key).collect();
        let (view, before) = (ViewKind::LateFact, i64::from(from.0) * DAY);
        let mut late = Vec::new();
        self.rows_before(store, self.is_ahead_of(store)?, (view, before), &mut |rows| late.extend(rows))?;
        late.retain(|row| !known.contains(&row.key()));
        Ok(late)
    }

    /// Whether the store was lost and begun anew, or is an old copy.
    fn is_ahead_of(&self, store: &Store) -> Result<bool, SinkError> {
        Ok(store.last_epoch()?.map(|e| e.tick) < self.manifest.epoch.as_ref().map(|e| e.tick))
    }

    /// The rows of a view whose bucket lies before an instant.
    fn rows_before(
        &self,
        store: &Store,
        behind: bool,
        (view, before): (ViewKind, i64),
        f: &mut dyn FnMut(Vec<ViewRow>),
    ) -> Result<(), SinkError> {
        let table = view.table();
        let own = || self.connection.try_clone().map_err(|e| SinkError::duck("reading final rows", &self.dir, e));
        let (connection, from): (Connection, _) = match behind {
            true => (own()?, catalog::files(&table, Part::Views, &self.dir, &self.manifest)),
            false => (store.clone_connection()?, ident(table.name)),
        };
        let sql = format!("SELECT * FROM {from} WHERE {} < {}", ident(table.bucket), instant(before));
        let fail = |e| SinkError::duck(format!("reading the final rows of {}", table.name), &self.dir, e);
        let decode = |batch| {
            f(view.decode(&batch).map_err(|source| SinkError::Column { table: table.name, source })?);
            Ok(())
        };
        stream(&connection, &sql, [], decode, fail).map(drop)
    }
}
