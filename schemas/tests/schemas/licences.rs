//! Every dependency's licence is one that `deny.toml` allows.
//!
//! Reads what cargo knows (`cargo metadata`, without a net) and the allow list in cargo-deny's format.

use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Whether an SPDX expression can be met with the allowed licences. `/` is the old way to write OR.
fn allowed(expression: &str, allow: &dyn Fn(&str) -> bool) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut words: Vec<&str> = spaced.split_whitespace().rev().collect();
    either(&mut words, allow) && words.is_empty()
}

/// expression := all { OR all }; the words are in reverse, so that the next one is the last.
fn either(words: &mut Vec<&str>, allow: &dyn Fn(&str) -> bool) -> bool {
    let mut met = all(words, allow);
    while words.pop_if(|w| *w == "OR").is_some() {
        met |= all(words, allow);
    }
    met
}

/// all := one { AND one }
fn all(words: &mut Vec<&str>, allow: &dyn Fn(&str) -> bool) -> bool {
    let mut met = one(words, allow);
    while words.pop_if(|w| *w == "AND").is_some() {
        met &= one(words, allow);
    }
    met
}

/// one := '(' expression ')' | licence [ WITH exception ]
fn one(words: &mut Vec<&str>, allow: &dyn Fn(&str) -> bool) -> bool {
    if words.pop_if(|w| *w == "(").is_some() {
        let met = either(words, allow);
        return words.pop() == Some(")") && met;
    }
    let Some(licence) = words.pop() else { return false };
    if words.pop_if(|w| *w == "WITH").is_some() {
        // An exception grants more than the licence alone.
        words.pop();
    }
    allow(licence)
}

#[test]
fn expressions_are_understood() {
    let mit = |l: &str| l == "MIT";
    for (expression, met) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("MIT OR GPL-3.0", true),
        ("GPL-3.0/MIT", true),
        ("MIT AND GPL-3.0", false),
        ("(MIT OR GPL-3.0) AND MIT", true),
        ("GPL-3.0 OR MIT AND GPL-3.0", false),
        ("MIT WITH LLVM-exception OR GPL-3.0", true),
        ("(MIT", false),
        ("", false),
    ] {
        assert_eq!(allowed(expression, &mit), met, "{expression}");
    }
}

#[test]
fn every_dependency_may_be_linked() {
    let list: toml::Table = std::fs::read_to_string(root().join("deny.toml"))
        .expect("deny.toml lies in the root")
        .parse()
        .expect("deny.toml is TOML");
    let texts = |v: &toml::Value| -> BTreeSet<String> {
        v.as_array().into_iter().flatten().filter_map(|l| l.as_str().map(str::to_owned)).collect()
    };
    let licenses = &list["licenses"];
    let general = texts(&licenses["allow"]);
    let exceptions: Vec<(&str, BTreeSet<String>)> = licenses["exceptions"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|e| Some((e["crate"].as_str()?, texts(&e["allow"]))))
        .collect();

    // Only what this platform builds: that much is on the disk, so no net is needed.
    let host = Command::new(env!("CARGO")).args(["-vV"]).output().expect("cargo runs");
    let host = String::from_utf8_lossy(&host.stdout).lines().find_map(|l| l.strip_prefix("host: ").map(str::to_owned));
    let output = Command::new(env!("CARGO"))
        .current_dir(root())
        .args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform"])
        .arg(host.expect("cargo says its host"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    assert!(packages.len() > 100, "{} packages", packages.len());

    let mut wrong = Vec::new();
    for package in packages.iter().filter(|p| !p["source"].is_null()) {
        let (name, version) = (package["name"].as_str().unwrap_or("?"), package["version"].as_str().unwrap_or("?"));
        let own = exceptions.iter().filter(|(krate, _)| *krate == name).flat_map(|(_, allow)| allow);
        let own: BTreeSet<&String> = own.collect();
        let expression = package["license"].as_str().unwrap_or("none");
        if !allowed(expression, &|l| general.contains(l) || own.contains(&l.to_owned())) {
            wrong.push(format!("{name} {version}: {expression}"));
        }
    }
    assert!(wrong.is_empty(), "not allowed by deny.toml:\n{}", wrong.join("\n"));
}
