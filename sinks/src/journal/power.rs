//! A model of power loss: what a run of the journal did to its files is recorded, and a directory is made that a
//! disk could show after the power went at some point of it.
//!
//! What is lost is what no sync covered. Of a file the bytes written since its last sync, from any byte on, or
//! they are there as zeroes; of a directory any of the names that came or went since its last sync. Everything
//! that an append promised must be there all the same, and nothing that nobody appended.

use super::tests::{entry, quick_dir, read};
use super::*;
use proptest::prelude::*;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// One thing done to the files.
#[derive(Clone, Debug)]
pub(super) enum Operation {
    Create(PathBuf),
    Write(PathBuf, Vec<u8>),
    Sync(PathBuf),
    Unlink(PathBuf),
    SyncDir,
    /// Not of a file: the caller was told that everything through this number is durable.
    Promised(u64),
    /// The caller says that everything through this number may leave.
    Released(u64),
}

thread_local! {
    static RECORD: RefCell<Option<Vec<Operation>>> = const { RefCell::new(None) };
}

pub(super) fn record(operation: impl FnOnce() -> Operation) {
    RECORD.with_borrow_mut(|record| {
        if let Some(record) = record {
            record.push(operation());
        }
    });
}

/// A segment is created: its header written, it and the directory synced.
pub(super) fn created(path: &Path, header: &[u8]) {
    record(|| Operation::Create(path.into()));
    record(|| Operation::Write(path.into(), header.to_vec()));
    record(|| Operation::Sync(path.into()));
    record(|| Operation::SyncDir);
}

/// What one step of a run does.
#[derive(Clone, Copy, Debug)]
enum Do {
    Append(u64),
    Release,
    Skip,
    Reopen,
}

/// Runs `steps` on a journal with small segments and returns what was done to the files.
fn run(steps: &[Do]) -> Vec<Operation> {
    let dir = quick_dir();
    RECORD.set(Some(Vec::new()));
    let open = || {
        let mut journal = Journal::open(dir.path()).unwrap();
        journal.segment_bytes = 300;
        journal
    };
    let mut journal = open();
    for step in steps {
        match step {
            Do::Append(count) => {
                let first = journal.last() + 1;
                let entries: Vec<_> = (first..first + count).map(entry).collect();
                let through = journal.append(&entries).unwrap();
                (first..=through).for_each(|n| record(|| Operation::Promised(n)));
            }
            Do::Release => {
                let through = journal.last() - journal.last() / 3;
                record(|| Operation::Released(through));
                journal.release(through).unwrap();
            }
            Do::Skip => {
                let through = journal.last() + 2;
                journal.skip_to(through).unwrap();
            }
            Do::Reopen => {
                drop(journal);
                journal = open();
            }
        }
    }
    RECORD.take().unwrap()
}

/// One file as the disk may have it.
#[derive(Clone, Debug, Default)]
struct OnDisk {
    bytes: Vec<u8>,
    synced: usize,
}

/// The disk after some operations: what was in memory, and which names are not certain.
#[derive(Default)]
struct Disk {
    files: BTreeMap<PathBuf, OnDisk>,
    /// Names that came (`true`) or went since the directory was synced.
    uncertain: Vec<(PathBuf, bool)>,
    promised: u64,
    released: u64,
}

impl Disk {
    fn after(operations: &[Operation]) -> Self {
        let mut disk = Self::default();
        for operation in operations {
            match operation {
                Operation::Create(path) => {
                    disk.files.insert(path.clone(), OnDisk::default());
                    disk.uncertain.push((path.clone(), true));
                }
                Operation::Write(path, bytes) => disk.files.get_mut(path).unwrap().bytes.extend(bytes),
                Operation::Sync(path) => {
                    let file = disk.files.get_mut(path).unwrap();
                    file.synced = file.bytes.len();
                }
                Operation::Unlink(path) => disk.uncertain.push((path.clone(), false)),
                Operation::SyncDir => {
                    for (path, came) in disk.uncertain.drain(..) {
                        if !came {
                            disk.files.remove(&path);
                        }
                    }
                }
                Operation::Promised(through) => disk.promised = *through,
                Operation::Released(through) => disk.released = *through,
            }
        }
        disk
    }

    /// Writes the directory that the disk shows, as `dice` falls.
    fn show(&self, dir: &Path, dice: &mut impl FnMut(usize) -> usize) {
        for (path, file) in &self.files {
            let uncertain = self.uncertain.iter().any(|(p, _)| p == path);
            if uncertain && dice(2) == 0 {
                continue;
            }
            let unsynced = file.bytes.len() - file.synced;
            let kept = file.synced + dice(unsynced + 1);
            let mut bytes = file.bytes[..kept].to_vec();
            if dice(2) == 0 {
                // The length was recorded before the bytes were.
                bytes.resize(kept + dice(file.bytes.len() - kept + 1), 0);
            }
            std::fs::write(dir.join(path.file_name().unwrap()), bytes).unwrap();
        }
    }
}

fn steps() -> impl Strategy<Value = Vec<Do>> {
    let one = prop_oneof![
        6 => (1u64..5).prop_map(Do::Append),
        2 => Just(Do::Release),
        1 => Just(Do::Skip),
        1 => Just(Do::Reopen),
    ];
    proptest::collection::vec(one, 1..25)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whenever the power goes: what was promised and not released is there, and nothing that was not appended.
    #[test]
    fn what_was_promised_outlives_a_power_cut(steps in steps(), seed in any::<u64>()) {
        let operations = run(&steps);
        // Numbers that were skipped were never given.
        let appended = |n: &u64| operations.iter().any(|o| matches!(o, Operation::Promised(p) if p == n));
        let mut seed = seed;
        let mut dice = |below: usize| {
            seed = seed.wrapping_add(1);
            (gemba_schemas::samples::spread(seed) % below as u64) as usize
        };
        for _ in 0..8 {
            let crash = dice(operations.len() + 1);
            let disk = Disk::after(&operations[..crash]);
            let dir = quick_dir();
            disk.show(dir.path(), &mut dice);
            let mut journal = Journal::open(dir.path()).unwrap();
            let found = read(&journal, 0);
            prop_assert!(found.windows(2).all(|w| w[0].0 < w[1].0), "in order and none twice");
            for (sequence, found) in &found {
                prop_assert_eq!(found, &entry(*sequence), "nothing is invented");
                // What was given to `append` at the crash may be there too, whole or in part.
                prop_assert!(appended(sequence), "{} was never appended", sequence);
            }
            for promised in (disk.released + 1..=disk.promised).filter(appended) {
                prop_assert!(found.iter().any(|(s, _)| *s == promised), "{} is lost after {} operations", promised, crash);
            }
            // And it goes on.
            let next = journal.last() + 1;
            prop_assert_eq!(journal.append(&[entry(next)]).unwrap(), next);
        }
    }
}
