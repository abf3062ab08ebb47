//! The data directory: where the parts lie, and that only one process works on them.
//!
//! ```text
//! OUT/gemba.lock      flock, holder's process id as text
//! OUT/journal/        see `journal`
//! OUT/store.duckdb    see `store`   (may lie elsewhere)
//! OUT/lake/           see `lake`    (may lie elsewhere; then it has a lock of its own)
//! ```
//!
//! The lock is the kernel's and goes with the process, however that ends; the file stays and means nothing.

use crate::error::{At, SinkError};
use crate::files::create_dir;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

/// Where the parts of a data directory lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataPaths {
    /// The directory itself: lock, journal, temporary files.
    pub dir: PathBuf,
    /// The lake's folder.
    pub lake: PathBuf,
    /// The store's file.
    pub store: PathBuf,
}

impl DataPaths {
    /// The default places under `dir`.
    pub fn under(dir: &Path) -> Self {
        Self { dir: dir.into(), lake: dir.join("lake"), store: dir.join("store.duckdb") }
    }

    /// The journal's folder.
    pub fn journal(&self) -> PathBuf {
        self.dir.join("journal")
    }
}

/// The right to work on a data directory; given up when dropped.
#[derive(Debug)]
pub struct DirLock {
    _held: Vec<File>,
}

impl DirLock {
    /// Creates the directory and takes its lock. Fails with [`SinkError::Locked`] when another process
    /// (or another lock of this one) holds it.
    pub fn take(paths: &DataPaths) -> Result<Self, SinkError> {
        let mut held = vec![lock(&paths.dir)?];
        if !paths.lake.starts_with(&paths.dir) {
            held.push(lock(&paths.lake)?);
        }
        Ok(Self { _held: held })
    }
}

/// A data directory that this process holds.
#[derive(Debug)]
pub struct DataDir {
    /// Where its parts lie.
    pub paths: DataPaths,
    _lock: DirLock,
}

impl DataDir {
    /// Creates the directory and takes its lock.
    pub fn take(paths: DataPaths) -> Result<Self, SinkError> {
        let lock = DirLock::take(&paths)?;
        Ok(Self { paths, _lock: lock })
    }
}

/// Whether a process works on a data directory.
pub(crate) enum Held {
    /// None does, and none can as long as these are kept.
    Free(#[expect(dead_code, reason = "kept for their locks")] Vec<File>),
    /// The one with this id.
    By(String),
}

/// Looks whether a data directory is free, and keeps it so, without writing anything.
pub(crate) fn held(paths: &DataPaths) -> Result<Held, SinkError> {
    let mut files = Vec::new();
    let own_lock = !paths.lake.starts_with(&paths.dir);
    for dir in [Some(&paths.dir), own_lock.then_some(&paths.lake)].into_iter().flatten() {
        let path = dir.join(LOCK);
        let file = match File::open(&path) {
            // Nobody ever worked here.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
            other => other.at(&path)?,
        };
        match file.try_lock() {
            Ok(()) => files.push(file),
            Err(TryLockError::WouldBlock) => return Ok(Held::By(holder(file))),
            Err(TryLockError::Error(e)) => return Err(SinkError::io(&path, e)),
        }
    }
    Ok(Held::Free(files))
}

/// What the holder of a lock wrote into it.
fn holder(mut file: File) -> String {
    let mut pid = String::new();
    let read = file.read_to_string(&mut pid);
    if read.is_ok() && !pid.trim().is_empty() { pid.trim().to_owned() } else { "unknown".into() }
}

const LOCK: &str = "gemba.lock";

fn lock(dir: &Path) -> Result<File, SinkError> {
    create_dir(dir)?;
    let path = dir.join(LOCK);
    // Not truncated on opening: until the lock is ours, the text is the holder's.
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).at(&path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(SinkError::Locked { path: dir.to_path_buf(), pid: holder(file) });
        }
        Err(TryLockError::Error(e)) => return Err(SinkError::io(&path, e)),
    }
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| file.write_all(format!("{}\n", std::process::id()).as_bytes()))
        .at(&path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_lock_names_the_holder_and_a_dropped_one_frees() {
        let dir = tempfile::tempdir().unwrap();
        let paths = DataPaths::under(&dir.path().join("deep/out"));
        let first = DirLock::take(&paths).unwrap();
        match DirLock::take(&paths) {
            Err(SinkError::Locked { pid, .. }) => assert_eq!(pid, std::process::id().to_string()),
            other => panic!("{other:?}"),
        }
        drop(first);
        DirLock::take(&paths).unwrap();
    }

    #[test]
    fn a_lake_elsewhere_is_locked_too() {
        let dir = tempfile::tempdir().unwrap();
        let lake = dir.path().join("lake");
        let one = DataPaths { lake: lake.clone(), ..DataPaths::under(&dir.path().join("a")) };
        let two = DataPaths { lake, ..DataPaths::under(&dir.path().join("b")) };
        let _held = DirLock::take(&one).unwrap();
        assert!(matches!(DirLock::take(&two), Err(SinkError::Locked { .. })));
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = DirLock::take(&DataPaths::under(&file.join("out"))).unwrap_err();
        assert!(matches!(&error, SinkError::NotWritable { .. }), "{error:?}");
        assert!(error.to_string().contains("file/out"), "{error}");
    }
}
