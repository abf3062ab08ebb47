//! A run: data directory, workers, committer, in the order in which they must start and stop.
//!
//! ```text
//! lock ─▶ journal, store, lake open ─▶ workers start ─▶ stored facts loaded ─▶ units planned ─▶ footage read
//!      ◀─ lock released ◀─ workers end ◀─ published ◀─ everything committed ◀─
//! ```

#![expect(clippy::disallowed_methods, reason = "says how long a run took")]

use crate::commit::Committer;
use crate::dataflow::Vision;
use crate::footage::{Footage, Speed};
use crate::inbox::Outbox;
use crate::progress::{CameraCounts, Progress};
use crate::unit::{self, Override, PlanError};
use crate::worker::{self, Report, Wiring};
use gemba_schemas::fact::Fact;
use gemba_schemas::site::Site;
use gemba_sinks::{DataPaths, DirLock, EpochRow, Journal, Lake, Live, SinkError, Store, StoreReader};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Journal, store or lake.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// Footage or models could not be planned.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A worker panicked: a broken invariant.
    #[error("a worker stopped unexpectedly ({0}); nothing that was committed is lost: run the same command again")]
    Worker(String),
}

/// What to run.
pub struct Options {
    /// Where journal, store and lake lie.
    pub paths: DataPaths,
    /// Number of workers.
    pub workers: usize,
    /// How fast footage is read.
    pub speed: Speed,
    /// Re-derive from the facts of this lake instead of footage.
    pub facts: Option<PathBuf>,
    /// Footage given on the command line; `None` for no footage at all (serve).
    pub footage: Option<Override>,
    /// The site file's text, kept beside the lake.
    pub site_text: String,
    /// What clients may ask; `None` ends the run when the footage does.
    pub serving: Option<Serving>,
}

/// A run that goes on for clients.
pub struct Serving {
    /// Where what they ask comes in.
    pub outbox: Outbox,
    /// Where the rows are shown.
    pub live: Arc<Live>,
}

/// What a run did.
#[derive(Debug, serde::Serialize)]
pub struct Summary {
    /// Counters by camera, of this run.
    pub cameras: BTreeMap<&'static str, CameraCounts>,
    /// Rows of each view.
    pub views: BTreeMap<&'static str, u64>,
    /// Units that were read, and units that were finished before.
    pub units_read: usize,
    /// Units that an earlier run had finished.
    pub units_done_before: usize,
    /// Facts that were stored before this run.
    pub facts_before: u64,
    /// Files of the footage asked for that cannot be read, whether that is news or not.
    pub unreadable: usize,
    /// Whether it was interrupted.
    pub interrupted: bool,
    /// Wall-clock seconds.
    pub seconds: f64,
    /// Digest over all rows of all views.
    pub digest: String,
    /// The data directory.
    pub dir: PathBuf,
    /// The lake.
    pub lake: PathBuf,
}

/// A handle on a run in progress: for the terminal, Ctrl-C and the endpoint.
pub struct Handle {
    /// Counters.
    pub progress: Arc<Progress>,
    /// The units, and the way to stop.
    pub footage: Arc<Footage>,
}

impl Handle {
    /// For a run with or without footage.
    pub fn new(options: &Options) -> Self {
        Self {
            progress: Arc::default(),
            footage: Arc::new(Footage::new(options.footage.is_some() && options.facts.is_none(), options.speed)),
        }
    }
}

/// Where a site's data lies; `out` overrides the folder.
pub fn data_paths(site: &Site, out: Option<&Path>) -> DataPaths {
    let paths = site.data_paths(out);
    DataPaths { dir: paths.dir, lake: paths.lake, store: paths.store }
}

