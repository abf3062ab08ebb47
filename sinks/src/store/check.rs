//! Looking at a store without changing it.

use super::{EpochRow, open, probe_in_child, schema};
use crate::digest::ViewDigest;
use crate::duck::{self, Mode, ident, stream};
use crate::error::{At, SinkError};
use crate::lake::LakeCheck;
use crate::verify::Findings;
use duckdb::Connection;
use gemba_schemas::registry;
use gemba_schemas::view::ViewKind;
use std::path::{Path, PathBuf};

const REBUILD: &str = "`gemba rebuild --site FILE` derives it again";

/// What a look at the store counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct StoreCheck {
    /// Its last epoch.
    pub(crate) epoch: Option<EpochRow>,
    /// Rows of views.
    pub(crate) rows: u64,
}

/// Reads every row of the store at `path` and compares with its digests and with the lake. `program` is the binary
/// whose `probe-store` tries the file first.
pub(crate) fn check(
    path: &Path,
    program: Option<&Path>,
    lake: Option<&LakeCheck>,
    findings: &mut Findings,
) -> Result<StoreCheck, SinkError> {
    if !path.exists() {
        findings.note("store", path, "is not there", "the next start derives it");
        return Ok(StoreCheck::default());
    }
    let look = Look::at(path)?;
    if let Some(detail) = program.and_then(|p| probe_in_child(p, &look.path, look.copied.is_none())) {
        findings.problem("store", path, detail, REBUILD);
        return Ok(StoreCheck::default());
    }
    let checked = duck::open(Some(&look.path), Mode::Read, None)
        .map_err(|e| SinkError::duck("opening it", path, e))
        .and_then(|connection| rows(&connection, path, lake, findings));
    match checked {
        Ok(checked) => Ok(checked),
        Err(error) => {
            findings.problem("store", path, error.to_string(), REBUILD);
            Ok(StoreCheck::default())
        }
    }
}

fn rows(
    connection: &Connection,
    path: &Path,
    lake: Option<&LakeCheck>,
    findings: &mut Findings,
) -> Result<StoreCheck, SinkError> {
    if !schema::fits(connection, path)? {
        findings.note("store", path, "has tables of another version", "the next start derives it again");
        return Ok(StoreCheck::default());
    }
    // One without a digest is what a rebuild begins with.
    let epoch = open::last_epoch(connection, path)?.filter(|e| !e.digest.is_empty());
    let Some(last) = &epoch else {
        findings.note("store", path, "holds no epoch", "the next start derives it again");
        return Ok(StoreCheck::default());
    };
    let digests = schema::digests(connection, path)?;
    let total = ViewDigest::total(digests.values());
    if total.hex() != last.digest {
        findings.problem("store", path, "its digests are not those of its last epoch", REBUILD);
    }
    // An epoch in which only time went by has the rows of the one before, and is not published for its own sake.
    let same = |e: &EpochRow| e.tick == last.tick || (&e.digest, e.journal_seq) == (&last.digest, last.journal_seq);
    let same_epoch = lake.filter(|l| l.epoch.as_ref().is_some_and(same));
    if let (Some(lake), None) = (lake, same_epoch) {
        let tick = lake.epoch.as_ref().map_or(0, |e| e.tick);
        let what = format!("is at tick {}, the lake at {tick}", last.tick);
        findings.note("store", path, what, "the next publication brings the lake to it");
    }
    for (&view, kept) in &digests {
        let (found, young) = view_digests(connection, path, view, lake.and_then(|l| l.views_from.as_deref()))?;
        if found != *kept {
            let what =
                format!("{} has {} rows that are not the {} it counted", view.table_name(), found.rows, kept.rows);
            findings.problem("store", path, what, REBUILD);
        } else if let Some(lake) = same_epoch
            && lake.whole
            && *lake.views.get(&view).unwrap_or(&ViewDigest::default()) != young
        {
            let what = format!("{} differs from the lake's at the same epoch", view.table_name());
            findings.problem("store", path, what, REBUILD);
        }
    }
    if let Some(lake) = lake.filter(|l| l.whole) {
        for (view, changes) in registry::HISTORY {
            if !adds_up(connection, path, *view, changes, lake)? {
                let what = format!("{changes} do not add up to {}", view.table_name());
                findings.problem("store", path, what, REBUILD);
            }
        }
    }
    Ok(StoreCheck { rows: total.rows, epoch })
}

/// The digest of all rows of a view, and of those on dates that the lake still has.
fn view_digests(
    connection: &Connection,
    path: &Path,
    view: ViewKind,
    views_from: Option<&str>,
) -> Result<(ViewDigest, ViewDigest), SinkError> {
    let table = view.table();
    let (mut all, mut young) = (ViewDigest::default(), ViewDigest::default());
    stream(
        connection,
        &format!("SELECT * FROM {}", ident(table.name)),
        [],
        |batch| {
            let rows = view.decode(&batch).map_err(|source| SinkError::Column { table: table.name, source })?;
            all.update_all(view, rows.iter(), 1);
            let stays = |date: String| views_from.is_none_or(|from| date.as_str() >= from);
            young.update_all(view, rows.iter().filter(|r| views_from.is_none() || stays(r.bucket().date())), 1);
            Ok(())
        },
        |e| SinkError::duck(format!("reading {}", table.name), path, e),
    )?;
    Ok((all, young))
}

/// Whether the changes in the lake and in the store add up to the view in the store.
fn adds_up(
    connection: &Connection,
    path: &Path,
    view: ViewKind,
    changes: &str,
    lake: &LakeCheck,
) -> Result<bool, SinkError> {
    let Some((_, published)) = lake.base.views.iter().find(|(v, _)| *v == view) else { return Ok(true) };
    let columns: Vec<_> = view.table().columns.iter().map(|c| ident(c.name)).collect();
    let (columns, name) = (columns.join(", "), ident(view.table_name()));
    let sql = format!(
        "SELECT count(*) FROM (
            SELECT {columns}, sum(n) AS n FROM (
                SELECT {columns}, 1 AS n FROM ({published})
                UNION ALL SELECT {columns}, diff FROM {} WHERE tick > {}
                UNION ALL SELECT {columns}, -1 FROM {name}
            ) GROUP BY {columns} HAVING sum(n) <> 0)",
        ident(changes),
        lake.base.through
    );
    let fail = |e| SinkError::duck(format!("adding up {changes}"), path, e);
    connection.query_row(&sql, [], |r| r.get::<_, i64>(0)).map(|n| n == 0).map_err(fail)
}

/// The file to look at: the store itself, or a copy where looking would write its log into it.
struct Look {
    path: PathBuf,
    copied: Option<PathBuf>,
}

impl Look {
    fn at(path: &Path) -> Result<Self, SinkError> {
        let wal = open::wal_of(path);
        if !wal.exists() {
            return Ok(Self { path: path.into(), copied: None });
        }
        let folder = std::env::temp_dir().join(format!("gemba-verify-{}", std::process::id()));
        std::fs::create_dir_all(&folder).at(&folder)?;
        // From here on the folder goes when this is dropped.
        let look = Self { path: folder.join("store.duckdb"), copied: Some(folder) };
        std::fs::copy(path, &look.path).at(&look.path)?;
        let log = open::wal_of(&look.path);
        std::fs::copy(&wal, &log).at(&log)?;
        // Opened once for writing, the copy takes its log in; what is wrong with it the probe says.
        Ok(look)
    }
}

impl Drop for Look {
    fn drop(&mut self) {
        if let Some(folder) = &self.copied {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}
