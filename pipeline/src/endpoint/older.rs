//! Questions about any time: the snapshot has the rows that may still change, the store those that are final.

use super::{Problem, Shared};
use axum::response::Response;
use gemba_schemas::fact::Fact;
use gemba_schemas::time::{EventTime, Micros};
use gemba_schemas::view::{ViewKind, ViewRow};
use gemba_sinks::RowRange;
use std::sync::Arc;

/// A row in which a client's report shows begins at most so long before it.
const BEFORE: Micros = Micros(8 * 24 * Micros::HOUR.0);

/// Answers a question about some ranges: here where the snapshot has all of it, otherwise on a thread that may wait for the
/// store.
pub(super) async fn answer(
    shared: Arc<Shared>,
    ranges: &[RowRange],
    answer: impl FnOnce(&Shared) -> Result<Response, Problem> + Send + 'static,
) -> Result<Response, Problem> {
    let is_here = {
        let snapshot = shared.live.read();
        ranges.iter().all(|range| snapshot.in_store(range).is_none())
    };
    if is_here {
        return answer(&shared);
    }
    tokio::task::spawn_blocking(move || answer(&shared)).await.map_err(|_| Problem::ending())?
}

impl Shared {
    /// Hands the rows of a range of the store to `f`.
    pub(super) fn older(&self, range: &RowRange, f: &mut dyn FnMut(&ViewRow)) -> Result<(), Problem> {
        self.read(|reader| reader.each(range, f))
    }

    /// The first row of a range that `is` the one, wherever it is.
    pub(super) fn find(&self, range: &RowRange, is: impl Fn(&ViewRow) -> bool) -> Result<Option<ViewRow>, Problem> {
        let mut found = None;
        let older = |range: &RowRange, f: &mut dyn FnMut(&ViewRow)| self.older(range, f);
        let snapshot = self.live.rows(&[*range], older, |row| {
            if found.is_none() && is(row) {
                found = Some(row.clone());
            }
        })?;
        drop(snapshot);
        Ok(found)
    }

    /// The newest row of a view in which a report shows. A final one counts only where it is of the report's time.
    pub(super) fn shows(&self, view: ViewKind, fact: &Fact, is_its: fn(&ViewRow, &Fact) -> bool) -> Option<ViewRow> {
        let at = fact.bucket();
        let older = {
            let snapshot = self.live.read();
            let here = snapshot.rows(view, EventTime::MIN, EventTime::MAX).rev().find(|row| is_its(row, fact));
            if let Some(row) = here {
                return Some(row.clone());
            }
            let to = EventTime(at.0.saturating_add(1));
            snapshot.in_store(&RowRange { view, from: EventTime(at.0.saturating_sub(BEFORE.0)), to })?
        };
        let mut newest = None;
        let read = self.older(&older, &mut |row| {
            if is_its(row, fact) {
                newest = Some(row.clone());
            }
        });
        // The report is stored all the same, and that the store could not be read was said.
        read.ok().and(newest)
    }
}
