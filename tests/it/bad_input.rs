//! What is wrong with the world: each case gives a clear message or a fault row, the other files go on, and the
//! exit code tells.

use crate::command::{self, gemba, interrupt, sql, write};
use crate::footage::{Clip, SIZE, TRIGGER, clip, mjpeg};
use serde_json::{Value, json};
use std::path::Path;
use tempfile::TempDir;

const SITE: &str = r#"
[site]
name = "Bad day"

[[camera]]
name = "bench"
source = "clips"
sample = { codes = 5 }

[[camera.packing]]
name = "parcels"
trigger = "TimeGo"
min_duration = "1s"
"#;

fn good() -> Clip {
    Clip {
        start: Some("2026-01-15T08:00:00Z"),
        seconds: 8.0,
        covered: vec![(3.0, 5.0)],
        shown: vec![(3.5, 4.5, "P-7")],
        ..Clip::default()
    }
}

/// A site with one good clip.
fn site() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "site.toml", SITE);
    clip(folder.path(), "clips/good.mp4", &good());
    folder
}

#[track_caller]
fn replay(at: &Path, code: i32) -> command::Ended {
    gemba(at, &["replay", "--site", "site.toml", "--out", "out", "--json"]).with(code).says(&[])
}

/// The good clip's session, whatever lies beside it.
#[track_caller]
fn the_good_clip_is_read(at: &Path) {
    let sessions =
        sql(&at.join("out"), "SELECT codes, verdict FROM packing_sessions WHERE started < '2026-01-15 08:00:08+00'");
    assert_eq!(sessions, [json!({"codes": ["P-7"], "verdict": "ok"})]);
}

/// Faults of one file: (kind, detail).
fn faults(at: &Path, file: &str) -> Vec<(String, String)> {
    let rows = sql(&at.join("out"), &format!("SELECT kind, detail FROM fault WHERE file = '{file}' ORDER BY ALL"));
    let text = |v: &Value| v.as_str().expect("text").to_owned();
    rows.iter().map(|r| (text(&r["kind"]), text(&r["detail"]))).collect()
}

/// Bits of `bytes` flipped, one in every `every` bytes or so, in a sequence that a seed decides (xorshift64).
fn flip(bytes: &mut [u8], mut seed: u64, every: u64) {
    let mut at = 0;
    loop {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        at += (seed % (2 * every)) as usize + 1;
        let Some(byte) = bytes.get_mut(at) else { return };
        *byte ^= 1 << (seed >> 61);
    }
}

/// A second of silence, as a WAV file.
fn wav() -> Vec<u8> {
    let samples = 8000u32 * 2;
    let mut out = b"RIFF".to_vec();
    out.extend((36 + samples).to_le_bytes());
    out.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    out.extend(8000u32.to_le_bytes());
    out.extend(16_000u32.to_le_bytes());
    out.extend(b"\x02\0\x10\0data");
    out.extend(samples.to_le_bytes());
    out.resize(out.len() + samples as usize, 0);
    out
}

/// JPEGs whose headers ask for 16000 × 16000 pixels.
fn huge() -> Vec<u8> {
    let mut bytes = mjpeg(&[(160, 120, 5)]);
    for i in 0..bytes.len().saturating_sub(9) {
        // Start of frame: marker, length, 8 bits a sample, height, width.
        if bytes[i..i + 2] == [0xFF, 0xC0] && bytes[i + 4] == 8 && bytes[i + 5..i + 9] == [0, 120, 0, 160] {
            bytes[i + 5..i + 9].copy_from_slice(&[0x3E, 0x80, 0x3E, 0x80]);
        }
    }
    bytes
}

#[test]
fn files_that_are_no_footage() {
    let folder = site();
    let at = folder.path();
    let clips = at.join("clips");
    write(&clips, "empty.mp4", "");
    write(&clips, "noise.mp4", [7u8; 5000]);
    write(&clips, "sound.mp4", wav());
    write(&clips, "playlist.mp4", "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\ngood.mp4\n#EXT-X-ENDLIST\n");
    write(&clips, "concat.mp4", "ffconcat version 1.0\nfile good.mp4\n");
    write(&clips, "huge.mjpeg", huge());
    let ended = replay(at, 3);
    assert_eq!(ended.json()["cameras"]["bench"]["faults"], 6, "{}", ended.out);
    the_good_clip_is_read(at);
    for (file, kind, detail) in [
        ("empty.mp4", "open", "the file is empty"),
        ("noise.mp4", "open", "cannot be opened"),
        ("playlist.mp4", "open", "this is `hls`"),
        ("concat.mp4", "open", "this is `concat`"),
        ("huge.mjpeg", "", "larger than allowed"),
    ] {
        let found = faults(at, file);
        assert_eq!(found.len(), 1, "{file}: {found:?}");
        assert!(found[0].0.contains(kind) && found[0].1.contains(detail), "{file}: {found:?}");
    }
    assert_eq!(faults(at, "sound.mp4").len(), 1);
    // Nothing of it reaches another table, and nothing changes when it is tried again.
    let again = replay(at, 3);
    assert_eq!(again.json()["digest"], ended.json()["digest"]);
    assert_eq!(sql(&at.join("out"), "SELECT count(*) AS n FROM fault"), [json!({"n": 6})]);
    // `check` says the same before anything is read.
    let check = gemba(at, &["check", "site.toml"]).with(3);
    for text in ["good.mp4", "640×360", "the file is empty", "this is `hls`", "6 problems"] {
        assert!(check.out.contains(text), "`{text}` is not in:\n{}", check.out);
    }
}

