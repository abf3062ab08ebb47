//! What would lose or double an entry: every truncation, every flipped bit, failed writes and syncs.

use super::*;
use gemba_schemas::fact::{TrackEnd, TrackEndReason};
use gemba_schemas::id::FactId;
use gemba_schemas::time::EventTime;
use proptest::prelude::*;

pub(super) fn entry(n: u64) -> Entry {
    if n.is_multiple_of(4) {
        return Entry::Retract { camera: Name::new("front"), generation: Generation(n as i64) };
    }
    if n % 4 == 3 {
        let ids = BTreeSet::from([FactId(n), FactId(u64::MAX - n)]);
        return Entry::Withdraw(Withdrawal { ids, from: EventTime(1), to: EventTime(n as i64) });
    }
    Entry::Facts(vec![Fact::TrackEnd(TrackEnd {
        id: FactId(n),
        camera: Name::new("front"),
        generation: Generation(7),
        track: n as u32,
        class: Name::new("person"),
        first_seen: EventTime(1),
        last_seen: EventTime(2),
        last_frame: 3,
        detections: 4,
        reason: TrackEndReason::Lost,
        model: Name::new("motion"),
    })])
}

fn entries(range: std::ops::RangeInclusive<u64>) -> Vec<Entry> {
    range.map(entry).collect()
}

pub(super) fn read(journal: &Journal, after: u64) -> Vec<(u64, Entry)> {
    let mut all = Vec::new();
    let push = |s, e| {
        all.push((s, e));
        Ok(())
    };
    journal.replay(after, push).unwrap();
    all
}

fn numbers(journal: &Journal) -> Vec<u64> {
    read(journal, 0).into_iter().inspect(|(s, e)| assert_eq!(*e, entry(*s))).map(|(s, _)| s).collect()
}

/// The bytes of a journal of five entries in one segment.
fn small() -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path()).unwrap();
    journal.append(&entries(1..=3)).unwrap();
    journal.append(&entries(4..=5)).unwrap();
    std::fs::read(journal.active_path()).unwrap()
}

/// A directory in memory where there is one: these tests sync thousands of times.
pub(super) fn quick_dir() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn open_with(bytes: &[u8]) -> (tempfile::TempDir, Journal) {
    let dir = quick_dir();
    std::fs::write(dir.path().join(segment::file_name(1)), bytes).unwrap();
    let journal = Journal::open(dir.path()).unwrap();
    (dir, journal)
}

#[test]
fn entries_come_back_in_order_and_after_a_number() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path()).unwrap();
    assert_eq!(journal.last(), 0);
    assert_eq!(journal.append(&entries(1..=3)).unwrap(), 3);
    assert_eq!(journal.append(&[]).unwrap(), 3);
    drop(journal);
    let mut journal = Journal::open(dir.path()).unwrap();
    assert_eq!(journal.append(&entries(4..=9)).unwrap(), 9);
    assert_eq!(numbers(&journal), (1..=9).collect::<Vec<_>>());
    assert_eq!(read(&journal, 7).len(), 2);
    assert!(journal.damage().is_empty());
}

#[test]
fn every_truncation_opens_to_a_prefix_and_goes_on() {
    let whole = small();
    let mut counts = std::collections::BTreeSet::new();
    for cut in 0..whole.len() {
        let (_dir, mut journal) = open_with(&whole[..cut]);
        let last = journal.last();
        assert_eq!(numbers(&journal), (1..=last).collect::<Vec<_>>(), "cut at {cut}");
        assert!(journal.damage().is_empty(), "cut at {cut}: {:?}", journal.damage());
        counts.insert(last);
        assert_eq!(journal.append(&[entry(last + 1)]).unwrap(), last + 1);
        assert_eq!(numbers(&journal), (1..=last + 1).collect::<Vec<_>>());
    }
    assert_eq!(counts, (0..=4).collect());
}

#[test]
fn every_flipped_bit_is_seen_and_costs_at_most_its_own_entry() {
    let whole = small();
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let (dir, journal) = open_with(&bytes);
        let found = numbers(&journal);
        let lost = 5 - found.len();
        assert!(lost <= 1, "bit {bit}: {found:?}");
        let aside = dir.path().join("quarantine");
        assert!(aside.is_dir() && aside.read_dir().unwrap().count() == 1, "bit {bit}: nothing set aside");
        // Only a tail whose length no longer fits the file looks like a torn write.
        assert!(!journal.damage().is_empty() || !found.contains(&5), "bit {bit}");
        drop(journal);
        let again = Journal::open(dir.path()).unwrap();
        assert!(again.damage().is_empty(), "bit {bit} is reported twice");
        assert_eq!(numbers(&again), found);
    }
}

#[test]
fn every_kind_of_entry_behind_damage_is_kept() {
    let whole = small();
    // The first byte of the first record's checksum: the stretch to search begins there.
    let mut bytes = whole.clone();
    bytes[segment::HEADER as usize + 4] ^= 1;
    for (first, kind) in [(2, "facts"), (3, "a withdrawal"), (4, "a retraction")] {
        let mut only = bytes.clone();
        // Entries before `first` are damaged too, so that the search has to stop at this kind of record.
        let mut at = segment::HEADER as usize;
        for _ in 1..first {
            only[at + 4] ^= 2;
            at += 17 + u32::from_le_bytes(only[at..at + 4].try_into().unwrap()) as usize;
        }
        let (_dir, journal) = open_with(&only);
        assert_eq!(numbers(&journal), (first..=5).collect::<Vec<_>>(), "{kind} behind damage");
        assert!(!journal.damage().is_empty());
    }
}

