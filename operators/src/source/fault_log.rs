//! Faults, counted: equal faults of one generation and minute are one row.
//!
//! In: what went wrong, where. Out: a `Fault` fact per (minute since the generation's start, file, kind, words),
//! with a count, once that minute is closed, so that a row never changes after it was given out. State: the
//! faults of open minutes.

use gemba_schemas::fact::{Fact, Fault, FaultKind, Stage};
use gemba_schemas::id::{FactId, Generation, Name};
use gemba_schemas::time::{EventTime, Micros};
use std::collections::BTreeMap;

/// The faults of one stage of one camera.
#[derive(Debug)]
pub(crate) struct FaultLog {
    camera: Name,
    stage: Stage,
    generation: Generation,
    /// Minutes before this one are closed.
    closed: i64,
    open: BTreeMap<(i64, &'static str, FaultKind, String), Fault>,
}

/// Where something went wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spot {
    /// Event time.
    pub ts: EventTime,
    /// File without the folder.
    pub file: Name,
    /// Number of the frame within the file.
    pub frame: u64,
}

impl FaultLog {
    pub(crate) fn new(camera: Name, stage: Stage) -> Self {
        Self { camera, stage, generation: Generation(0), closed: i64::MIN, open: BTreeMap::new() }
    }

    /// Starts a generation: gives out what the last one left.
    pub(crate) fn start(&mut self, generation: Generation, facts: &mut Vec<Fact>) {
        self.finish(facts);
        self.generation = generation;
        self.closed = i64::MIN;
    }

    /// Goes on in `generation`, which may be the one it is in.
    pub(crate) fn enter(&mut self, generation: Generation, facts: &mut Vec<Fact>) {
        if self.generation != generation {
            self.start(generation, facts);
        }
    }

    /// Counts a fault. One that belongs to a closed minute counts in the first open one.
    pub(crate) fn note(&mut self, at: Spot, kind: FaultKind, detail: String) {
        let minute = (at.ts.0 - self.generation.0).div_euclid(Micros::MINUTE.0).max(self.closed);
        let key = (minute, at.file.as_str(), kind, detail);
        if let Some(fault) = self.open.get_mut(&key) {
            fault.count += 1;
            return;
        }
        let parts: [&[u8]; 5] = [
            self.stage.as_str().as_bytes(),
            kind.as_str().as_bytes(),
            at.file.as_str().as_bytes(),
            &minute.to_le_bytes(),
            key.3.as_bytes(),
        ];
        let fault = Fault {
            id: FactId::of("fault", self.camera, self.generation, &parts),
            camera: self.camera,
            generation: self.generation,
            ts: at.ts,
            frame: at.frame,
            file: at.file,
            stage: self.stage,
            kind,
            detail: key.3.clone(),
            count: 1,
        };
        self.open.insert(key, fault);
    }

    /// Gives out the faults of minutes that end at or before `ts`: nothing before it is noted any more.
    pub(crate) fn close(&mut self, ts: EventTime, facts: &mut Vec<Fact>) {
        let minute = (ts.0.saturating_sub(self.generation.0)).div_euclid(Micros::MINUTE.0);
        self.closed = self.closed.max(minute);
        while let Some(entry) = self.open.first_entry() {
            if entry.key().0 >= minute {
                break;
            }
            facts.push(entry.remove().into());
        }
    }

    /// Gives out everything.
    pub(crate) fn finish(&mut self, facts: &mut Vec<Fact>) {
        facts.extend(std::mem::take(&mut self.open).into_values().map(Fact::from));
    }
}
