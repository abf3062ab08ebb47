//! From what the user wrote (files, folders, patterns) to the list of clips.
//!
//! In: paths. Out: video files without duplicates, in natural order of their names (`clip-2` before `clip-10`),
//! and an error for each entry that gave none. A folder is read one level deep, by extension; a file named in
//! full is taken whatever its extension.

use super::error::{Problem, SourceError};
use std::cmp::Ordering;
use std::path::{Path, PathBuf};

/// Extensions that count as footage in folders.
pub const EXTENSIONS: &[&str] = &[
    "mp4", "mkv", "mov", "avi", "ts", "m2ts", "mts", "webm", "m4v", "gif", "mpg", "mpeg", "flv", "wmv", "3gp", "ogv",
    "mjpeg", "mjpg", "h264", "h265", "hevc", "264", "265", "mxf", "asf", "ivf",
];

/// Expands every entry, relative to `base`.
pub(super) fn find(entries: &[PathBuf], base: &Path) -> (Vec<PathBuf>, Vec<SourceError>) {
    let (mut clips, mut errors) = (Vec::new(), Vec::new());
    for entry in entries {
        let path = base.join(entry);
        match expand(&path) {
            Ok(found) => clips.extend(found),
            Err(problem) => errors.push(SourceError::Clip { path, problem }),
        }
    }
    clips.sort_by(|a, b| natural(a, b));
    clips.dedup();
    (clips, errors)
}

fn expand(path: &Path) -> Result<Vec<PathBuf>, Problem> {
    let text = path.to_string_lossy();
    // A file whose real name holds a bracket or a star is that file.
    if path.symlink_metadata().is_err() && text.contains(['*', '?', '[']) {
        let matches = glob::glob(&text).map_err(|e| Problem::Pattern(e.to_string()))?;
        let found: Vec<PathBuf> = matches.filter_map(Result::ok).filter(|p| p.is_file() && !is_sidecar(p)).collect();
        return if found.is_empty() { Err(nothing()) } else { Ok(found) };
    }
    let meta = path.metadata().map_err(|e| Problem::Io(e.kind()))?;
    if !meta.is_dir() {
        return Ok(vec![path.into()]);
    }
    let entries = path.read_dir().map_err(|e| Problem::Io(e.kind()))?;
    let found: Vec<PathBuf> =
        entries.filter_map(Result::ok).map(|e| e.path()).filter(|p| is_video(p) && p.is_file()).collect();
    if found.is_empty() { Err(nothing()) } else { Ok(found) }
}

fn nothing() -> Problem {
    Problem::NoClips(EXTENSIONS.iter().take(9).map(|e| format!(".{e}")).collect::<Vec<_>>().join(" "))
}

fn is_sidecar(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "start")
}

fn is_video(path: &Path) -> bool {
    let hidden = path.file_name().is_some_and(|n| n.as_encoded_bytes().starts_with(b"."));
    let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    !hidden && extension.is_some_and(|e| EXTENSIONS.contains(&e.as_str()))
}

/// Names compared with runs of digits as numbers; ties fall to the plain order of the whole path.
pub(super) fn natural(a: &Path, b: &Path) -> Ordering {
    let (x, y) = (a.to_string_lossy(), b.to_string_lossy());
    let (mut x, mut y) = (x.as_bytes(), y.as_bytes());
    while let (Some(&p), Some(&q)) = (x.first(), y.first()) {
        if p.is_ascii_digit() && q.is_ascii_digit() {
            let (m, n) = (number(&mut x), number(&mut y));
            // Without leading zeros a longer number is a greater one.
            match m.len().cmp(&n.len()).then(m.cmp(n)) {
                Ordering::Equal => {}
                order => return order,
            }
        } else if p != q {
            return p.cmp(&q);
        } else {
            (x, y) = (&x[1..], &y[1..]);
        }
    }
    x.len().cmp(&y.len()).then_with(|| a.cmp(b))
}

fn number<'a>(text: &mut &'a [u8]) -> &'a [u8] {
    let digits = text.iter().take_while(|c| c.is_ascii_digit()).count();
    let zeros = text[..digits].iter().take_while(|c| **c == b'0').count();
    let number = &text[zeros..digits];
    *text = &text[digits..];
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_as_people_count() {
        let mut names: Vec<PathBuf> = ["c10.mp4", "c2.mp4", "c02.mp4", "b.mp4", "c1-9.mp4"].map(Into::into).into();
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["b.mp4", "c1-9.mp4", "c02.mp4", "c2.mp4", "c10.mp4"].map(PathBuf::from));
    }

    #[test]
    fn folders_patterns_and_files() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.mp4", "b.MKV", "a.mp4.start", "notes.txt", ".hidden.mp4", "[x].mp4"] {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        let names = |entries: &[&str]| {
            let entries: Vec<PathBuf> = entries.iter().map(Into::into).collect();
            let (clips, errors) = find(&entries, folder.path());
            let clips: Vec<String> =
                clips.iter().map(|p| p.file_name().unwrap().to_string_lossy().into_owned()).collect();
            (clips, errors.len())
        };
        assert_eq!(names(&["."]), (vec!["[x].mp4".into(), "a.mp4".into(), "b.MKV".into()], 0));
        assert_eq!(names(&["a*"]), (vec!["a.mp4".into()], 0));
        assert_eq!(names(&["[x].mp4", "notes.txt"]).0.len(), 2);
        assert_eq!(names(&["a.mp4", "a.mp4", "gone.mp4", "z*.mp4"]), (vec!["a.mp4".into()], 2));
    }
}
