//! The `gemba` binary under test: run to its end, or started and signalled, with a deadline on everything.

use serde_json::Value;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Nothing here takes this long on an idle machine; a hang shall be a failure and not a hang.
const DEADLINE: Duration = Duration::from_secs(100);

/// What a command said and how it ended.
#[derive(Debug)]
pub struct Ended {
    /// Exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Ended {
    /// Fails unless it ended with this code.
    #[track_caller]
    pub fn with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    /// The one JSON object on stdout.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {}\n{}", self.out, self.err))
    }

    /// Fails unless stderr holds every one of these.
    #[track_caller]
    pub fn says(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(self.err.contains(text), "`{text}` is not in:\n{}", self.err);
        }
        assert!(!self.err.contains("panicked"), "{}", self.err);
        self
    }
}

/// A child that does not outlive its test.
struct Held(Child);

impl Drop for Held {
    fn drop(&mut self) {
        // Both fail only for a process that has ended and been waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A command that has been started. Killed when dropped.
pub struct Running {
    child: Held,
    out: std::thread::JoinHandle<String>,
    err: std::thread::JoinHandle<String>,
    said: std::sync::mpsc::Receiver<String>,
}

/// Starts `gemba` with these arguments in `folder`.
pub fn start(folder: &Path, arguments: &[&str]) -> Running {
    start_with(folder, &[], arguments, &[])
}

/// Starts it behind another command, such as a tracer, and with these variables.
pub fn start_with(folder: &Path, before: &[String], arguments: &[&str], variables: &[(&str, String)]) -> Running {
    let gemba = env!("CARGO_BIN_EXE_gemba").to_owned();
    let mut words = before.iter().cloned().chain([gemba]);
    let mut child = Command::new(words.next().unwrap_or_default())
        .args(words)
        .args(arguments)
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .current_dir(folder)
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut stdout = child.stdout.take().expect("piped");
    let stderr = child.stderr.take().expect("piped");
    let (line, said) = std::sync::mpsc::channel();
    let out = std::thread::spawn(move || {
        let mut text = Vec::new();
        let _ = stdout.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    });
    let err = std::thread::spawn(move || {
        let mut all = String::new();
        for text in std::io::BufRead::lines(std::io::BufReader::new(stderr)).map_while(Result::ok) {
            all.push_str(&text);
            all.push('\n');
            let _ = line.send(text);
        }
        all
    });
    Running { child: Held(child), out, err, said }
}

/// Runs `gemba` to its end.
pub fn gemba(folder: &Path, arguments: &[&str]) -> Ended {
    start(folder, arguments).wait()
}

impl Running {
    /// Waits for its end.
    pub fn wait(mut self) -> Ended {
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.0.try_wait().expect("a child") {
                break status;
            }
            if began.elapsed() > DEADLINE {
                drop(self.child);
                panic!("it did not end:\n{}", self.err.join().unwrap_or_default());
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        let text = |thread: std::thread::JoinHandle<String>| thread.join().expect("a reader");
        Ended { code: status.code(), out: text(self.out), err: text(self.err) }
    }

    /// Waits for a line on stderr that holds `text`, and gives it.
    #[track_caller]
    pub fn line(&mut self, text: &str) -> String {
        self.heard(text).unwrap_or_else(|heard| panic!("it never said `{text}`, but: {heard:?}"))
    }

    /// The same, of a process that may end before it says so.
    pub fn maybe_line(&mut self, text: &str) -> Option<String> {
        self.heard(text).ok()
    }

    fn heard(&mut self, text: &str) -> Result<String, Vec<String>> {
        let began = Instant::now();
        let mut heard = Vec::new();
        while let Ok(line) = self.said.recv_timeout(DEADLINE.saturating_sub(began.elapsed())) {
            if line.contains(text) {
                return Ok(line);
            }
            heard.push(line);
        }
        Err(heard)
    }

    /// Sends a signal by its name, such as `INT`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.0.id().to_string()]).output();
        // A process that has just ended cannot be signalled, which is no failure.
        let _: Output = sent.expect("the kill command");
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.0.id()
    }

    /// Whether it has not ended yet.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.0.try_wait(), Ok(None))
    }
}

/// Ends a server as a power cut does.
pub fn kill(server: Running) {
    server.signal("KILL");
    let _ = server.wait();
}

/// Ends a server as Ctrl-C does.
pub fn interrupt(server: Running) -> Ended {
    server.signal("INT");
    server.wait()
}

/// `gemba sql` over a data directory: one JSON value a row.
#[track_caller]
pub fn sql(data: &Path, query: &str) -> Vec<Value> {
    let data = data.to_str().expect("UTF-8");
    let ended = gemba(Path::new("."), &["sql", "--format", "json", "--data", data, query]).with(0);
    ended.out.lines().map(|l| serde_json::from_str(l).expect("a JSON row")).collect()
}

/// Writes a file into a folder.
pub fn write(folder: &Path, name: &str, text: impl AsRef<[u8]>) {
    std::fs::write(folder.join(name), text).expect("a writable folder");
}

/// Waits for something that comes by itself.
#[track_caller]
pub fn soon(otherwise: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < DEADLINE, "{otherwise}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
