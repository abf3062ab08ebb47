//! Ctrl-C and SIGTERM: the first asks a run to stop where it stands, the second ends the process.

use std::sync::atomic::{AtomicBool, Ordering};

/// Calls `stop` at the first signal. Later calls of this function replace what an earlier one installed.
pub fn on_interrupt(stop: impl Fn() + Send + 'static) {
    let came = AtomicBool::new(false);
    let installed = ctrlc::try_set_handler(move || {
        if came.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        eprintln!("stopping; what is committed stays (again to end at once)");
        stop();
    });
    if let Err(error) = installed {
        tracing::warn!("signals are not handled: {error}");
    }
}
