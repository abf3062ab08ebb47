//! Retention: what is old leaves, file by file, and what was derived from it stays.
//!
//! *Age* is counted back from the epoch's `now` (not beyond the clock's), so recorded footage of last year is not
//! old by itself. *Views* leave by UTC date. *Facts* leave by whole months, because a month's sums are derived from
//! all of it: of the latest first of a month `M` that is `facts_days` ago, everything before `M − 3 days` leaves.
//!
//! *What is derived from facts that left is final.* A start derives every view again from the facts there are; of
//! months without facts it would find nothing and take their rows back. Therefore rows of views whose bucket lies
//! before `M − 1 day` are neither derived nor changed any more ([`Kept`]): they stay in the store as they are, and a
//! store that is lost takes them from the lake's views. The two days of facts before are there for what lies across
//! midnight: a session that began the day before, the people who were inside, a shift's marks. They are at least as
//! old as the horizon, so no fact that still counts can change them; other rules, a deletion by a client, or footage
//! of that time that is read later do not change them either.
//!
//! Exceptions. `coverage` stays for ever: it is small, and by it footage is known to have been read. Rows without a
//! time in their key (`unregistered`, `quality_cameras`) say what follows from the facts that are there. A row of
//! `late_facts` stays when its fact leaves. Changes of views stay.
//!
//! A view's row that left the lake stays in the store, and stays out of the lake: the publisher writes no partition
//! of a date that has left. Where its facts have left too, a store that is lost takes it along: `views_days` should
//! not be shorter than `facts_days` where that matters.
//!
//! Order: the manifest without the files, durable; then, after the grace, the files. A crash in between leaves files
//! that are still remembered as superseded.

use super::Lake;
use super::manifest::{LakeFile, Manifest, Part};
use super::order::seconds;
use crate::error::{At, SinkError};
use gemba_schemas::calendar::Day;
use gemba_schemas::fact::FactKind;
use gemba_schemas::site::Retention;
use gemba_schemas::time::{EventTime, Micros};
use gemba_schemas::view::{ViewKind, ViewRow};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

pub(super) const DAY: i64 = 24 * Micros::HOUR.0;

/// Days of facts that stay before the first row that is still derived, and days of that row before the month.
const ACROSS: i32 = 2;
const ZONES: i32 = 1;

/// What leaves, or has left.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Leaving {
    /// By kind (`facts`, `views`, `evidence`, `snapshots`) and table or folder: files, rows and bytes.
    pub parts: BTreeMap<String, Amount>,
    /// Facts of UTC dates before this one are gone then.
    pub facts_from: Option<String>,
    /// Rows of views of UTC dates before this one are gone then.
    pub views_from: Option<String>,
}

/// How much of one kind leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Amount {
    /// Files.
    pub files: u64,
    /// Rows in them; 0 for pictures.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Leaving {
    /// Whether nothing leaves.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The bytes that become free.
    pub fn bytes(&self) -> u64 {
        self.parts.values().map(|a| a.bytes).sum()
    }

    fn count(&mut self, what: String, rows: u64, bytes: u64) {
        let amount = self.parts.entry(what).or_default();
        *amount = Amount { files: amount.files + 1, rows: amount.rows + rows, bytes: amount.bytes + bytes };
    }
}

/// Which rows are final, because facts from which they follow have left the lake or are sealed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    before: Option<EventTime>,
}

impl Kept {
    /// Rows of a view whose bucket lies before this are final; `None` where none are.
    pub fn before(&self, view: ViewKind) -> Option<EventTime> {
        self.before.filter(|_| timed(view))
    }

    /// Whether this row is final: no fact that is there says anything about it.
    pub fn holds(&self, row: &ViewRow) -> bool {
        self.before.is_some_and(|before| row.bucket() < before) && timed(row.kind())
    }

    #[cfg(test)]
    pub(crate) fn sealed(before: EventTime) -> Self {
        Self { before: Some(before) }
    }

    /// Leaves out the changes of final rows; returns how many these were.
    pub fn leave_out<D>(&self, changes: &mut Vec<(ViewRow, D)>) -> usize {
        let count = changes.len();
        if self.before.is_some() {
            changes.retain(|(row, _)| !self.holds(row));
        }
        count - changes.len()
    }
}

/// Whether the rows of a view have their time in their key: then a row is of that time and no other.
fn timed(view: ViewKind) -> bool {
    let table = view.table();
    table.key.contains(&table.bucket)
}

impl Lake {
    /// The same lake with a retention; `dir` is the data directory, whose pictures are meant.
    pub fn with_retention(mut self, retention: Retention, dir: &Path) -> Self {
        self.retention = Some((retention, dir.into()));
        self
    }

    /// Which rows of views are final.
    pub fn kept(&self) -> Kept {
        let from = self.manifest.facts_from.as_deref().max(self.manifest.sealed_from.as_deref()).and_then(Day::parse);
        Kept { before: from.map(|day| EventTime(i64::from(day.plus(ACROSS).0) * DAY)) }
    }

