//! Taking over another lake's facts, to derive other views from them.
//!
//! Listed files never change, so they are linked, not copied, where the file system allows it; the other lake
//! is only read. The views are not taken: they are derived again.

use super::Lake;
use super::listed::LISTED;
use super::manifest::{LakeFile, Part};
use crate::error::{At, SinkError};
use crate::files::{create_dir, replace, sync_dir};
use std::path::Path;

impl Lake {
    /// Makes the facts of the lake (or data directory) `from` those of this one. Does nothing when they are
    /// the same already.
    ///
    /// # Errors
    /// [`SinkError::Request`] when this lake holds other facts.
    pub fn adopt(&mut self, from: &Path) -> Result<(), SinkError> {
        let from = Self::open_read(from)?;
        let facts = |lake: &Self| -> Vec<LakeFile> {
            lake.manifest.files.iter().filter(|f| f.part == Part::Facts).cloned().collect()
        };
        let (theirs, ours) = (facts(&from), facts(self));
        if theirs == ours {
            return Ok(());
        }
        if !ours.is_empty() {
            return Err(SinkError::Request(format!(
                "{} holds other facts than {}: give a new folder, so that neither is lost",
                self.dir.display(),
                from.dir.display()
            )));
        }
        for file in &theirs {
            let (source, target) = (from.dir.join(&file.path), self.dir.join(&file.path));
            let parent = target.parent().unwrap_or(&self.dir).to_path_buf();
            create_dir(&parent)?;
            if std::fs::hard_link(&source, &target).is_err() {
                std::fs::copy(&source, &target).at(&target)?;
                std::fs::File::open(&target).and_then(|f| f.sync_all()).at(&target)?;
            }
            sync_dir(&parent)?;
        }
        // Visits there were before or after a plate was listed.
        if let Ok(listed) = std::fs::read(from.dir.join(LISTED)) {
            replace(&self.dir.join(LISTED), &listed)?;
        }
        let mut next = self.manifest.clone();
        next.files.extend(theirs);
        // What follows from facts that left there cannot be derived here.
        next.facts_from.clone_from(&from.manifest.facts_from);
        next.next_file = next.next_file.max(from.manifest.next_file);
        next.sort();
        next.write(&self.dir)?;
        self.manifest = next;
        self.refresh_catalog();
        Ok(())
    }
}
