//! Joining: many small files of a table and day become one, as a part of a publication.

use super::catalog;
use super::manifest::{LakeFile, Part};
use super::parquet::{Generations, unlink};
use super::publish::Attempt;
use crate::duck::{file_order, text};
use crate::error::SinkError;
use std::collections::BTreeMap;

/// More files than this of one kind and day are joined to one.
const FILES_PER_DAY: usize = 8;

impl Attempt<'_> {
    /// Joins the small files of a table and day to one when there are many. Views have one as it is.
    pub(super) fn compact(&mut self, compacted: u64) -> Result<(), SinkError> {
        let mut days: BTreeMap<(String, String), Vec<LakeFile>> = BTreeMap::new();
        for file in self.next.files.iter().filter(|f| f.part != Part::Views && f.bytes < compacted) {
            days.entry((file.table.clone(), file.date.clone())).or_default().push(file.clone());
        }
        for files in days.into_values().filter(|files| files.len() > FILES_PER_DAY) {
            let mut generations = Generations::new();
            for (camera, own) in files.iter().flat_map(|f| &f.generations) {
                generations.entry(camera.clone()).or_default().extend(own);
            }
            let (table, date) = files.first().map_or(("", ""), |f| (&f.table, &f.date));
            tracing::debug!(table, date, files = files.len(), "joining small files");
            self.join(&files, "", generations)?;
            tracing::debug!(table, date, "joined small files");
            for file in &files {
                if self.made.contains(file) {
                    // Never listed, so nobody reads it.
                    self.next.files.retain(|f| f.path != file.path);
                    unlink(&self.dir.join(&file.path))?;
                } else {
                    self.next.supersede(&file.path, self.now);
                }
            }
        }
        Ok(())
    }

    /// Writes the rows of files of one table and day to a new one.
    pub(super) fn join(&mut self, files: &[LakeFile], filter: &str, generations: Generations) -> Result<(), SinkError> {
        let Some(first) = files.first() else { return Ok(()) };
        let Some(table) = first.part.table(&first.table) else {
            return Err(SinkError::Damaged {
                path: self.dir.join(&first.path),
                detail: format!("this gemba knows no table called {}: use the gemba that wrote it", first.table),
            });
        };
        let paths: Vec<_> = files.iter().map(|f| text(&self.dir.join(&f.path).to_string_lossy())).collect();
        let order = file_order(&table);
        let select = format!("SELECT * FROM {} {filter} ORDER BY {order}", catalog::read(&table, &paths));
        let connection = self.connection;
        let file = self.write(connection, &select, first.part, &table, &first.date, generations)?;
        self.next.files.extend(file);
        Ok(())
    }
}
