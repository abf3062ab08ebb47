//! Identities that outlive a process: ids of facts and digests of rules never change between builds.

use gemba_schemas::geometry::Point;
use gemba_schemas::id::{FactId, Generation, Name};
use gemba_schemas::rule::{ClockRule, Rule, ZoneRule, digest, joined};
use gemba_schemas::score::Score;
use gemba_schemas::time::{EventTime, Micros};

#[test]
fn fact_ids_are_the_same_in_every_build() {
    // A changed value here means that a journal of an older build is not recognised: duplicates would count twice.
    let camera = Name::new("bench-1");
    let id = |kind, generation, parts: &[&[u8]]| FactId::of(kind, camera, Generation(generation), parts).0;
    let ids = [
        id("coverage", 1_700_000_000_000_000, &[]),
        id("code_read", -1, &[b"frame", b"TRACK1", &7i64.to_le_bytes()]),
        id("track_point", 0, &[&3u32.to_le_bytes(), &9u64.to_le_bytes()]),
    ];
    assert_eq!(ids, [10_004_167_653_233_408_763, 8_473_420_817_261_564_528, 11_750_313_012_522_409_235]);
}

#[test]
fn fact_ids_tell_apart_what_differs() {
    let of = |kind, camera: &str, generation, parts: &[&[u8]]| {
        FactId::of(kind, Name::new(camera), Generation(generation), parts)
    };
    let ids = [
        of("a", "b", 1, &[b"cd"]),
        of("a", "b", 1, &[b"c", b"d"]),
        of("a", "b", 1, &[b"cd", b""]),
        of("a", "b", 2, &[b"cd"]),
        of("ab", "", 1, &[b"cd"]),
        of("", "ab", 1, &[b"cd"]),
    ];
    let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len());
}

#[test]
fn a_name_is_its_text() {
    let name = Name::new("camera 現場");
    assert_eq!(name, Name::new(&String::from("camera 現場")));
    assert_ne!(name, Name::new("camera"));
    // Texts that begin and end alike, of every length, and more of them than are kept at hand.
    let text = |n: usize| {
        let middle = format!("{:0width$}", n % 10, width = n / 10 % 30);
        format!("{}{middle}{}", &"lane-one"[..n / 300 % 9], &"-station"[8 - n / 2_700 % 9..])
    };
    for n in (0..24_300).chain((0..24_300).rev()) {
        assert_eq!(Name::new(&text(n)).as_str(), text(n));
    }
    assert_eq!((name.as_str(), format!("{name:>11}|")), ("camera 現場", "  camera 現場|".into()));
    assert_eq!(Name::default().as_str(), "");
    let json = serde_json::to_string(&name).expect("a string");
    assert_eq!(json, "\"camera 現場\"");
    assert_eq!(serde_json::from_str::<Name>(&json).expect("its own text"), name);
}

#[test]
fn threads_agree_on_names() {
    let texts: Vec<String> = (0..200).map(|i| format!("shared-{i}")).collect();
    let all = std::thread::scope(|scope| {
        let intern = |back: bool| {
            let texts = &texts;
            scope.spawn(move || {
                let mut names: Vec<Name> = if back {
                    texts.iter().rev().map(|t| Name::new(t)).collect()
                } else {
                    texts.iter().map(|t| Name::new(t)).collect()
                };
                if back {
                    names.reverse();
                }
                names
            })
        };
        let threads: Vec<_> = [false, true, false, true].into_iter().map(intern).collect();
        threads.into_iter().map(|t| t.join().expect("no panic")).collect::<Vec<_>>()
    });
    assert!(all.windows(2).all(|pair| pair[0] == pair[1]));
    assert!(all[0].iter().zip(&texts).all(|(n, t)| n.as_str() == t));
}

fn zone(name: &str) -> Rule {
    Rule::Zone(ZoneRule {
        camera: "cam".into(),
        zone: name.into(),
        kind: "wait".into(),
        polygon: vec![Point { x: 0, y: 0 }, Point { x: 10, y: 0 }, Point { x: 10, y: 10 }],
        min_dwell: Micros::from_secs(30),
        bridge: Micros::from_secs(2),
        classes: vec!["person".into()],
    })
}

#[test]
fn a_digest_depends_on_the_rules_and_on_nothing_else() {
    // Interned in an order that no site file has.
    for text in ["person", "wait", "z2", "z1", "UTC", "cam"] {
        Name::new(text);
    }
    let clock = Rule::Clock(ClockRule { time_zone: "UTC".into(), day_reset: Micros(3 * Micros::HOUR.0) });
    let rules = [clock.clone(), zone("z1"), zone("z2")];
    let turned = [zone("z2"), clock, zone("z1")];
    assert_eq!(digest(&rules), digest(&turned), "order plays no part");
    assert_eq!(digest(&rules).as_str(), "6734ea197a42e5be");
    assert_ne!(digest(&rules), digest(&rules[..2]));
    assert_ne!(digest(&[zone("z1")]), digest(&[zone("z2")]));
    assert_ne!(digest(&[zone("z1"), zone("z1")]), digest(&[]), "twice is not never");
    assert_eq!(joined([digest(&rules[..2]), digest(&rules[2..])]), digest(&rules));
}

#[test]
fn times_round_down_and_never_overflow() {
    assert_eq!(EventTime(-1).floor(Micros::MINUTE), EventTime(-60_000_000));
    assert_eq!(EventTime(60_000_000).floor(Micros::MINUTE), EventTime(60_000_000));
    assert_eq!(EventTime(-1).seconds(), -1);
    assert_eq!(EventTime::MAX + Micros(1), EventTime::MAX);
    assert_eq!(EventTime::MIN - Micros(1), EventTime::MIN);
    assert_eq!(EventTime::MAX - EventTime::MIN, Micros(i64::MAX));
    assert_eq!(EventTime(1_740_787_200_000_000).rfc3339(), "2025-03-01T00:00:00.000000Z");
    assert_eq!(EventTime(1_740_787_199_999_999).date(), "2025-02-28");
    assert_eq!(EventTime::MAX.date(), "unknown");
}

#[test]
fn scores_clamp() {
    assert_eq!([0.5, 1.5, -1.0, f32::NAN].map(|s| Score::from_f32(s).0), [5_000, 10_000, 0, 0]);
}

#[test]
fn names_are_ordered_as_their_texts() {
    let texts = ["", "W", "W1", "W1\0", "W1\0a", "W10", "W2", "W2345678", "W2345678a", "W23456789", "é", "\u{7f}"];
    for a in texts {
        for b in texts {
            assert_eq!(Name::new(a).cmp_text(Name::new(b)), a.cmp(b), "{a:?} {b:?}");
        }
    }
}
