//! Looks into an `.onnx` file before ONNX Runtime does: is it one, does it keep weights elsewhere, and what
//! names does its exporter give its classes.
//!
//! An ONNX file is one protobuf message (`onnx.proto3`, `ModelProto`). Only the wire format is walked: fields
//! that matter are descended into, the rest is skipped, nothing is copied. Damaged files end in an error of
//! this module, never in a panic, and never deeper than [`DEPTH`] graphs.

/// What the file says of itself.
#[derive(Debug, Default, PartialEq)]
pub struct Summary {
    /// The first file outside that weights are kept in.
    pub external: Option<String>,
    /// Class names from the exporter's metadata (`names`, as Ultralytics writes it), by class number.
    pub names: Option<Vec<String>>,
    /// Picture size (height, width) from the exporter's metadata (`imgsz`), for inputs of dynamic size.
    pub size: Option<(usize, usize)>,
}

/// Graphs nest inside `If` and `Loop` nodes; real models do so two or three deep.
const DEPTH: usize = 16;

/// Reads the summary; the error says why the bytes are not an ONNX model.
pub fn summarise(bytes: &[u8]) -> Result<Summary, String> {
    for (magic, what) in [
        (&b"PK\x03\x04"[..], "a zip archive, such as a PyTorch checkpoint"),
        (b"version https://git-lfs", "a Git LFS pointer: the file itself was not fetched"),
        (b"<", "a web page or XML"),
    ] {
        if bytes.starts_with(magic) {
            return Err(format!("it is {what}"));
        }
    }
    if bytes.is_empty() {
        return Err("it is empty".into());
    }
    let mut summary = Summary::default();
    let (mut version, mut graph) = (false, false);
    walk(bytes, &mut |number, field| match (number, field) {
        (1, Field::Number(_)) => {
            version = true;
            Some(())
        }
        (7, Field::Bytes(b)) => {
            graph = true;
            walk_graph(b, &mut summary, 0)
        }
        (14, Field::Bytes(b)) => metadata(b, &mut summary),
        (25, Field::Bytes(function)) => walk_nodes(function, 7, &mut summary, 0),
        _ => Some(()),
    })
    .ok_or("it is damaged, cut short, or of another kind")?;
    if version && graph { Ok(summary) } else { Err("it has no graph".into()) }
}

enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Fixed,
}

