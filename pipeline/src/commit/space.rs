//! No space: what a run that serves does when a disk is full.
//!
//! Nothing is lost and nothing is promised: what could not be written stays with whoever has it. Clients are told
//! that nothing of theirs was stored, sources wait, and what was journaled waits here for the store or the lake. It is
//! tried again every second or so, and goes on by itself when there is space. A run that does not serve ends with
//! the error; the next one goes on from the journal.

use super::Committer;
use gemba_sinks::SinkError;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// How long a full disk is left alone.
pub(super) const RETRY: Duration = Duration::from_secs(1);

/// Who writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writer {
    Journal,
    Store,
    Lake,
}

/// The writer that found no space, and when it last tried.
pub(super) struct Full {
    writer: Writer,
    tried: Instant,
}

impl Committer {
    /// Takes note of whether there was space; other errors end the run.
    pub(super) fn or_wait(&mut self, writer: Writer, outcome: Result<(), SinkError>) -> Result<(), SinkError> {
        match outcome {
            Err(SinkError::DiskFull { path }) if self.live.is_some() => {
                if self.full.is_none() {
                    tracing::error!(file = %path.display(), "no space left: nothing is accepted until there is");
                }
                self.full = Some(Full { writer, tried: Instant::now() });
                self.progress.disk_full.store(true, Relaxed);
                if writer == Writer::Journal {
                    self.turn_away();
                }
                Ok(())
            }
            Ok(()) if self.full.as_ref().is_some_and(|full| full.writer == writer) => {
                tracing::info!("there is space again");
                self.full = None;
                self.progress.disk_full.store(false, Relaxed);
                Ok(())
            }
            other => other,
        }
    }

    /// Whether it is too early to try the journal again.
    pub(super) fn resting(&self) -> bool {
        self.full.as_ref().is_some_and(|full| full.tried.elapsed() < RETRY)
    }

    /// Whether a client's request is worth trying: only a write of the journal says whether that has space again.
    pub(super) fn has_space(&self) -> bool {
        self.full.as_ref().is_none_or(|full| full.writer == Writer::Journal && !self.resting())
    }

    /// Gives up what no journal has space for, so that a run that was told to end can: it was promised to nobody, and
    /// its footage is read again.
    pub(super) fn give_up(&mut self) {
        if self.full.as_ref().is_some_and(|full| full.writer == Writer::Journal) {
            self.gathered.clear();
            self.retracts.clear();
        }
    }

    /// Tells clients whose facts are not journaled; what cameras reported stays for the next try.
    fn turn_away(&mut self) {
        let before = self.gathered.len();
        self.gathered.retain(|fact| !fact.kind().is_client());
        self.footage.commit(before - self.gathered.len());
        while self.asked.back().is_some_and(|asked| asked.tick.is_none()) {
            if let Some(asked) = self.asked.pop_back() {
                asked.turn_away(&self.outbox);
            }
        }
    }
}
