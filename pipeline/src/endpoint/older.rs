//! Questions about any time: the snapshot has the rows that may still change, the store those that are final.

use super::{Problem, Shared};
use axum::response::Response;
use gemba_schemas::time::EventTime;
use gemba_schemas::view::ViewRow;
use gemba_sinks::{RowRange, StoreReader};
use std::sync::Arc;

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

/// The `now` of the rows: the wall clock's minute where clients report, the end of the footage where none do.
pub(super) async fn now(shared: &Arc<Shared>) -> Result<EventTime, Problem> {
    let shared = shared.clone();
    // The store is read in turns, and whoever reads much of it may take long.
    let epoch = tokio::task::spawn_blocking(move || shared.read(StoreReader::epoch));
    let epoch = epoch.await.map_err(|_| Problem::ending())??;
    Ok(epoch.map_or(EventTime::default(), |epoch| epoch.now))
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
}