#[test]
fn zeroes_after_the_end_are_a_torn_tail() {
    let mut bytes = small();
    bytes.extend([0; 5000]);
    let (_dir, journal) = open_with(&bytes);
    assert_eq!(numbers(&journal), [1, 2, 3, 4, 5]);
    assert!(journal.damage().is_empty());
}

#[test]
fn segments_roll_and_leave_when_released() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path()).unwrap();
    journal.segment_bytes = 200;
    for n in 1..=20 {
        journal.append(&[entry(n)]).unwrap();
    }
    assert!(journal.segments.len() > 3);
    journal.release(10).unwrap();
    let left = numbers(&journal);
    assert!(left[0] <= 11 && left[0] > 1, "{left:?}");
    assert_eq!(*left.last().unwrap(), 20);
    journal.release(20).unwrap();
    assert!(numbers(&journal).is_empty());
    drop(journal);
    let mut journal = Journal::open(dir.path()).unwrap();
    assert_eq!((journal.last(), journal.segments.len()), (20, 1));
    assert_eq!(journal.append(&[entry(21)]).unwrap(), 21);
}

#[test]
fn numbers_that_the_lake_has_counted_are_not_given_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path()).unwrap();
    journal.append(&entries(1..=2)).unwrap();
    journal.skip_to(2).unwrap();
    journal.skip_to(9).unwrap();
    assert_eq!(journal.append(&[entry(10)]).unwrap(), 10);
    drop(journal);
    assert_eq!(numbers(&Journal::open(dir.path()).unwrap()), [1, 2, 10]);
}

#[test]
fn a_failed_sync_ends_the_journal_until_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path()).unwrap();
    journal.append(&[entry(1)]).unwrap();
    journal.fail_sync = true;
    assert!(matches!(journal.append(&[entry(2)]), Err(SinkError::Poisoned { .. })));
    journal.fail_sync = false;
    assert!(matches!(journal.append(&[entry(2)]), Err(SinkError::Poisoned { .. })));
    assert!(matches!(journal.release(1), Err(SinkError::Poisoned { .. })));
    assert_eq!(journal.last(), 1);
    drop(journal);
    // Whether the unsynced entry survived is open; what was promised is there.
    assert_eq!(numbers(&Journal::open(dir.path()).unwrap())[0], 1);
}

#[test]
fn a_segment_of_a_later_format_is_refused_and_kept() {
    let mut bytes = small();
    bytes[6] = 99;
    let crc = crc32c::crc32c(&bytes[..16]);
    bytes[16..20].copy_from_slice(&crc.to_le_bytes());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(segment::file_name(1));
    std::fs::write(&path, &bytes).unwrap();
    assert!(matches!(Journal::open(dir.path()), Err(SinkError::Version { found: 99, .. })));
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any stretch overwritten with anything: what is left is valid, in order, and can be gone on from.
    #[test]
    fn any_overwritten_stretch_leaves_valid_entries(at in 0usize..700, junk in proptest::collection::vec(any::<u8>(), 1..80)) {
        let mut bytes = small();
        let at = at % bytes.len();
        for (i, b) in junk.iter().enumerate() {
            if let Some(place) = bytes.get_mut(at + i) {
                *place = *b;
            }
        }
        let dir = quick_dir();
        std::fs::write(dir.path().join(segment::file_name(1)), &bytes).unwrap();
        let mut journal = Journal::open(dir.path()).unwrap();
        prop_assert!(numbers(&journal).is_sorted());
        let next = journal.last() + 1;
        prop_assert_eq!(journal.append(&[entry(next)]).unwrap(), next);
    }
}

#[test]
fn damage_is_listed_once_whatever_ends_the_start_that_finds_it() {
    let whole = small();
    let mut bytes = whole.clone();
    let at = segment::HEADER as usize;
    bytes[at + 20] ^= 1;
    let (dir, journal) = open_with(&bytes);
    let listed = journal.damaged().to_vec();
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].file.as_str(), listed[0].from), ("00000000000000000001.log", at as u64));
    assert_eq!(std::fs::read(dir.path().join("quarantine").join(&listed[0].copy)).unwrap(), bytes);
    drop(journal);
    let again = |bytes: &[u8]| {
        std::fs::write(dir.path().join(segment::file_name(1)), bytes).unwrap();
        Journal::open(dir.path()).unwrap().damaged().to_vec()
    };
    // It ended before the segment was replaced.
    assert_eq!(again(&bytes), listed);
    // Nothing is damaged, and what was stays known.
    assert_eq!(again(&whole), listed);
    // Other damage at the same place.
    bytes[at + 20] ^= 2;
    assert_eq!(again(&bytes).len(), 2);
    // A list that cannot be read keeps nobody from opening the journal.
    std::fs::write(dir.path().join("damage.json"), "[{").unwrap();
    assert_eq!(again(&whole), []);
}
