//! A full disk and a failing one, under the journal, the store and the lake in turn. The small disk is a file system in memory
//! in a namespace of its own; a sync fails because a tracer says so.

use crate::command::{Running, interrupt, soon, start_with, write};
use crate::endpoint::{get, try_send};
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};

fn site(data: &str) -> String {
    format!(
        "[site]\nname = \"Hall 2\"\ntime_zone = \"Asia/Kolkata\"\n\n[data]\nfreshness = \"100ms\"\n{data}\n\
         [[worker]]\nname = \"W1\"\n"
    )
}

fn event(second: usize) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let ts = (now.as_secs() as i64).div_euclid(86_400) * 86_400 - 86_400 + second as i64;
    let ts = gemba_schemas::time::EventTime(ts * 1_000_000).rfc3339();
    json!({ "timestamp": ts, "worker_id": "W1", "workstation_id": "S1", "event_type": "working" }).to_string()
}

fn serve(at: &Path, before: &[String]) -> (Running, String) {
    let arguments = ["serve", "--site", "site.toml", "--listen", "127.0.0.1:0"];
    let mut server = start_with(at, before, &arguments, &[]);
    let address = crate::endpoint::address(&mut server);
    crate::endpoint::ready(&address);
    (server, address)
}

fn post(address: &str, second: usize) -> u16 {
    try_send(address, "POST", "/api/v1/events", &event(second)).expect("an answer").status
}

fn full(address: &str) -> bool {
    get(address, "/metrics", &[]).text().contains("\ngemba_disk_full 1")
}

/// Seconds of work that the lake's catalog shows, in events.
fn in_lake(at: &Path, lake: &Path) -> u64 {
    let ended = start_with(
        at,
        &[],
        &[
            "sql",
            "--format",
            "json",
            "--data",
            lake.to_str().expect("UTF-8"),
            "SELECT coalesce(sum(events), 0)::BIGINT AS n FROM worker_hours",
        ],
        &[],
    )
    .wait();
    serde_json::from_str::<serde_json::Value>(ended.with(0).out.trim()).expect("a row")["n"].as_u64().expect("a number")
}

/// Serves with what `data` says lying on a disk of 24 MB, fills that, and frees it again.
fn on_a_small_disk(data: &str, lake: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    write(at, "site.toml", site(data));
    std::fs::create_dir(at.join("small")).expect("a folder");
    let mount = "mount -t tmpfs -o size=24m none small && exec \"$0\" \"$@\"";
    let before = ["unshare", "-Urm", "sh", "-c", mount].map(str::to_owned);
    let (server, address) = serve(at, &before);
    assert_eq!(post(&address, 0), 201);
    soon("the first publication", || get(&address, "/api/v1/views/worker_hours", &[]).text().contains("W1"));

    // The disk as the server sees it.
    let inside = PathBuf::from(format!("/proc/{}/root", server.id())).join(at.strip_prefix("/").expect("absolute"));
    let ballast = inside.join("small/ballast");
    let mut file = std::fs::File::create(&ballast).expect("a file");
    for size in [1 << 20, 4096, 1] {
        while file.write_all(&vec![1; size]).and_then(|()| file.sync_all()).is_ok() {}
    }
    drop(file);
    let mut stored = 1;
    soon("nobody was told that there is no space", || match post(&address, stored) {
        201 => {
            stored += 1;
            false
        }
        status => {
            assert_eq!(status, 507);
            true
        }
    });
    assert!(full(&address), "the metric says so");
    let told = try_send(&address, "POST", "/api/v1/events", &event(stored)).expect("an answer");
    assert_eq!((told.status, told.headers.get("retry-after").map(String::as_str)), (507, Some("5")));
    // What is stored can be read all the while.
    assert_eq!(get(&address, "/api/v1/views/worker_hours", &[]).status, 200);

    std::fs::remove_file(&ballast).expect("freed");
    soon("it does not go on by itself", || post(&address, stored) == 201);
    soon("the metric stays", || !full(&address));
    stored += 1;
    let lake = inside.join(lake);
    soon("the lake does not catch up", || in_lake(at, &lake) == stored as u64);
    let ended = interrupt(server);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(!ended.err.contains("panicked"), "{}", ended.err);
}

/// Whether this machine lets a test mount a small disk.
fn may_mount() -> bool {
    let tried = std::process::Command::new("unshare").args(["-Urm", "mount", "-t", "tmpfs", "none", "/tmp"]).output();
    let may = tried.is_ok_and(|o| o.status.success());
    if !may {
        println!("skipped: no small disk can be mounted here");
    }
    may
}

#[test]
fn a_full_disk_is_waited_out() {
    if may_mount() {
        on_a_small_disk("dir = \"small/data\"\n", "small/data/lake");
    }
}

#[test]
fn a_full_disk_under_the_store_is_waited_out() {
    if may_mount() {
        on_a_small_disk("store = \"small/store.duckdb\"\n", "gemba-data/lake");
    }
}

#[test]
fn a_full_disk_under_the_lake_is_waited_out() {
    if may_mount() {
        on_a_small_disk("lake = \"small/lake\"\n", "small/lake");
    }
}

/// A sync that fails may have lost what it was for: the server stops, and a new start finds what was acknowledged.
#[test]
fn a_failed_sync_ends_the_server_and_loses_nothing() {
    if std::process::Command::new("strace").arg("--version").output().is_err() {
        println!("skipped: strace is not installed");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    write(at, "site.toml", site(""));
    let before = [
        "strace",
        "-D",
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        "trace=fdatasync",
        "-e",
        "inject=fdatasync:error=EIO:when=9+",
    ]
    .map(str::to_owned);
    let (mut server, address) = serve(at, &before);
    let mut stored = 0;
    while try_send(&address, "POST", "/api/v1/events", &event(stored)).is_some_and(|a| a.status == 201) {
        stored += 1;
        assert!(stored < 500, "the sync never failed");
    }
    soon("it goes on after a failed sync", || !server.runs());
    let ended = server.wait().says(&["could not be made durable"]);
    assert!(ended.code.is_some_and(|code| code != 0));

    let (server, address) = serve(at, &[]);
    for second in 0..stored {
        assert_eq!(post(&address, second), 200, "{second} was acknowledged");
    }
    assert!([200, 201].contains(&post(&address, stored)), "what was not may be sent again");
    assert_eq!(interrupt(server).code, Some(0));
}
