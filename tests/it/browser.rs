//! The page in a real browser, where one is installed.

use crate::command::{gemba, interrupt};
use crate::endpoint;
use gemba_schemas::registry;
use std::process::Command;

/// The document after rendering; `None`, with a line that says so, where there is no browser.
fn rendered(url: &str) -> Option<String> {
    let profile = tempfile::tempdir().expect("a folder");
    for browser in ["chromium", "chromium-browser", "google-chrome"] {
        let run = Command::new("timeout")
            .args(["60", browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .args(["--dump-dom", url])
            .output()
            .expect("the timeout command");
        match run.status.code() {
            Some(0) => return Some(String::from_utf8_lossy(&run.stdout).into_owned()),
            // What `timeout` says of a command that is not there.
            Some(127) => {}
            code => panic!("{browser} ended with {code:?}: {}", String::from_utf8_lossy(&run.stderr)),
        }
    }
    println!("skipped: no browser is installed");
    None
}

#[test]
fn the_page_shows_cameras_and_rows() {
    let folder = endpoint::site();
    gemba(folder.path(), &["replay", "--out", "out", "--quiet"]).with(0);
    let (server, address) = endpoint::serve(folder.path(), "out");
    let Some(dom) = rendered(&format!("http://{address}/")) else { return };
    interrupt(server).with(0);
    assert!(dom.contains("<h1>Front &amp; back</h1>"), "{dom}");
    for table in registry::views() {
        assert!(dom.contains(&format!("id=\"{}\">", table.name)), "{}", table.name);
    }
    // Two cameras; four sessions, each a row of the table with its times.
    let section = |id: &str| {
        let from = dom.find(&format!("<section id=\"{id}\">")).expect("a section");
        dom[from..].split("</section>").next().unwrap_or_default().to_owned()
    };
    assert_eq!(section("cameras").matches("<tr>").count(), 1 + 2, "{}", section("cameras"));
    assert!(section("cameras").contains("bench \"two\""));
    let sessions = section("packing_sessions");
    assert_eq!(sessions.matches("<tr>").count(), 1 + 4, "{sessions}");
    assert!(sessions.contains("4 of 4 rows") && sessions.contains("2026-01-15 08:00:0"), "{sessions}");
}
