//! Ctrl-C and SIGTERM: the first asks a run to stop where it stands, the second ends the process.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// Whether the signal has come.
#[derive(Clone, Default)]
pub struct Stop(Arc<(Mutex<bool>, Condvar)>);

impl Stop {
    /// Waits for the signal.
    pub fn wait(&self) {
        let (came, changed) = &*self.0;
        let mut came = came.lock().unwrap_or_else(PoisonError::into_inner);
        while !*came {
            came = changed.wait(came).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn come(&self) -> bool {
        let (came, changed) = &*self.0;
        let before = std::mem::replace(&mut *came.lock().unwrap_or_else(PoisonError::into_inner), true);
        changed.notify_all();
        before
    }
}

/// Calls `stop` at the first signal. Later calls of this function replace what an earlier one installed.
pub fn on_interrupt(stop: impl Fn() + Send + 'static) -> Stop {
    let flag = Stop::default();
    let seen = flag.clone();
    let installed = ctrlc::try_set_handler(move || {
        if seen.come() {
            std::process::exit(130);
        }
        eprintln!("stopping; what is committed stays (again to end at once)");
        stop();
    });
    if let Err(error) = installed {
        tracing::warn!("signals are not handled: {error}");
    }
    flag
}