    /// What would leave if the site's latest time were `now`.
    pub fn leaving(&self, now: EventTime) -> Result<Leaving, SinkError> {
        self.plan(now).map(|plan| plan.leaving)
    }

    /// Lets leave what is too old. The manifest is durable when this returns; files of the lake stay on the disk
    /// for the grace period.
    pub fn retain(&mut self, now: EventTime) -> Result<Leaving, SinkError> {
        let plan = self.plan(now)?;
        let mut next = self.manifest.clone();
        let today = seconds();
        for path in &plan.files {
            next.supersede(path, today);
        }
        next.facts_from.clone_from(&plan.leaving.facts_from);
        next.views_from.clone_from(&plan.leaving.views_from);
        if next != self.manifest {
            self.replace_manifest(next)?;
            self.refresh_catalog();
        }
        for picture in &plan.pictures {
            std::fs::remove_file(picture).at(picture)?;
        }
        self.retained_on = today / 86_400;
        if !plan.leaving.is_empty() {
            tracing::info!(bytes = plan.leaving.bytes(), "retention: old files left");
        }
        Ok(plan.leaving)
    }

    /// Whether a publication is due though nothing is new: files to write again, or old ones that should leave.
    pub fn is_due(&self, now: EventTime) -> bool {
        let retain = self.retained_on != seconds() / 86_400 && self.leaving(now).is_ok_and(|l| !l.is_empty());
        !self.manifest.stale.is_empty() || self.manifest.changes_lost || retain
    }

    /// Once a day, after a publication. A failure is said, and tried again with the next one.
    pub(super) fn retain_daily(&mut self, now: EventTime) {
        if self.retention.is_some()
            && self.retained_on != seconds() / 86_400
            && let Err(error) = self.retain(now)
        {
            tracing::warn!(%error, "retention failed; it is tried again with the next publication");
        }
    }

    fn plan(&self, now: EventTime) -> Result<Plan, SinkError> {
        let mut plan = Plan::default();
        let Some((retention, dir)) = &self.retention else { return Ok(plan) };
        let clock = seconds();
        // A camera whose clock is ahead by years must not make everything old.
        let now = now.min(EventTime((clock as i64).saturating_mul(1_000_000)));
        let today = Day::utc(now);
        let back = |days: u32| today.plus(-(days.min(100_000) as i32));
        plan.leaving.facts_from = later(&self.manifest.facts_from, retention.facts_days.map(|d| first_date(back(d))));
        plan.leaving.views_from = later(&self.manifest.views_from, retention.views_days.map(|d| back(d).to_string()));
        let to = plan.leaving.clone();
        for file in leaving(&self.manifest, &to) {
            plan.leaving.count(format!("{}/{}", file.part.folder(), file.table), file.rows, file.bytes);
            plan.files.push(file.path.clone());
        }
        for (folder, days) in [("evidence", retention.evidence_days), ("snapshots", retention.snapshots_days)] {
            let before = clock.saturating_sub(u64::from(days) * 86_400);
            for (path, bytes) in older(&dir.join(folder), before)? {
                plan.leaving.count(folder.into(), 0, bytes);
                plan.pictures.push(path);
            }
        }
        Ok(plan)
    }
}

/// What is about to leave.
#[derive(Default)]
struct Plan {
    leaving: Leaving,
    files: Vec<String>,
    pictures: Vec<PathBuf>,
}

/// The first date whose facts stay, where `day` is the first that is young enough.
pub(super) fn first_date(day: Day) -> String {
    // The text of a date ends with its day of the month.
    let of_month = day.to_string().rsplit('-').next().and_then(|d| d.parse::<i32>().ok()).unwrap_or(1);
    day.plus(1 - of_month - ZONES - ACROSS).to_string()
}

/// Nothing that has left comes back, whatever the site says now.
pub(super) fn later(before: &Option<String>, wanted: Option<String>) -> Option<String> {
    before.clone().max(wanted)
}

fn leaving<'a>(manifest: &'a Manifest, to: &'a Leaving) -> impl Iterator<Item = &'a LakeFile> {
    let coverage = FactKind::Coverage.table_name();
    manifest.files.iter().filter(move |file| {
        let from = match file.part {
            Part::Facts if file.table != coverage => &to.facts_from,
            Part::Views => &to.views_from,
            _ => return false,
        };
        let all_older = |from: &String| Day::parse(from).is_some_and(|d| file.max_ts < i64::from(d.0) * DAY);
        from.as_ref().is_some_and(|from| file.date < *from && all_older(from))
    })
}

/// The files below a folder that were last changed before an instant (seconds), with their lengths. Links are
/// left alone.
fn older(folder: &Path, before: u64) -> Result<Vec<(PathBuf, u64)>, SinkError> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
            other => other.at(&folder)?,
        };
        for entry in entries {
            let entry = entry.at(&folder)?;
            let (path, kind) = (entry.path(), entry.file_type().at(&folder)?);
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                let about = entry.metadata().at(&path)?;
                if about.modified().at(&path)? < UNIX_EPOCH + Duration::from_secs(before) {
                    found.push((path, about.len()));
                }
            }
        }
    }
    found.sort();
    Ok(found)
}
