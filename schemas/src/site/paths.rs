//! Where things lie: relative paths of a site file start at its folder.

use super::{Camera, Model, Site};
use crate::time::EventTime;
use std::path::{Path, PathBuf};

/// Where a site's data lies, resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataPaths {
    /// The folder of everything below unless the site says otherwise.
    pub dir: PathBuf,
    /// Folder of the journal.
    pub journal: PathBuf,
    /// The DuckDB store.
    pub store: PathBuf,
    /// Folder of the lake.
    pub lake: PathBuf,
}

impl DataPaths {
    /// Everything under one folder.
    pub fn under(dir: &Path) -> Self {
        Self { journal: dir.join("journal"), store: dir.join("store.duckdb"), lake: dir.join("lake"), dir: dir.into() }
    }
}

impl Site {
    /// A path of the file, resolved against its folder; absolute paths stay as they are.
    pub fn resolve(&self, path: impl AsRef<Path>) -> PathBuf {
        self.base.join(path)
    }

    /// Where the data lies. `out` (the command line's `--out`) puts everything under that folder, whatever
    /// `[data]` says, so that a trial run never writes into the site's own lake.
    pub fn data_paths(&self, out: Option<&Path>) -> DataPaths {
        if let Some(out) = out {
            return DataPaths::under(out);
        }
        let mut paths = DataPaths::under(&self.resolve(&self.data.dir));
        if let Some(lake) = &self.data.lake {
            paths.lake = self.resolve(lake);
        }
        if let Some(store) = &self.data.store {
            paths.store = self.resolve(store);
        }
        paths
    }

    /// The camera of this name.
    pub fn camera(&self, name: &str) -> Option<&Camera> {
        self.cameras.iter().find(|c| c.name == name)
    }

    /// The model of this name; `None` for `motion`, which is no file.
    pub fn model(&self, name: &str) -> Option<&Model> {
        self.models.iter().find(|m| m.name == name)
    }

    /// The camera's footage as a path or glob, resolved.
    pub fn source_of(&self, camera: &Camera) -> Option<PathBuf> {
        camera.source.as_ref().map(|s| self.resolve(s))
    }
}

impl Camera {
    /// `start` as an instant.
    pub fn start_time(&self) -> Option<EventTime> {
        let start: jiff::Timestamp = self.start.as_deref()?.parse().ok()?;
        Some(EventTime(start.as_microsecond()))
    }
}
