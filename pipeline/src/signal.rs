//! Signals: Ctrl-C and SIGTERM ask a run to stop where it stands, a second one ends the process; SIGHUP asks a run
//! that serves to read its site file again.

use std::sync::{Mutex, Once, PoisonError};
use tokio::signal::unix::{SignalKind, signal};

/// What signals do to the run that is under way.
struct Handlers {
    stop: Box<dyn Fn() + Send>,
    reload: Option<Box<dyn Fn() + Send>>,
    stopping: bool,
}

static CURRENT: Mutex<Option<Handlers>> = Mutex::new(None);

/// Calls `stop` at the first signal to stop, `reload` at every SIGHUP; without `reload` a SIGHUP stops too. A later
/// call of this function replaces what an earlier one asked for.
pub fn on_signals(stop: impl Fn() + Send + 'static, reload: Option<Box<dyn Fn() + Send>>) {
    static WATCH: Once = Once::new();
    *CURRENT.lock().unwrap_or_else(PoisonError::into_inner) =
        Some(Handlers { stop: Box::new(stop), reload, stopping: false });
    WATCH.call_once(|| {
        let spawned = std::thread::Builder::new().name("signals".into()).spawn(|| {
            if let Err(error) = watch() {
                tracing::warn!("signals are not handled: {error}");
            }
        });
        if let Err(error) = spawned {
            tracing::warn!("signals are not handled: {error}");
        }
    });
}

fn watch() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hangup = signal(SignalKind::hangup())?;
        loop {
            let hung_up = tokio::select! {
                _ = interrupt.recv() => false,
                _ = terminate.recv() => false,
                _ = hangup.recv() => true,
            };
            if let Some(handlers) = &mut *CURRENT.lock().unwrap_or_else(PoisonError::into_inner) {
                handle(handlers, hung_up);
            }
        }
    })
}

fn handle(handlers: &mut Handlers, hung_up: bool) {
    if let Some(reload) = handlers.reload.as_ref().filter(|_| hung_up) {
        reload();
        return;
    }
    if handlers.stopping {
        std::process::exit(130);
    }
    handlers.stopping = true;
    eprintln!("stopping; what is committed stays (again to end at once)");
    (handlers.stop)();
}
