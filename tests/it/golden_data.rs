//! Old data directories: what was written by the formats of `golden-data/vN` opens today, to the same rows.
//!
//! `golden-data/v1` holds facts of every kind (`facts.json`), a data directory as a run leaves it that was killed after a
//! publication (`data`: lake, and a journal with what came after), a journal alone (`journal-alone`), and the rows of every
//! table (`expected.json`, without the digests of rules). Store and catalog are not kept: both are derived.
//!
//! `make golden` writes it anew, which is right only before a version is released; a change of format gets a `v2` beside
//! it and the code that reads `v1`. A new view or kind of fact needs nothing; rows of an old view that change on purpose are written anew.

use crate::command::{gemba, write};
use crate::golden::{answers, derive};
use gemba_schemas::fact::Fact;
use gemba_schemas::registry;
use gemba_schemas::site::Site;
use gemba_sinks::{Entry, Journal, Withdrawal};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

fn golden() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/golden-data/v1"))
}

fn site() -> (Site, String) {
    let text = std::fs::read_to_string(golden().join("site.toml")).expect("a site");
    (Site::parse(&text, Path::new("site.toml")).expect("a site"), text)
}

fn facts() -> Vec<Fact> {
    let text = std::fs::read_to_string(golden().join("facts.json")).expect("facts");
    serde_json::from_str(&text).expect("facts")
}

/// What is journaled before and after the publication; every kind of entry is there.
fn entries() -> (Vec<Entry>, Vec<Entry>) {
    let facts = facts();
    let (camera, generation) = (facts[0].camera(), facts[0].generation());
    let void = |f: &Fact| (f.camera(), f.generation()) == (camera, generation);
    let deleted = facts.iter().find(|f| matches!(f, Fact::Activity(_))).expect("an activity");
    let withdrawal = Withdrawal { ids: BTreeSet::from([deleted.id()]), from: deleted.bucket(), to: deleted.bucket() };
    let early = |n: usize, f: &Fact| n % 3 != 2 || void(f) || f.id() == deleted.id();
    let of = |when: bool| -> Vec<Fact> {
        facts.iter().enumerate().filter(|(n, f)| early(*n, f) == when).map(|(_, f)| f.clone()).collect()
    };
    let (first, second) = (of(true), of(false));
    let before = first.chunks(5).map(|part| Entry::Facts(part.to_vec())).collect();
    let mut after = vec![Entry::Retract { camera, generation }, Entry::Withdraw(withdrawal)];
    after.extend(second.chunks(5).map(|part| Entry::Facts(part.to_vec())));
    (before, after)
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        match entry.file_type().expect("a type").is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).expect("a copy")),
        }
    }
}

/// Every table that has rows, without the digests of rules: those follow from what rules there are.
fn rows(dir: &Path) -> BTreeMap<&'static str, Vec<String>> {
    let tables = registry::facts().into_iter().chain(registry::views()).map(|table| {
        (table.name, answers(dir, &format!("SELECT COLUMNS(c -> c <> 'rules') FROM {} ORDER BY ALL", table.name)))
    });
    tables.filter(|(_, rows)| !rows.is_empty()).collect()
}

/// Opens a copy of a golden folder, and gives its rows and their digest.
fn opened(part: &str) -> (BTreeMap<&'static str, Vec<String>>, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let (site, text) = site();
    copy(&golden().join(part), folder.path());
    let digest = derive(&site, &text, folder.path(), 2).digest;
    gemba(folder.path(), &["verify", "--out", "."]).with(0);
    (rows(folder.path()), digest)
}

#[test]
fn an_old_directory_opens_to_the_same_rows() {
    let text = std::fs::read_to_string(golden().join("expected.json")).expect("rows");
    let expected: BTreeMap<String, Vec<String>> = serde_json::from_str(&text).expect("rows");
    let mut digests = Vec::new();
    for part in ["data", "journal-alone"] {
        let (rows, digest) = opened(part);
        for (table, expected) in &expected {
            assert_eq!(rows.get(table.as_str()), Some(expected), "{part}: {table}");
        }
        digests.push(digest);
    }
    assert_eq!(digests[0], digests[1], "lake and journal come to the same as the journal alone");
}

