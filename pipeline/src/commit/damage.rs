//! Damage of the journal as facts: each stretch that was ever found damaged is one row of `fault`, and two metrics.
//!
//! In: the journal's list of damage. Out: a fact for each stretch that has none yet. Its identity follows from the
//! segment, the stretch and its bytes, so that no start doubles it, and no crash between finding and storing loses it.

use super::{Committer, Loaded};
use gemba_schemas::fact::{Fact, Fault, FaultKind, Stage};
use gemba_schemas::id::{FactId, Generation, Name};
use gemba_sinks::{DamagedRange, SinkError};
use std::sync::atomic::Ordering::Relaxed;

impl Committer {
    /// Reports what is damaged and not stored yet. What was written so long ago that its day is closed shows in the metrics
    /// and the log only: nothing is added to such a day.
    pub(super) fn report_damage(&mut self, loaded: &Loaded) -> Result<(), SinkError> {
        let damaged = self.journal.damaged();
        self.progress.damaged_ranges.store(damaged.len() as u64, Relaxed);
        self.progress.damaged_bytes.store(damaged.iter().map(|d| d.to - d.from).sum(), Relaxed);
        let lake = self.lake.here()?;
        let facts: Vec<Fact> = damaged.iter().filter(|d| !lake.is_over(d.written)).map(fault).collect();
        let stored = |f: &Fact| loaded.ids.get(&(f.camera(), f.generation())).is_some_and(|ids| ids.contains(&f.id()));
        self.gather(facts.into_iter().filter(|f| !stored(f)).collect());
        Ok(())
    }
}

fn fault(damaged: &DamagedRange) -> Fact {
    let (camera, generation) = (Name::default(), Generation(0));
    let DamagedRange { file, from, to, crc32c, written, copy } = damaged;
    let parts: [&[u8]; 4] = [file.as_bytes(), &from.to_le_bytes(), &to.to_le_bytes(), &crc32c.to_le_bytes()];
    Fact::Fault(Fault {
        id: FactId::of("fault", camera, generation, &parts),
        camera,
        generation,
        ts: *written,
        frame: *from,
        file: Name::new(file),
        stage: Stage::Journal,
        kind: FaultKind::Corrupt,
        detail: format!(
            "bytes {from}..{to} of the journal were no valid entries and are lost; the copy is journal/quarantine/{copy}"
        ),
        count: 1,
    })
}
