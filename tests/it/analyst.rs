//! Analysts with Python and `duckdb`, each a process of its own, who ask the catalog while everything else goes on. See
//! `analyst.py` for what they hold true. Without Python or its `duckdb` (`make setup` brings it) there are none.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Seconds for which one of them keeps its connection: less than superseded files stay.
const KEEPS: [&str; 2] = ["0", "20"];

/// Python with the `duckdb` that the set-up brought, or one of the system's.
pub fn python() -> Command {
    let mut python = Command::new("python3");
    let brought = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.native/python"));
    let own = std::env::var_os("PYTHONPATH");
    let all = [brought].into_iter().chain(own.iter().flat_map(std::env::split_paths));
    if let Ok(path) = std::env::join_paths(all) {
        python.env("PYTHONPATH", path);
    }
    python
}

/// Whether there is such a Python.
pub fn has_duckdb() -> bool {
    let tried = python().args(["-c", "import duckdb"]).stderr(Stdio::null()).status();
    let has = tried.is_ok_and(|status| status.success());
    if !has {
        println!("skipped: no python3 with duckdb (`make setup` brings it where pip can)");
    }
    has
}

/// Processes that ask. They end with the test.
pub struct Analysts(Vec<Child>);

impl Analysts {
    /// Starts them over the data directory in `at`, which may not be there yet.
    pub fn start(at: &Path) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/analyst.py");
        let start = |keep: &str| {
            let mut command = python();
            command.arg(script).arg(at.join("data/lake/catalog.duckdb")).arg(keep);
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("python starts")
        };
        Self(KEEPS.into_iter().map(start).collect())
    }

    /// Of each, how many answers it had and of how many epochs.
    pub fn stop(mut self) -> Vec<(usize, usize)> {
        let ends = std::mem::take(&mut self.0).into_iter().map(|mut child| {
            drop(child.stdin.take());
            let (mut out, mut err) = (String::new(), String::new());
            child.stdout.take().expect("piped").read_to_string(&mut out).expect("text");
            child.stderr.take().expect("piped").read_to_string(&mut err).expect("text");
            assert!(child.wait().expect("an end").success(), "every answer is of a whole epoch, none errs:\n{err}");
            let mut numbers = out.split_whitespace().map(|n| n.parse().expect("a number"));
            (numbers.next().expect("answers"), numbers.next().expect("epochs"))
        });
        ends.collect()
    }
}

impl Drop for Analysts {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // Both fail only for a process that has ended and been waited for.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