/// CRC-32C (Castagnoli), bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0x82F6_3B78 & 0u32.wrapping_sub(crc & 1)))
    })
}

#[test]
fn another_version_is_refused_with_what_to_do_and_left_as_it_is() {
    type Change = fn(&Path, u8);
    let manifest: Change = |dir, version| {
        let path = dir.join("lake/manifest.json");
        let text = std::fs::read_to_string(&path).expect("a manifest");
        assert!(text.starts_with("{\"version\":1,"), "{text}");
        std::fs::write(&path, text.replacen("\"version\":1,", &format!("\"version\":{version},"), 1)).expect("written");
    };
    let journal: Change = |dir, version| {
        let path = segment(dir);
        let mut bytes = std::fs::read(&path).expect("a segment");
        bytes[6] = version;
        let crc = crc32c(&bytes[..16]);
        bytes[16..20].copy_from_slice(&crc.to_le_bytes());
        std::fs::write(&path, bytes).expect("written");
    };
    for (name, change) in [("manifest.json", manifest), (".log", journal)] {
        for (version, what) in
            [(2, ["a newer gemba wrote it", "`gemba --version`"]), (0, ["no longer read", "`gemba replay"])]
        {
            let folder = tempfile::tempdir().expect("a folder");
            let at = folder.path();
            copy(&golden().join("data"), &at.join("data"));
            write(at, "site.toml", site().1);
            change(&at.join("data"), version);
            let before = contents(&at.join("data"));
            let ended = gemba(at, &["rebuild", "--site", "site.toml", "--out", "data"]).with(1);
            ended.says(&[name, &format!("format version {version}"), what[0], what[1]]);
            assert_eq!(contents(&at.join("data")), before, "{name} {version}: changed");
            // Looking says so too.
            let report = gemba(at, &["verify", "--out", "data"]).with(1);
            assert!(report.out.contains(what[1]), "{}", report.out);
        }
    }
}

/// The files that hold facts.
fn contents(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(dir).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            all.extend(contents(&path));
        } else if path.extension().is_some_and(|e| ["log", "parquet", "json"].iter().any(|own| e == *own)) {
            all.insert(path.clone(), std::fs::read(&path).expect("a file"));
        }
    }
    all
}

fn segment(dir: &Path) -> PathBuf {
    let entries = std::fs::read_dir(dir.join("journal")).expect("a journal");
    let mut found: Vec<_> = entries.map(|e| e.expect("an entry").path()).collect();
    found.retain(|path| path.extension().is_some_and(|e| e == "log"));
    found.sort();
    found.remove(0)
}

/// `make golden`.
#[test]
#[ignore = "writes tests/it/golden-data anew"]
fn make_golden_data() {
    let kinds: BTreeSet<_> = facts().iter().map(|f| f.kind().table_name()).collect();
    assert_eq!(kinds.len(), registry::facts().len(), "a kind of fact is missing from facts.json");
    let (site, text) = site();
    let (before, after) = entries();
    let append = |dir: &Path, entries: &[Entry]| {
        let mut journal = Journal::open(&dir.join("journal")).expect("a journal");
        for some in entries.chunks(2) {
            journal.append(some).expect("appended");
        }
    };
    for part in ["data", "journal-alone"] {
        let dir = golden().join(part);
        let _ = std::fs::remove_dir_all(&dir);
        append(&dir, &before);
        if part == "data" {
            derive(&site, &text, &dir, 1);
            for derived in ["store.duckdb", "lake/catalog.duckdb", "gemba.lock"] {
                std::fs::remove_file(dir.join(derived)).expect(derived);
            }
        }
        append(&dir, &after);
    }
    let (rows, _) = opened("data");
    std::fs::write(golden().join("expected.json"), serde_json::to_string_pretty(&rows).expect("JSON") + "\n")
        .expect("written");
}