/// Calls `visit` with every field of a message; `None` when the bytes are no message.
fn walk<'a>(mut bytes: &'a [u8], visit: &mut dyn FnMut(u64, Field<'a>) -> Option<()>) -> Option<()> {
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        let field = match tag & 7 {
            0 => Field::Number(varint(&mut bytes)?),
            1 => {
                bytes = bytes.get(8..)?;
                Field::Fixed
            }
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                let (inside, rest) = bytes.split_at_checked(length)?;
                bytes = rest;
                Field::Bytes(inside)
            }
            5 => {
                bytes = bytes.get(4..)?;
                Field::Fixed
            }
            _ => return None,
        };
        if tag >> 3 == 0 {
            return None;
        }
        visit(tag >> 3, field)?;
    }
    Some(())
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for i in 0..10 {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// `GraphProto`: nodes (1), initializers (5), sparse initializers (15).
fn walk_graph(bytes: &[u8], summary: &mut Summary, depth: usize) -> Option<()> {
    if depth > DEPTH {
        return None;
    }
    walk_nodes(bytes, 1, summary, depth)?;
    walk(bytes, &mut |number, field| match (number, field) {
        (5, Field::Bytes(tensor)) => walk_tensor(tensor, summary),
        (15, Field::Bytes(sparse)) => walk_sparse(sparse, summary),
        _ => Some(()),
    })
}

/// The nodes at field `at` of a graph or function: their attributes (5) may hold tensors (5, 10), graphs
/// (6, 11) and sparse tensors (22, 23).
fn walk_nodes(bytes: &[u8], at: u64, summary: &mut Summary, depth: usize) -> Option<()> {
    walk(bytes, &mut |number, field| match field {
        Field::Bytes(node) if number == at => walk(node, &mut |number, field| match (number, field) {
            (5, Field::Bytes(attribute)) => walk(attribute, &mut |number, field| match (number, field) {
                (5 | 10, Field::Bytes(tensor)) => walk_tensor(tensor, summary),
                (6 | 11, Field::Bytes(graph)) => walk_graph(graph, summary, depth + 1),
                (22 | 23, Field::Bytes(sparse)) => walk_sparse(sparse, summary),
                _ => Some(()),
            }),
            _ => Some(()),
        }),
        _ => Some(()),
    })
}

/// `SparseTensorProto`: values (1) and indices (2) are tensors.
fn walk_sparse(bytes: &[u8], summary: &mut Summary) -> Option<()> {
    walk(bytes, &mut |number, field| match (number, field) {
        (1 | 2, Field::Bytes(tensor)) => walk_tensor(tensor, summary),
        _ => Some(()),
    })
}

/// `TensorProto`: `external_data` (13) is a list of key and value; `data_location` (14) is 1 when it is used.
fn walk_tensor(bytes: &[u8], summary: &mut Summary) -> Option<()> {
    let (mut external, mut file) = (false, String::new());
    walk(bytes, &mut |number, field| match (number, field) {
        (13, Field::Bytes(entry)) => {
            external = true;
            let (key, value) = pair(entry)?;
            if key == "location" {
                file = value;
            }
            Some(())
        }
        (14, Field::Number(location)) => {
            external |= location != 0;
            Some(())
        }
        _ => Some(()),
    })?;
    if external {
        summary.external.get_or_insert(file);
    }
    Some(())
}

/// `StringStringEntryProto`.
fn pair(bytes: &[u8]) -> Option<(String, String)> {
    let (mut key, mut value) = (String::new(), String::new());
    walk(bytes, &mut |number, field| {
        match (number, field) {
            (1, Field::Bytes(b)) => key = String::from_utf8_lossy(b).into_owned(),
            (2, Field::Bytes(b)) => value = String::from_utf8_lossy(b).into_owned(),
            _ => (),
        }
        Some(())
    })?;
    Some((key, value))
}

fn metadata(bytes: &[u8], summary: &mut Summary) -> Option<()> {
    let (key, value) = pair(bytes)?;
    match key.as_str() {
        "names" => summary.names = python_names(&value),
        "imgsz" => {
            let numbers: Vec<usize> =
                value.trim_matches(['[', ']', '(', ')']).split(',').filter_map(|n| n.trim().parse().ok()).collect();
            summary.size = match numbers[..] {
                [height, width] => Some((height, width)),
                _ => None,
            };
        }
        _ => (),
    }
    Some(())
}

/// `{0: 'person', 1: "driver's mate"}`, numbered without a gap from 0.
fn python_names(text: &str) -> Option<Vec<String>> {
    let mut rest = text.trim().strip_prefix('{')?.strip_suffix('}')?.trim_start();
    let mut names = Vec::new();
    while !rest.is_empty() {
        let (number, after) = rest.split_once(':')?;
        if number.trim().parse() != Ok(names.len()) {
            return None;
        }
        let after = after.trim_start();
        let quote = after.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let (name, after) = after[1..].split_once(quote)?;
        names.push(name.to_owned());
        rest = after.trim_start().trim_start_matches(',').trim_start();
    }
    (!names.is_empty()).then_some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_exporters_write_them() {
        let names = python_names(r#"{0: 'person', 1: "driver's mate", 2: 'a, b: c'}"#).unwrap();
        assert_eq!(names, ["person", "driver's mate", "a, b: c"]);
        for broken in ["", "{}", "{1: 'x'}", "{0: x}", "{0: 'x", "person"] {
            assert_eq!(python_names(broken), None, "{broken}");
        }
    }

    #[test]
    fn other_files_are_told_from_models() {
        for (bytes, word) in [
            (&b""[..], "empty"),
            (b"PK\x03\x04....", "zip"),
            (b"version https://git-lfs.github.com/spec/v1\n", "LFS"),
            (b"<!doctype html>", "web page"),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "damaged"),
            (b"\x08\x07", "no graph"),
            (b"hello, world", "damaged"),
        ] {
            let why = summarise(bytes).unwrap_err();
            assert!(why.contains(word), "{why}");
        }
    }
}