#[test]
fn damaged_footage() {
    let folder = site();
    let at = folder.path();
    let whole = |start| Clip { start: Some(start), ..good() };
    let cut = clip(at, "clips/cut.mp4", &whole("2026-01-15T09:00:00Z"));
    let bytes = std::fs::read(&cut).expect("a clip");
    std::fs::write(&cut, &bytes[..bytes.len() * 6 / 10]).expect("written");
    for (n, start) in ["2026-01-15T10:00:00Z", "2026-01-15T11:00:00Z"].into_iter().enumerate() {
        let path = clip(at, &format!("clips/flipped-{n}.mp4"), &whole(start));
        let mut bytes = std::fs::read(&path).expect("a clip");
        // The index is in front: the pictures begin with `mdat`.
        let data = bytes.windows(4).position(|w| w == b"mdat").expect("mdat") + 4;
        flip(&mut bytes[data..], 7 + n as u64, 1500 >> (2 * n));
        std::fs::write(&path, bytes).expect("written");
    }
    let ended = replay(at, 3);
    the_good_clip_is_read(at);
    let seen = sql(
        &at.join("out"),
        "SELECT file, max(end_reason) AS ended, sum(frames_seen)::INT AS seen FROM coverage GROUP BY file ORDER BY file",
    );
    assert_eq!(seen[0]["file"], "cut.mp4", "{seen:?}");
    assert_eq!(seen[0]["ended"], "truncated");
    let frames = seen[0]["seen"].as_i64().expect("a number");
    assert!((20..75).contains(&frames), "{frames} of 80 frames, from 60 % of the file");
    assert_eq!(seen.len(), 4, "bit-flipped files are seen: {seen:?}");
    assert!(ended.json()["cameras"]["bench"]["faults"].as_i64() >= Some(2), "{}", ended.out);
    let corrupt = sql(&at.join("out"), "SELECT sum(frames_corrupt)::INT AS n FROM coverage WHERE file LIKE 'flipped%'");
    let told = sql(&at.join("out"), "SELECT count(*) AS n FROM fault WHERE file LIKE 'flipped%'");
    assert!(corrupt[0]["n"].as_i64() > Some(0) || told[0]["n"].as_i64() > Some(0), "the damage is told");
    // No code was invented out of damage.
    let texts =
        sql(&at.join("out"), &format!("SELECT DISTINCT text FROM code_read WHERE text NOT IN ('P-7', '{TRIGGER}')"));
    assert!(texts.is_empty(), "{texts:?}");
    assert_eq!(replay(at, 0).json()["digest"], ended.json()["digest"], "truncated footage is finished");
}

#[test]
fn a_jump_in_time() {
    let folder = site();
    let at = folder.path();
    let jumping = Clip { start: Some("2026-01-15T12:00:00Z"), jump: Some((4.0, 900.0)), ..good() };
    clip(at, "clips/jump.mp4", &jumping);
    let ended = gemba(at, &["replay", "--site", "site.toml", "--out", "out", "--json"]).says(&[]);
    assert!(matches!(ended.code, Some(0 | 3)), "{}", ended.err);
    the_good_clip_is_read(at);
    let runs = "SELECT file, width, height, generation, sum(date_diff('ms', started, ended))::INT AS ms FROM coverage \
                WHERE file <> 'good.mp4' GROUP BY ALL ORDER BY file, generation";
    let runs = sql(&at.join("out"), runs);
    let sizes: Vec<_> = runs.iter().map(|r| (r["file"].as_str(), r["width"].as_i64())).collect();
    let wide = Some(SIZE.0 as i64);
    let expected = [(Some("jump.mp4"), wide), (Some("jump.mp4"), wide)];
    assert_eq!(sizes, expected, "{runs:?}");
    // The quarter of an hour that the clock jumped was not seen.
    let jump: i64 = runs[..2].iter().filter_map(|r| r["ms"].as_i64()).sum();
    assert!((7_700..=8_300).contains(&jump), "{runs:?}");
}

