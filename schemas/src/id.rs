//! Identities: interned names, generations, and the deterministic ids of facts.
//!
//! Inside correlate every name is a small integer ([`Name`]); the text comes back only where a row is
//! written or shown. The interner is process-wide and append-only: names are camera, zone, model and
//! file names, whose number is bounded by the site. Free text (what a code says) stays a `String`.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::HashMap;
use std::fmt;
use std::sync::{OnceLock, RwLock};
use xxhash_rust::xxh3::Xxh3;

/// An interned name. Equality and hashing are those of the text; the *order is that of interning*,
/// so nothing a user sees may depend on it (sort by [`Name::as_str`] at the edge).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(u32);

#[derive(Default)]
struct Interner {
    ids: HashMap<&'static str, u32>,
    texts: Vec<&'static str>,
}

fn interner() -> &'static RwLock<Interner> {
    static INTERNER: OnceLock<RwLock<Interner>> = OnceLock::new();
    INTERNER.get_or_init(RwLock::default)
}

impl Name {
    /// The name with this text; the same text always gives the same name within a process.
    pub fn new(text: &str) -> Self {
        let lock = interner();
        // A poisoned lock only means that another thread panicked between two complete updates.
        if let Some(&id) = lock.read().unwrap_or_else(|e| e.into_inner()).ids.get(text) {
            return Self(id);
        }
        let mut table = lock.write().unwrap_or_else(|e| e.into_inner());
        if let Some(&id) = table.ids.get(text) {
            return Self(id);
        }
        let text: &'static str = Box::leak(text.into());
        let id = table.texts.len() as u32;
        table.texts.push(text);
        table.ids.insert(text, id);
        Self(id)
    }

    /// The text.
    pub fn as_str(self) -> &'static str {
        interner().read().unwrap_or_else(|e| e.into_inner()).texts[self.0 as usize]
    }
}

impl Default for Name {
    fn default() -> Self {
        Self::new("")
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Visit;
        impl serde::de::Visitor<'_> for Visit {
            type Value = Name;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }
            fn visit_str<E>(self, text: &str) -> Result<Name, E> {
                Ok(Name::new(text))
            }
        }
        d.deserialize_str(Visit)
    }
}

/// A short digest of a text that describes settings: 16 hex digits.
pub fn text_digest(text: &str) -> Name {
    Name::new(&format!("{:016x}", xxhash_rust::xxh3::xxh3_64(text.as_bytes())))
}

/// One connection of one camera, or one run of contiguous footage: the event time (µs UTC) of its first
/// frame. Tracks are numbered within a generation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Generation(pub i64);

/// The identity of a fact: a hash of what makes it the same fact when it is reported again.
///
/// Two reports with one id are one fact; the first arrival wins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FactId(pub u64);

impl FactId {
    /// The id of the fact of `kind` from (`camera`, `generation`) told apart from its siblings by `parts`.
    pub fn of(kind: &str, camera: Name, generation: Generation, parts: &[&[u8]]) -> Self {
        let mut hash = Xxh3::new();
        // Lengths are hashed too, so that ("ab", "c") and ("a", "bc") differ.
        for part in [kind.as_bytes(), camera.as_str().as_bytes(), &generation.0.to_le_bytes()].iter().chain(parts) {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Self(hash.digest())
    }
}
