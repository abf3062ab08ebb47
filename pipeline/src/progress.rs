//! What is going on, in counters that workers raise and the terminal and `/metrics` read.

use gemba_schemas::fact::Fact;
use gemba_schemas::time::EventTime;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock};

/// Counters of one unit of footage.
#[derive(Default)]
pub struct UnitProgress {
    packets: AtomicU64,
    ts: AtomicI64,
}

impl UnitProgress {
    /// A packet was read whose picture is shown until `until`.
    pub fn packet(&self, until: EventTime) {
        self.packets.fetch_add(1, Relaxed);
        self.ts.fetch_max(until.0, Relaxed);
    }

    /// Packets read.
    pub fn packets(&self) -> u64 {
        self.packets.load(Relaxed)
    }

    /// Event time reached; `None` before the first packet.
    pub fn reached(&self) -> Option<EventTime> {
        Some(EventTime(self.ts.load(Relaxed))).filter(|t| t.0 != 0)
    }
}

/// Counters of one camera, of this run.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct CameraCounts {
    /// Facts journaled, by kind.
    pub facts: BTreeMap<&'static str, u64>,
    /// Faults.
    pub faults: u64,
    /// Frames in the footage.
    pub frames_seen: u64,
    /// Frames decoded.
    pub frames_decoded: u64,
    /// Frames that sampling did not need.
    pub frames_skipped: u64,
    /// Frames flagged as damaged.
    pub frames_corrupt: u64,
    /// Microseconds of footage seen.
    pub seen_us: i64,
}

/// All counters of a run.
#[derive(Default)]
pub struct Progress {
    units: OnceLock<Vec<Arc<UnitProgress>>>,
    cameras: Mutex<BTreeMap<&'static str, CameraCounts>>,
    /// Facts that were known already.
    pub duplicates: AtomicU64,
    /// Epochs committed.
    pub epochs: AtomicU64,
    /// Rows changed in views.
    pub row_changes: AtomicU64,
    /// The tick of the last committed epoch.
    pub committed_tick: AtomicU64,
    /// Microseconds spent in store commits.
    pub commit_us: AtomicU64,
    /// Whether a disk is full, so that nothing is accepted.
    pub disk_full: AtomicBool,
    /// Stretches of the journal that were ever found damaged.
    pub damaged_ranges: AtomicU64,
    /// Their bytes.
    pub damaged_bytes: AtomicU64,
    /// Whether a publication to the lake is under way.
    pub publishing: AtomicBool,
    /// Publications to the lake.
    pub publications: AtomicU64,
    /// Microseconds that the last one took.
    pub publish_us: AtomicU64,
    /// The tick of the last epoch that is in the lake.
    pub published_tick: AtomicU64,
    /// Facts that are journaled and not in the lake.
    pub unpublished: AtomicU64,
}

impl Progress {
    /// Makes room for the counters of `units` units. Called once, before they are read.
    pub fn plan(&self, units: usize) {
        let _ = self.units.set((0..units).map(|_| Arc::default()).collect());
    }

    /// The counters of a unit.
    pub fn unit(&self, index: usize) -> Arc<UnitProgress> {
        self.units.get().and_then(|u| u.get(index)).cloned().unwrap_or_default()
    }

    /// Counts facts that were new.
    pub fn count(&self, facts: &[Fact]) {
        let mut cameras = self.cameras.lock().unwrap_or_else(|e| e.into_inner());
        for fact in facts.iter().filter(|f| f.received_at().is_none()) {
            let counts = cameras.entry(fact.camera().as_str()).or_default();
            *counts.facts.entry(fact.kind().table_name()).or_default() += 1;
            match fact {
                Fact::Fault(fault) => counts.faults += u64::from(fault.count),
                Fact::Coverage(c) => {
                    counts.frames_seen += u64::from(c.frames_seen);
                    counts.frames_decoded += u64::from(c.frames_decoded);
                    counts.frames_skipped += u64::from(c.frames_skipped);
                    counts.frames_corrupt += u64::from(c.frames_corrupt);
                    counts.seen_us += (c.ended - c.started).0;
                }
                _ => {}
            }
        }
    }

    /// A copy of the cameras' counters.
    pub fn cameras(&self) -> BTreeMap<&'static str, CameraCounts> {
        self.cameras.lock().unwrap_or_else(|e| e.into_inner()).clone()
    }
}
