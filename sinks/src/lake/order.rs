//! Putting a lake in order when it is opened: damaged files set aside, what nobody lists removed.

#![expect(clippy::disallowed_methods, reason = "a superseded file stays for a time by the wall clock")]

use super::Lake;
use super::manifest::{Manifest, Part};
use super::parquet::unlink;
use crate::error::{At, SinkError};
use crate::files::{Damage, TEMPORARY, checksum, set_aside};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Seconds by the wall clock.
pub(super) fn seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

impl Lake {
    /// Takes files off the list that are missing or are not what was written. Views are written again by the
    /// next publication, changes are made up for when the store is rebuilt; facts are lost, and loudly so.
    pub(super) fn check_files(&mut self) -> Result<(), SinkError> {
        let quarantine = self.dir.join("quarantine");
        let mut wrong = Vec::new();
        for file in &self.manifest.files {
            let path = self.dir.join(&file.path);
            if let Some(detail) = checksum_differs(&path, file.bytes, file.crc32c)? {
                wrong.push((file.clone(), path, detail));
            }
        }
        for (file, path, detail) in &wrong {
            if path.exists() {
                self.damage.push(set_aside(path, &quarantine, detail)?);
            } else {
                tracing::error!(file = %path.display(), rows = file.rows, "listed file is missing");
                self.damage.push(Damage { path: path.clone(), quarantined: None, detail: detail.clone() });
            }
            match file.part {
                Part::Views => {
                    self.manifest.stale.insert((file.table.clone(), file.date.clone()));
                }
                Part::Changes => self.manifest.changes_lost = true,
                Part::Facts => {
                    tracing::error!(table = file.table, date = file.date, rows = file.rows, "facts are lost");
                }
            }
        }
        if !wrong.is_empty() {
            self.manifest.files.retain(|f| !wrong.iter().any(|(w, ..)| w.path == f.path));
            self.manifest.write(&self.dir)?;
        }
        Ok(())
    }

    /// Removes superseded files whose grace is over: the manifest forgets them first.
    pub(super) fn remove_superseded(&mut self) -> Result<(), SinkError> {
        let expired = self.manifest.expire(seconds(), self.grace.as_secs());
        if !expired.is_empty() {
            self.manifest.write(&self.dir)?;
            expired.iter().try_for_each(|path| unlink(&self.dir.join(path)))?;
        }
        Ok(())
    }

    /// Removes our own files that the manifest knows nothing of.
    pub(super) fn remove_strays(&self) -> Result<(), SinkError> {
        for path in strays(&self.dir, &self.manifest)? {
            tracing::info!(file = %path.display(), "removed: left by an interrupted publication");
            fs::remove_file(&path).at(&path)?;
        }
        Ok(())
    }
}

/// What is wrong with a file that should have this length and checksum.
pub(super) fn checksum_differs(path: &Path, bytes: u64, crc32c: u32) -> Result<Option<String>, SinkError> {
    match fs::metadata(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Some("is missing".into())),
        Err(e) => return Err(SinkError::io(path, e)),
        Ok(found) if found.len() != bytes => return Ok(Some(format!("has {} bytes instead of {bytes}", found.len()))),
        Ok(_) => {}
    }
    let (_, found) = checksum(path)?;
    Ok((found != crc32c).then(|| "has other bytes than were written (crc32c)".into()))
}

/// Our own files that the manifest knows nothing of.
pub(super) fn strays(dir: &Path, manifest: &Manifest) -> Result<Vec<PathBuf>, SinkError> {
    let known: BTreeSet<_> = (manifest.files.iter().map(|f| &f.path))
        .chain(manifest.superseded.iter().map(|s| &s.path))
        .map(|p| dir.join(p))
        .collect();
    Ok(parts(dir)?.into_iter().filter(|path| !known.contains(path)).collect())
}

/// Every file of our naming in the partitions of the lake, finished or not.
pub(super) fn parts(dir: &Path) -> Result<Vec<PathBuf>, SinkError> {
    let ours = |path: &Path| {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let stem = name.strip_suffix(TEMPORARY).unwrap_or(&name).strip_suffix(".parquet").unwrap_or_default();
        stem.strip_prefix("part-").is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    };
    let list = |dir: &Path| -> Result<Vec<PathBuf>, SinkError> {
        if !dir.is_dir() {
            return Ok(Vec::new());
        }
        fs::read_dir(dir).at(dir)?.map(|e| e.map(|e| e.path()).at(dir)).collect()
    };
    let mut found = Vec::new();
    for part in Part::ALL {
        for table in list(&dir.join(part.folder()))? {
            for date in list(&table)? {
                found.extend(list(&date)?.into_iter().filter(|p| ours(p)));
            }
        }
    }
    found.sort();
    Ok(found)
}
