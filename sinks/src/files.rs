//! What the sinks need of a file system: replacing a file durably, and setting a damaged one aside.
//!
//! Invariant: a name under which others look for a file never shows half a file. A file is written under a
//! temporary name, synced, renamed, and then its directory is synced, because the new name lives there.

use crate::error::{At, SinkError};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Suffix of files that are not finished; whoever finds one that is not being written may remove it.
pub(crate) const TEMPORARY: &str = ".tmp";

/// Something that was found damaged, reported, and set aside; never deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file that was damaged.
    pub path: PathBuf,
    /// Where its bytes lie now; `None` when there were none (a missing file).
    pub quarantined: Option<PathBuf>,
    /// What was wrong.
    pub detail: String,
}

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), SinkError> {
    File::open(dir).and_then(|d| d.sync_all()).at(dir)
}

/// Creates a directory and its parents, and makes their names durable.
pub(crate) fn create_dir(dir: &Path) -> Result<(), SinkError> {
    if dir.is_dir() {
        return Ok(());
    }
    if let Some(file) = dir.ancestors().find(|d| d.is_file()) {
        let why = format!("{} is a file", file.display());
        let source = std::io::Error::new(std::io::ErrorKind::NotADirectory, why);
        return Err(SinkError::NotWritable { path: dir.into(), source });
    }
    let missing: Vec<_> = dir.ancestors().take_while(|d| !d.as_os_str().is_empty() && !d.exists()).collect();
    fs::create_dir_all(dir).at(dir)?;
    for made in missing {
        if let Some(parent) = made.parent().filter(|p| !p.as_os_str().is_empty()) {
            sync_dir(parent)?;
        }
    }
    Ok(())
}

/// The temporary name beside `path`.
pub(crate) fn temporary(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(TEMPORARY);
    PathBuf::from(name)
}

/// Gives a written and synced temporary file its name.
pub(crate) fn publish(temporary: &Path, path: &Path) -> Result<(), SinkError> {
    fs::rename(temporary, path).at(path)?;
    path.parent().map_or(Ok(()), sync_dir)
}

/// Replaces the contents of `path` as a whole.
pub(crate) fn replace(path: &Path, contents: &[u8]) -> Result<(), SinkError> {
    let temporary = temporary(path);
    let mut file = File::create(&temporary).at(&temporary)?;
    file.write_all(contents).and_then(|()| file.sync_all()).at(&temporary)?;
    publish(&temporary, path)
}

/// Syncs a finished file and returns its length and crc32c.
pub(crate) fn seal(path: &Path) -> Result<(u64, u32), SinkError> {
    let sealed = checksum(path)?;
    File::open(path).and_then(|f| f.sync_all()).at(path)?;
    Ok(sealed)
}

/// The length and crc32c of a file.
pub(crate) fn checksum(path: &Path) -> Result<(u64, u32), SinkError> {
    let mut file = File::open(path).at(path)?;
    let (mut bytes, mut crc) = (0u64, 0u32);
    let mut chunk = vec![0u8; 1 << 16];
    loop {
        let read = file.read(&mut chunk).at(path)?;
        if read == 0 {
            break;
        }
        bytes += read as u64;
        crc = crc32c::crc32c_append(crc, &chunk[..read]);
    }
    Ok((bytes, crc))
}

/// A free name in `quarantine` (created) for something called `name`.
pub(crate) fn quarantine_name(quarantine: &Path, name: &str) -> Result<PathBuf, SinkError> {
    create_dir(quarantine)?;
    let mut free = quarantine.join(name);
    let mut n = 1;
    while free.exists() {
        free = quarantine.join(format!("{name}.{n}"));
        n += 1;
    }
    Ok(free)
}

/// Moves the damaged `path` into `quarantine`, says so loudly, and returns what was done.
pub(crate) fn set_aside(path: &Path, quarantine: &Path, detail: &str) -> Result<Damage, SinkError> {
    let damage = move_aside(path, quarantine, detail)?;
    let to = damage.quarantined.as_deref().unwrap_or(quarantine).display();
    tracing::error!(file = %path.display(), moved_to = %to, detail, "damaged file set aside");
    Ok(damage)
}

/// Moves `path` into `quarantine` under a free name.
pub(crate) fn move_aside(path: &Path, quarantine: &Path, detail: &str) -> Result<Damage, SinkError> {
    let name = path.file_name().map_or_else(|| "file".into(), |n| n.to_string_lossy().into_owned());
    let to = quarantine_name(quarantine, &name)?;
    fs::rename(path, &to).at(path)?;
    sync_dir(quarantine)?;
    if let Some(parent) = path.parent() {
        sync_dir(parent)?;
    }
    Ok(Damage { path: path.to_path_buf(), quarantined: Some(to), detail: detail.to_owned() })
}
