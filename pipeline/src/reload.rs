//! Reading the site file again while a run serves: its rules become an input change, the past included.

use crate::inbox::{Inbox, Reloaded, Request};
use gemba_schemas::id::{Name, text_digest};
use gemba_schemas::rule::Rule;
use gemba_schemas::site::{Site, SiteError};
use serde_json::Value;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// Why nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The file is wrong.
    #[error(transparent)]
    Site(#[from] SiteError),
    /// Nobody is there to answer any more.
    #[error("gemba is ending")]
    Ending,
}

/// The site file of a run that serves.
#[derive(Clone)]
pub struct Reload {
    path: PathBuf,
    inbox: Inbox,
    /// What vision does; it changes only at a start.
    vision: Name,
    /// The rules that hold now, for those who show what follows from them.
    rules: Arc<Mutex<Arc<[Rule]>>>,
}

impl Reload {
    /// For the file that the run was started with.
    pub fn new(path: PathBuf, site: &Site, inbox: Inbox) -> Self {
        Self { path, inbox, vision: vision(site), rules: Arc::new(Mutex::new(site.rules().into())) }
    }

    /// The rules of the file, as it was read last.
    pub fn rules(&self) -> Arc<[Rule]> {
        self.rules.lock().unwrap_or_else(|e| e.into_inner()).clone()
    }

    /// Reads, validates and applies the file. A bad one changes nothing.
    ///
    /// # Errors
    /// Everything that is wrong in the file, or that the run is ending.
    pub async fn run(&self) -> Result<Reloaded, ReloadError> {
        let text = std::fs::read_to_string(&self.path)
            .map_err(|source| SiteError::Read { path: self.path.clone(), source })?;
        let site = Site::parse(&text, &self.path)?;
        let rules = site.rules();
        let answer = self.inbox.ask(|reply| Request::Rules(rules.clone(), text, reply));
        let mut reloaded = answer.await.map_err(|_| ReloadError::Ending)?;
        *self.rules.lock().unwrap_or_else(|e| e.into_inner()) = rules.into();
        reloaded.restart_needed = self.vision != vision(&site);
        Ok(reloaded)
    }

    /// Does it on a thread of its own, and says on stderr what came of it.
    pub fn start(&self) {
        let reload = self.clone();
        let spawned = std::thread::Builder::new().name("reload".into()).spawn(move || {
            let told = match tokio::runtime::Builder::new_current_thread().build() {
                Ok(runtime) => runtime.block_on(reload.run()).map(|reloaded| told(&serde_json::json!(reloaded))),
                Err(_) => Err(ReloadError::Ending),
            };
            match told {
                Ok(told) => eprint!("{told}"),
                Err(error) => eprintln!("not reloaded, nothing changed: {error}"),
            }
        });
        if let Err(error) = spawned {
            tracing::error!("not reloaded: {error}");
        }
    }
}

/// Rules of each kind of change that are told.
const TOLD: usize = 100;

/// The answer to new rules in words, a line each: the rules and the rows that came (+) and left (-).
pub fn told(reloaded: &Value) -> String {
    let list = |key: &str| reloaded[key].as_array().map_or(&[][..], Vec::as_slice);
    let mut lines = vec![format!("reloaded: {} rules added, {} removed", list("added").len(), list("removed").len())];
    for (sign, key) in [("+", "added"), ("-", "removed")] {
        lines.extend(list(key).iter().take(TOLD).map(|rule| format!("{sign} rule {rule}")));
        lines.extend(more(list(key).len(), TOLD, "rules"));
    }
    let mut rows = 0;
    for (view, counts) in reloaded["rows"].as_object().into_iter().flatten() {
        lines.push(format!("{view}: {} rows came, {} left", counts[0], counts[1]));
        rows += counts.as_array().into_iter().flatten().filter_map(Value::as_u64).sum::<u64>() as usize;
    }
    let first = list("first");
    let sign = |change: &Value| if change["diff"] == 1 { '+' } else { '-' };
    lines.extend(first.iter().map(|change| format!("{} {}", sign(change), change["row"])));
    lines.extend(more(rows, first.len(), "rows"));
    if reloaded["restart_needed"] == true {
        lines.push("cameras or models changed too: that takes effect at the next start".into());
    }
    lines.join("\n") + "\n"
}

fn more(all: usize, told: usize, what: &str) -> Option<String> {
    (all > told).then(|| format!("... and {} more {what}", all - told))
}

/// A digest of everything that footage is looked at with.
fn vision(site: &Site) -> Name {
    // With the rectangles of areas: those around stations follow their zones.
    let looks = |c| site.vision_digest_text(c);
    let cameras: Vec<_> = site.cameras.iter().map(|c| (&c.name, &c.source, c.needs(), looks(c))).collect();
    text_digest(&format!("{:?}{cameras:?}", site.models))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_not_told_is_counted() {
        let nothing = told(&json!({ "added": [], "removed": [], "rows": {}, "first": [], "restart_needed": true }));
        assert_eq!(
            nothing,
            "reloaded: 0 rules added, 0 removed\ncameras or models changed too: that takes effect at the next start\n"
        );
        let rows = vec![json!({ "diff": 1, "row": { "WorkerHour": {} } }), json!({ "diff": -1, "row": {} })];
        let much = told(&json!({
            "added": vec![json!("a"); 102], "removed": ["b"], "rows": { "worker_hours": [3, 4] }, "first": rows,
        }));
        assert_eq!(much.matches("+ rule \"a\"\n").count(), 100);
        for line in ["... and 2 more rules", "- rule \"b\"", "worker_hours: 3 rows came, 4 left", "... and 5 more rows"]
        {
            assert!(much.lines().any(|l| l == line), "{line} is not in {much}");
        }
    }
}
