//! What can go wrong in a sink, told apart by what the caller should do about it.

use gemba_schemas::column::ColumnError;
use std::io;
use std::path::{Path, PathBuf};

/// A failure of the journal, the store or the lake.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// Another process works on this directory. Wait for it, stop it, or choose another directory.
    #[error("{} is in use by another gemba (process {pid}): stop it or choose another directory", .path.display())]
    Locked {
        /// The directory.
        path: PathBuf,
        /// The holder's process id, as it wrote it; `unknown` when it could not be read.
        pid: String,
    },
    /// The path may not be written. Nothing was changed.
    #[error("cannot write to {}: {source}: make it writable or choose another directory", .path.display())]
    NotWritable {
        /// What could not be created or written.
        path: PathBuf,
        /// The operating system's words.
        source: io::Error,
    },
    /// No space. Nothing was lost; the same call may be repeated when there is space again.
    #[error("no space left for {}: free some and try again", .path.display())]
    DiskFull {
        /// What was being written.
        path: PathBuf,
    },
    /// Stored bytes are not what was written. What could be set aside lies in a quarantine folder.
    #[error("{} is damaged: {detail}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        detail: String,
    },
    /// A sync failed, so what the disk holds is unknown. Stop the process; a new start recovers.
    #[error("{} could not be made durable; stop and start again to recover: {detail}", .path.display())]
    Poisoned {
        /// The file.
        path: PathBuf,
        /// The first failure's words.
        detail: String,
    },
    /// Written by a version of Gemba that this one does not read.
    #[error("{} has format version {found}, this gemba reads {expected}: {}", .path.display(), way_out(*.found, *.expected))]
    Version {
        /// The file.
        path: PathBuf,
        /// The version found.
        found: u32,
        /// The version read by this build.
        expected: u32,
    },
    /// The store does not hold what an epoch takes back, or holds what it adds: rebuild the store.
    #[error("the store and the views have diverged ({0}): rebuild the store")]
    Diverged(String),
    /// A question that cannot be answered as put (unknown column, bad cursor, not a SELECT).
    #[error("{0}")]
    Request(String),
    /// DuckDB refused a user's query; its own words, with the position.
    #[error("{0}")]
    Query(String),
    /// DuckDB failed at something of ours.
    #[error("{doing}: {source}")]
    Duck {
        /// What was being done.
        doing: String,
        /// DuckDB's words.
        source: Box<duckdb::Error>,
    },
    /// A stored column does not decode as the row type.
    #[error("{table}: {source}")]
    Column {
        /// The table.
        table: &'static str,
        /// What does not fit.
        source: ColumnError,
    },
    /// Another failure of the file system.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The operating system's words.
        source: io::Error,
    },
}

/// What to do about a file of another version.
fn way_out(found: u32, expected: u32) -> &'static str {
    if found > expected {
        "a newer gemba wrote it; install that one (`gemba --version` tells which one this is)"
    } else {
        "that format is no longer read; use the gemba that wrote it (`gemba --version` tells which one this is), or read \
         the footage again into a new directory: `gemba replay --out DIR`"
    }
}

impl SinkError {
    /// Sorts a failure of the file system by what to do about it.
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::NotADirectory => {
                Self::NotWritable { path, source }
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
            _ => Self::Io { path, source },
        }
    }

    /// Sorts a failure of DuckDB on `path` the same way; its errors are text.
    pub(crate) fn duck(doing: impl Into<String>, path: &Path, source: duckdb::Error) -> Self {
        let text = source.to_string();
        if text.contains("No space left") || text.contains("not enough disk space") {
            Self::DiskFull { path: path.to_path_buf() }
        } else if text.contains("Permission denied") || text.contains("Read-only file system") {
            Self::NotWritable { path: path.to_path_buf(), source: io::Error::other(text) }
        } else {
            Self::Duck { doing: doing.into(), source: Box::new(source) }
        }
    }
}

/// Gives `?` the path that the operating system's error lacks.
pub(crate) trait At<T> {
    /// The same result, its error naming `path`.
    fn at(self, path: &Path) -> Result<T, SinkError>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, path: &Path) -> Result<T, SinkError> {
        self.map_err(|e| SinkError::io(path, e))
    }
}
