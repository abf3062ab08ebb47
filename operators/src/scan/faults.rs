//! Panics of a library, as `fault` rows: equal ones of one generation and minute are one row.
//!
//! In: the words of a panic and the frame. Out: a row for each kind of words, once its minute is over or the
//! generation ends. State: the rows of the current minute.

use crate::frame::FrameMeta;
use gemba_schemas::fact::{Fact, Fault, FaultKind, Stage};
use gemba_schemas::id::{FactId, Generation, Name};
use gemba_schemas::time::{EventTime, Micros};
use std::collections::BTreeMap;

/// The faults of the current minute.
#[derive(Debug)]
pub(crate) struct Faults {
    camera: Name,
    generation: Generation,
    minute: EventTime,
    open: BTreeMap<String, Fault>,
}

impl Faults {
    /// None yet.
    pub fn new(camera: Name, generation: Generation) -> Self {
        Self { camera, generation, minute: EventTime::MIN, open: BTreeMap::new() }
    }

    /// Gives out the rows of a minute that is over.
    pub fn turn(&mut self, meta: &FrameMeta, out: &mut Vec<Fact>) {
        let minute = meta.ts.floor(Micros::MINUTE);
        if minute != self.minute {
            self.minute = minute;
            out.extend(std::mem::take(&mut self.open).into_values().map(Fact::Fault));
        }
    }

    /// Counts a panic.
    pub fn add(&mut self, meta: &FrameMeta, words: String) {
        let (camera, generation, minute) = (self.camera, self.generation, self.minute);
        let fault = self.open.entry(words).or_insert_with_key(|words| {
            let parts: [&[u8]; 4] = [b"scan", b"library", words.as_bytes(), &minute.0.to_le_bytes()];
            Fault {
                id: FactId::of("fault", camera, generation, &parts),
                camera,
                generation,
                ts: meta.ts,
                frame: meta.number,
                file: meta.file,
                stage: Stage::Scan,
                kind: FaultKind::Library,
                detail: words.clone(),
                count: 0,
            }
        });
        fault.count = fault.count.saturating_add(1);
    }

    /// Gives out what is left.
    pub fn close(self, out: &mut Vec<Fact>) {
        out.extend(self.open.into_values().map(Fact::Fault));
    }
}