/// Runs to the end. `ready` is called when the stored facts are loaded and the store can be read, `done` when
/// the footage is read, committed and published. A run that serves clients goes on until the footage is stopped.
pub fn run(
    site: &Site,
    mut options: Options,
    handle: &Handle,
    ready: impl FnOnce(StoreReader, &[Arc<unit::Unit>]) -> Result<(), EngineError>,
    done: impl FnOnce(&Summary),
) -> Result<Summary, EngineError> {
    let began = Instant::now();
    let _lock = DirLock::take(&options.paths)?;
    let mut lake = Lake::open(&options.paths.lake)?.with_retention(site.retention, &options.paths.dir);
    let mut journal = Journal::open(&options.paths.journal())?;
    let mut store = match probing() {
        Some(program) => Store::open_probed(&options.paths.store, &program)?,
        None => Store::open(&options.paths.store)?,
    };
    let counted = store.last_epoch()?.map_or(0, |e| e.journal_seq);
    store.follow(lake.changes_base())?;
    // Numbers that were given once must not be given again, whatever became of the journal.
    journal.skip_to(counted.max(lake.journal_seq()))?;
    if let Some(from) = &options.facts {
        lake.adopt(from)?;
    }

    let (feed, feed_end) = crossbeam_channel::unbounded();
    let (derived, derived_end) = crossbeam_channel::unbounded();
    let (reports, reports_end) = crossbeam_channel::unbounded::<Report>();
    let wiring = Arc::new(Wiring { feed: Mutex::new(Some(feed_end)), derived, reports, first: Mutex::new(None) });
    let vision = Arc::new(Vision { footage: handle.footage.clone(), progress: handle.progress.clone() });
    let workers = {
        let (wiring, vision) = (wiring.clone(), vision.clone());
        timely::execute(timely::Config::process(options.workers), move |w| worker::run(w, &wiring, &vision))
            .map_err(EngineError::Worker)?
    };

    let rules = site.rules();
    let serving = options.serving.is_some();
    let parts = match options.serving.take() {
        Some(Serving { outbox, live }) => (outbox, Some(live)),
        None => (Outbox::closed(), None),
    };
    let committer = Committer::new(
        (journal, store, lake),
        feed,
        derived_end,
        wiring,
        handle.progress.clone(),
        handle.footage.clone(),
        parts,
        options.site_text.clone(),
    );
    let outcome = committer.map_err(EngineError::from).and_then(|mut committer| {
        let loaded = committer.load(rules)?;
        let facts_before = loaded.facts;
        let planned = match &options.footage {
            Some(footage) if options.facts.is_none() => unit::plan(site, footage, &loaded)?,
            _ => unit::Planned::default(),
        };
        let units_done_before = planned.done;
        for again in &planned.again {
            committer.expect_again(loaded.ids.get(again).cloned().unwrap_or_default());
        }
        let unreadable = planned.faults.len();
        let stored = |f: &Fact| loaded.ids.get(&(f.camera(), f.generation())).is_some_and(|ids| ids.contains(&f.id()));
        committer.report_faults(planned.faults.into_iter().filter(|f| !stored(f)).collect());
        handle.progress.plan(planned.units.len());
        handle.footage.plan(planned.units.clone());
        ready(committer.store().reader()?, &planned.units)?;
        let summary = |committer: &Committer| Summary {
            cameras: handle.progress.cameras(),
            views: committer.counts(),
            units_read: planned.units.len(),
            units_done_before,
            unreadable,
            facts_before,
            interrupted: handle.footage.stopped(),
            seconds: began.elapsed().as_secs_f64(),
            digest: committer.last_epoch().map_or_else(String::new, |e: &EpochRow| e.digest.clone()),
            dir: options.paths.dir.clone(),
            lake: options.paths.lake.clone(),
        };
        let mut done = Some(done);
        let mut finished = None;
        let freshness = Duration::from_micros(site.data.freshness.0.0.unsigned_abs());
        committer.run(&reports_end, options.workers, (serving, freshness), |committer| {
            let summary = finished.insert(summary(committer));
            if let Some(done) = done.take() {
                done(summary);
            }
        })?;
        Ok(finished.unwrap_or_else(|| summary(&committer)))
    });
    // The committer is gone and with it the feed: correlate ends. Vision ends when it is told to stop.
    handle.footage.stop();
    for result in workers.join() {
        if let Err(panic) = result {
            return Err(EngineError::Worker(panic));
        }
    }
    outcome
}

/// The binary that can try a store before we open it: ourselves, where we are `gemba` and no test or benchmark.
pub fn probing() -> Option<PathBuf> {
    std::env::current_exe().ok().filter(|program| program.file_stem().is_some_and(|name| name == "gemba"))
}

/// The number of workers to use when none is asked for: one per core, but not more than there is to read.
pub fn default_workers(units: usize) -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get()).min(units.max(1))
}

impl Summary {
    /// Whether any footage was damaged or could not be read.
    pub fn faults(&self) -> u64 {
        self.cameras.values().map(|c| c.faults).sum()
    }

    /// Facts that were new in this run.
    pub fn new_facts(&self) -> u64 {
        self.cameras.values().flat_map(|c| c.facts.values()).sum()
    }
}
