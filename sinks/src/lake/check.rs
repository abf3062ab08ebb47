//! Looking at a lake without changing it.

use super::manifest::{LakeFile, Manifest, Part};
use super::order::{checksum_differs, strays};
use super::{Lake, catalog};
use crate::digest::ViewDigest;
use crate::duck::{ident, stream, text};
use crate::error::SinkError;
use crate::store::{Base, EpochRow};
use crate::verify::Findings;
use gemba_schemas::view::ViewKind;
use std::collections::BTreeMap;
use std::path::Path;

/// What a look at the lake counted.
pub(crate) struct LakeCheck {
    /// Listed files.
    pub(crate) files: u64,
    /// Facts in them.
    pub(crate) facts: u64,
    /// The epoch that the views are of.
    pub(crate) epoch: Option<EpochRow>,
    /// The digest of each view's rows.
    pub(crate) views: BTreeMap<ViewKind, ViewDigest>,
    /// Whether every file is as it was written, so that the views can be compared.
    pub(crate) whole: bool,
    /// Rows of views before this date have left.
    pub(crate) views_from: Option<String>,
    /// What the changes add up to.
    pub(crate) base: Base,
}

/// Checks every file of the lake in `dir` against the manifest, and the catalog. With `live` another process
/// publishes meanwhile. `None` when there is no lake.
pub(crate) fn check(dir: &Path, live: bool, findings: &mut Findings) -> Result<Option<LakeCheck>, SinkError> {
    if !dir.is_dir() {
        return Ok(None);
    }
    let lake = match Lake::open_read(dir) {
        Ok(lake) => lake,
        Err(error @ (SinkError::Damaged { .. } | SinkError::Version { .. })) => {
            findings.problem("lake", dir, error.to_string(), "without it the lake's files cannot be told");
            return Ok(None);
        }
        Err(SinkError::Request(_)) => {
            if !super::parts(dir)?.is_empty() {
                let what = "holds files but no manifest.json";
                findings.problem("lake", dir, what, "restore it from a backup, or move the folder away");
            }
            return Ok(None);
        }
        Err(other) => return Err(other),
    };
    let manifest = &lake.manifest;
    let mut views: BTreeMap<ViewKind, ViewDigest> = BTreeMap::new();
    let mut whole = true;
    for file in &manifest.files {
        if let Some(what) = lake.wrong(file, &mut views)? {
            // The process that publishes may have taken it off the list, and after its grace away.
            if live && Manifest::read(dir)?.is_none_or(|now| now.files.iter().all(|f| f.path != file.path)) {
                whole = false;
                continue;
            }
            whole = false;
            findings.problem("lake", &dir.join(&file.path), what, todo(file));
        }
    }
    if manifest.changes_lost {
        whole = false;
        findings.problem("lake", dir, "a file of changes was lost", "the next start makes up for it");
    }
    if !live {
        for path in strays(dir, manifest)? {
            findings.note(
                "lake",
                &path,
                "is listed nowhere",
                "an interrupted publication left it; the next start removes it",
            );
        }
    }
    let path = dir.join(catalog::CATALOG);
    match catalog::compare(dir, manifest)? {
        catalog::Catalog::Current => {}
        catalog::Catalog::Earlier => {
            let todo = if live { "it is about to be replaced" } else { "the next start makes it anew" };
            findings.note("catalog", &path, "is of an earlier epoch, and whole", todo);
        }
        // The list that it is compared with is not the one that it was made from.
        catalog::Catalog::Wrong(_) if live && Manifest::read(dir)?.as_ref() != Some(manifest) => {}
        catalog::Catalog::Wrong(what) => {
            findings.problem("catalog", &path, what, "the next start makes it anew; was the folder moved?");
        }
    }
    let (_, facts, _) = lake.fact_totals();
    Ok(Some(LakeCheck {
        files: manifest.files.len() as u64,
        facts,
        epoch: manifest.epoch.clone(),
        views,
        whole,
        views_from: manifest.views_from.clone(),
        base: lake.changes_base(),
    }))
}

fn todo(file: &LakeFile) -> &'static str {
    match file.part {
        Part::Facts => {
            "restore it from a backup; otherwise the next start sets it aside, and its facts are lost unless their \
             footage is read or their events are sent again"
        }
        Part::Views => "the next start writes it again from the store",
        Part::Changes => "the next start makes up for it; what was reported before cannot be told any more",
    }
}

impl Lake {
    /// What is wrong with a listed file; the rows of a view's file are added to its digest.
    fn wrong(&self, file: &LakeFile, views: &mut BTreeMap<ViewKind, ViewDigest>) -> Result<Option<String>, SinkError> {
        let path = self.dir.join(&file.path);
        if let Some(differs) = checksum_differs(&path, file.bytes, file.crc32c)? {
            return Ok(Some(differs));
        }
        let Some(table) = file.part.table(&file.table) else {
            return Ok(Some(format!("belongs to `{}`, which this gemba does not know", file.table)));
        };
        let from = catalog::read(&table, &[text(&path.to_string_lossy())]);
        let bucket = ident(table.bucket);
        let sql = format!("SELECT count(*), epoch_us(min({bucket})), epoch_us(max({bucket})) FROM {from}");
        let counted = self.connection.query_row(&sql, [], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)));
        let counted: (u64, Option<i64>, Option<i64>) = match counted {
            Ok(counted) => counted,
            Err(e) => return Ok(Some(format!("cannot be read: {e}"))),
        };
        if counted != (file.rows, Some(file.min_ts), Some(file.max_ts)) {
            return Ok(Some(format!("holds {} rows and other times than listed ({} rows)", counted.0, file.rows)));
        }
        if let Some(view) = ViewKind::by_name(&file.table).filter(|_| file.part == Part::Views) {
            let digest = views.entry(view).or_default();
            let add = |batch| {
                let rows = view.decode(&batch).map_err(|source| SinkError::Column { table: table.name, source })?;
                digest.update_all(view, rows.iter(), 1);
                Ok(())
            };
            let fail = |e| SinkError::duck(format!("reading {}", path.display()), &path, e);
            if let Err(error) = stream(&self.connection, &format!("SELECT * FROM {from}"), [], add, fail) {
                return Ok(Some(format!("cannot be read: {error}")));
            }
        }
        Ok(None)
    }
}