#[test]
fn missing_and_wrong_models() {
    let folder = site();
    let at = folder.path();
    let with_model = |path: &str| {
        format!("{SITE}\n[camera.detect]\nmodel = \"people\"\n[[model]]\nname = \"people\"\npath = \"{path}\"\n")
    };
    write(at, "site.toml", with_model("gone.onnx"));
    gemba(at, &["replay", "--out", "out"]).with(2).says(&["gone.onnx", "bench"]);
    let check = gemba(at, &["check"]).with(3);
    assert!(check.out.contains("gone.onnx"), "{}", check.out);
    write(at, "site.toml", with_model("text.onnx"));
    write(at, "text.onnx", "this is no model");
    gemba(at, &["replay", "--out", "out"]).with(2).says(&["text.onnx", "ONNX"]);
}

#[test]
fn footage_that_is_not_there() {
    let folder = site();
    let at = folder.path();
    // A camera whose folder is gone does not keep the others from being read.
    write(at, "site.toml", format!("{SITE}\n[[camera]]\nname = \"gone\"\nsource = \"no-such-folder\"\ncodes = {{}}\n"));
    replay(at, 3);
    the_good_clip_is_read(at);
    let rows = sql(&at.join("out"), "SELECT camera, file, detail FROM fault");
    assert_eq!((&rows[0]["camera"], &rows[0]["file"]), (&json!("gone"), &json!("no-such-folder")), "{rows:?}");
    assert!(rows[0]["detail"].as_str().is_some_and(|d| d.contains("check the path")), "{rows:?}");

    write(at, "site.toml", SITE);
    gemba(at, &["replay", "nowhere/*.mp4", "--out", "b", "--quiet"]).with(3).says(&[]);
    gemba(at, &["replay", "site.toml", "--out", "c", "--quiet"]).with(3).says(&[]);
    std::fs::create_dir(at.join("hollow")).expect("a folder");
    gemba(at, &["replay", "hollow", "--out", "d", "--quiet"]).with(3).says(&[]);
    for (out, detail) in [("b", "nowhere/*.mp4"), ("c", ""), ("d", "holds no footage")] {
        let rows = sql(&at.join(out), "SELECT file || ': ' || detail AS text FROM fault");
        assert!(
            rows.len() == 1 && rows[0]["text"].as_str().is_some_and(|t| t.contains(detail) || out == "b"),
            "{out}: {rows:?}"
        );
    }
    gemba(at, &["replay", "--site", "gone.toml"]).with(2).says(&["gone.toml", "--site"]);
    gemba(at, &["sql", "--data", "nothing", "FROM fault"]).with(1).says(&["nothing"]);
    gemba(at, &["replay", "--facts", "nothing", "--out", "e"]).with(1).says(&["nothing"]);
}

#[test]
fn places_that_cannot_be_written() {
    let folder = site();
    let at = folder.path();
    write(at, "a-file", "in the way");
    gemba(at, &["replay", "--out", "a-file"]).with(1).says(&["a-file", "choose another directory"]);
    write(at, "site.toml", format!("{SITE}\n[data]\ndir = \"out\"\nlake = \"a-file\"\n"));
    gemba(at, &["replay"]).with(1).says(&["a-file", "choose another directory"]);
    write(at, "site.toml", format!("{SITE}\n[data]\ndir = \"out\"\nlake = \"a-file/below\"\n"));
    gemba(at, &["replay"]).with(1).says(&["a-file", "choose another directory"]);
    assert_eq!(std::fs::read_to_string(at.join("a-file")).expect("still there"), "in the way");
}

#[test]
fn in_use() {
    let folder = site();
    let at = folder.path();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    gemba(at, &["replay", "--out", "out", "--serve", "--listen", &address]).with(4).says(&[&address, "--listen"]);
    assert!(!at.join("out").exists(), "nothing is written before the port is there");

    replay(at, 0);
    let mut holder = command::start(at, &["serve", "out", "--listen", "127.0.0.1:0"]);
    holder.line("serving");
    while !at.join("out").exists() && holder.runs() {}
    // The lock is taken just after the port.
    std::thread::sleep(std::time::Duration::from_millis(300));
    gemba(at, &["replay", "--out", "out"]).with(4).says(&["in use by another gemba", "choose another directory"]);
    gemba(at, &["serve", "out", "--listen", "127.0.0.1:0"]).with(4).says(&["in use by another gemba"]);
    // Reading the lake is nobody's privilege.
    the_good_clip_is_read(at);
    interrupt(holder).with(0);
    replay(at, 0);
}

#[test]
fn a_damaged_store_is_rebuilt() {
    let folder = site();
    let at = folder.path();
    let first = replay(at, 0).json()["digest"].clone();
    let store = at.join("out/store.duckdb");
    let mut bytes = std::fs::read(&store).expect("a store");
    flip(&mut bytes, 3, 50);
    std::fs::write(&store, bytes).expect("written");
    assert_eq!(replay(at, 0).json()["digest"], first);
    the_good_clip_is_read(at);
}
