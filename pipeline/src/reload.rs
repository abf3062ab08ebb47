//! Reading the site file again while a run serves: its rules become an input change, the past included.

use crate::inbox::{Inbox, Reloaded, Request};
use gemba_schemas::id::{Name, text_digest};
use gemba_schemas::rule::BaselineRule;
use gemba_schemas::site::{Site, SiteError};
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
    /// What `[drift]` pins, for those who show how far models are from it.
    baseline: Arc<Mutex<Option<BaselineRule>>>,
}

impl Reload {
    /// For the file that the run was started with.
    pub fn new(path: PathBuf, site: &Site, inbox: Inbox) -> Self {
        Self { path, inbox, vision: vision(site), baseline: Arc::new(Mutex::new(site.baseline())) }
    }

    /// The baseline that `[drift]` of the file pins, as it was read last.
    pub fn baseline(&self) -> Option<BaselineRule> {
        *self.baseline.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Reads, validates and applies the file. A bad one changes nothing.
    ///
    /// # Errors
    /// Everything that is wrong in the file, or that the run is ending.
    pub async fn run(&self) -> Result<Reloaded, ReloadError> {
        let text = std::fs::read_to_string(&self.path)
            .map_err(|source| SiteError::Read { path: self.path.clone(), source })?;
        let site = Site::parse(&text, &self.path)?;
        let answer = self.inbox.ask(|reply| Request::Rules(site.rules(), text, reply));
        let mut reloaded = answer.await.map_err(|_| ReloadError::Ending)?;
        *self.baseline.lock().unwrap_or_else(|e| e.into_inner()) = site.baseline();
        reloaded.restart_needed = self.vision != vision(&site);
        Ok(reloaded)
    }

    /// Does it on a thread of its own, and says on stderr what came of it.
    pub fn start(&self) {
        let reload = self.clone();
        let spawned = std::thread::Builder::new().name("reload".into()).spawn(move || {
            let told = match tokio::runtime::Builder::new_current_thread().build() {
                Ok(runtime) => runtime.block_on(reload.run()).map(|reloaded| reloaded.to_string()),
                Err(_) => Err(ReloadError::Ending),
            };
            match told {
                Ok(told) => eprintln!("{told}"),
                Err(error) => eprintln!("not reloaded, nothing changed: {error}"),
            }
        });
        if let Err(error) = spawned {
            tracing::error!("not reloaded: {error}");
        }
    }
}

/// A digest of everything that footage is looked at with.
fn vision(site: &Site) -> Name {
    // With the rectangles of areas: those around stations follow their zones.
    let looks = |c| site.vision_digest_text(c);
    let cameras: Vec<_> = site.cameras.iter().map(|c| (&c.name, &c.source, c.needs(), looks(c))).collect();
    text_digest(&format!("{:?}{cameras:?}", site.models))
}
