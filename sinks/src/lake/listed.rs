//! `lake/listed.json`: which plates are on the site's lists, and since when. By it a visit is known to have been before.
//!
//! In: the rules of each start and each reload. Out: the same rules, each listed plate with the instant at which it was
//! first seen on its list; nothing for those that were there when the site first started, and what `site.toml` itself
//! says (`added`) goes first. An entry is the same for as long as plate, list and `from` are: another reason or end does
//! not make it a new one. One that left and comes back is new.
//!
//! The file is kept before rows that follow from it are committed, so another start derives the same. Without one (a
//! new lake, or one of before) nothing is known to have come later.

use super::Lake;
use crate::error::{At, SinkError};
use crate::files::replace;
use gemba_schemas::rule::{PlateList, PlateRule, Rule};
use gemba_schemas::time::EventTime;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

pub(super) const LISTED: &str = "listed.json";
const VERSION: u32 = 1;

/// Since when plates are on lists. See the module's documentation.
#[derive(Clone, Debug)]
pub struct Listed {
    path: PathBuf,
    entries: Option<BTreeMap<Entry, Option<EventTime>>>,
    kept: bool,
}

/// What makes an entry of a list the same.
type Entry = (String, PlateList, Option<EventTime>);

#[derive(Serialize, Deserialize)]
struct File {
    version: u32,
    plates: Vec<Row>,
}

#[derive(Serialize, Deserialize)]
struct Row {
    plate: String,
    list: PlateList,
    from: Option<EventTime>,
    added: Option<EventTime>,
}

fn entry(rule: &PlateRule) -> Entry {
    (rule.plate.clone(), rule.list, rule.from)
}

impl Lake {
    /// Since when plates are on lists, as it was kept last.
    ///
    /// # Errors
    /// The file cannot be read, or is not what was kept.
    pub fn listed(&self) -> Result<Listed, SinkError> {
        let path = self.dir.join(LISTED);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Listed { path, entries: None, kept: false });
            }
            Err(e) => return Err(e).at(&path),
        };
        let damaged = |e: serde_json::Error| SinkError::Damaged {
            path: path.clone(),
            detail: format!("{e}: restore it, or remove it: no listed plate is then known to have been added later"),
        };
        let File { version: found, plates } = serde_json::from_slice(&text).map_err(damaged)?;
        if found != VERSION {
            return Err(SinkError::Version { path, found, expected: VERSION });
        }
        let entries = plates.into_iter().map(|row| ((row.plate, row.list, row.from), row.added)).collect();
        Ok(Listed { path, entries: Some(entries), kept: true })
    }
}

impl Listed {
    /// Says of each listed plate in `rules` when it was added, where the site does not; `at` of those that were not there
    /// before. From now on these are those that were there.
    pub fn stamp(&mut self, rules: &mut [Rule], at: EventTime) {
        let before = self.entries.take();
        let mut after = BTreeMap::new();
        let plates = || rules.iter().filter_map(|rule| if let Rule::Plate(plate) = rule { Some(plate) } else { None });
        for plate in plates() {
            // What is given is remembered for when it is not any more.
            after.entry(entry(plate)).or_insert(plate.added);
        }
        for plate in plates().filter(|plate| plate.added.is_none()) {
            let known = before.as_ref().map(|before| before.get(&entry(plate)));
            let added = match known {
                Some(Some(added)) => *added,
                Some(None) => Some(at),
                None => None,
            };
            after.insert(entry(plate), added);
        }
        for rule in rules {
            if let Rule::Plate(plate) = rule
                && plate.added.is_none()
            {
                plate.added = after.get(&entry(plate)).copied().flatten();
            }
        }
        self.kept &= before.as_ref() == Some(&after);
        self.entries = Some(after);
    }

    /// Makes it durable.
    ///
    /// # Errors
    /// It could not be written; the call may be repeated.
    pub fn keep(&mut self) -> Result<(), SinkError> {
        let Some(entries) = self.entries.as_ref().filter(|_| !self.kept) else { return Ok(()) };
        let row = |((plate, list, from), added): (&Entry, &Option<EventTime>)| Row {
            plate: plate.clone(),
            list: *list,
            from: *from,
            added: *added,
        };
        let file = File { version: VERSION, plates: entries.iter().map(row).collect() };
        let text = serde_json::to_vec(&file).map_err(|e| SinkError::Request(e.to_string()))?;
        replace(&self.path, &text)?;
        self.kept = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plate(plate: &str, reason: &str, added: Option<i64>) -> Rule {
        let (plate, reason, added) = (plate.into(), reason.into(), added.map(EventTime));
        Rule::Plate(PlateRule { plate, list: PlateList::Blocked, reason, from: None, until: None, added })
    }

    /// When the plates were added, as a start or reload at that instant says, with a file that is read anew.
    fn seen(lake: &Lake, rules: &[Rule], at: i64) -> Vec<Option<i64>> {
        let mut rules = rules.to_vec();
        let mut listed = lake.listed().unwrap();
        listed.stamp(&mut rules, EventTime(at));
        listed.keep().unwrap();
        let added = |rule: &Rule| if let Rule::Plate(plate) = rule { plate.added.map(|at| at.0) } else { None };
        rules.iter().map(added).collect()
    }

    #[test]
    fn what_comes_after_the_first_start_is_known_to_have_come_then() {
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake::open(folder.path()).unwrap();
        let (a, b, c) = (plate("A", "", None), plate("B", "", None), plate("C", "", Some(7)));
        assert_eq!(seen(&lake, &[a.clone(), c.clone()], 100), [None, Some(7)]);
        assert_eq!(seen(&lake, &[b.clone(), a.clone(), c.clone()], 200), [Some(200), None, Some(7)]);
        // A later start says the same, in any order, and whatever the reason is now.
        let worded = plate("B", "unpaid", None);
        assert_eq!(seen(&lake, &[c, a.clone(), worded], 300), [Some(7), None, Some(200)]);
        // What the site said is remembered; what the site says goes first.
        assert_eq!(seen(&lake, &[plate("C", "", None), plate("B", "", Some(9))], 400), [Some(7), Some(9)]);
        // `A` was gone.
        assert_eq!(seen(&lake, &[b, a], 500), [Some(9), Some(500)]);
    }

    #[test]
    fn a_site_that_began_without_a_list_knows_that() {
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake::open(folder.path()).unwrap();
        assert_eq!(seen(&lake, &[], 100), []);
        // Two of one plate and list, one with its instant: the other one's is its own, and stays.
        let both = [plate("A", "x", Some(5)), plate("A", "y", None)];
        assert_eq!(seen(&lake, &both, 200), [Some(5), Some(200)]);
        assert_eq!(seen(&lake, &both, 300), [Some(5), Some(200)]);
    }

    #[test]
    fn a_damaged_file_is_told_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake::open(folder.path()).unwrap();
        std::fs::write(folder.path().join(LISTED), "{").unwrap();
        assert!(lake.listed().unwrap_err().to_string().contains("remove it"));
        std::fs::write(folder.path().join(LISTED), r#"{"version":2,"plates":[]}"#).unwrap();
        assert!(lake.listed().unwrap_err().to_string().contains("a newer gemba wrote it"));
    }
}
