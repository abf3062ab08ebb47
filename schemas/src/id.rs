//! Identities: interned names, generations, and the deterministic ids of facts.
//!
//! Inside correlate every name is a small integer ([`Name`]); the text comes back only where a row is
//! written or shown. The interner is process-wide and append-only: names are camera, zone, model and
//! file names, whose number is bounded by the site. Free text (what a code says) stays a `String`.

use crate::time::EventTime;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use std::cell::Cell;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;
use std::sync::{OnceLock, RwLock};
use xxhash_rust::xxh3::Xxh3;

/// An interned name. Equality and hashing are those of the text; the *order is that of interning*,
/// so nothing a user sees may depend on it (sort by [`Name::as_str`] at the edge).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(u32);

/// The ids of texts, and the texts of ids: the latter are read without a lock, because every row that is written asks.
#[derive(Default)]
struct Interner {
    ids: RwLock<HashMap<&'static str, u32>>,
    /// Bucket b holds [`FIRST`] · 2ᵇ texts with their numbers, so a text never moves.
    texts: [OnceLock<Box<[OnceLock<Text>]>>; 27],
}

/// A text and its number.
type Text = (&'static str, u64);

/// Texts in the first bucket.
const FIRST: usize = 64;

impl Interner {
    /// The bucket of an id, and the place in it.
    fn place(id: u32) -> (usize, usize) {
        let from_one = id as usize / FIRST + 1;
        let bucket = from_one.ilog2() as usize;
        (bucket, id as usize - FIRST * ((1 << bucket) - 1))
    }

    fn text(&self, id: u32) -> Text {
        let (bucket, place) = Self::place(id);
        // An id exists only after its text was put there.
        self.texts[bucket].get().and_then(|texts| texts[place].get()).copied().unwrap_or_default()
    }

    fn id(&self, text: &str) -> (&'static str, u32) {
        // A poisoned lock only means that another thread panicked between two complete updates.
        if let Some((&text, &id)) = self.ids.read().unwrap_or_else(|e| e.into_inner()).get_key_value(text) {
            return (text, id);
        }
        let mut ids = self.ids.write().unwrap_or_else(|e| e.into_inner());
        if let Some((&text, &id)) = ids.get_key_value(text) {
            return (text, id);
        }
        let (text, id): (&'static str, u32) = (Box::leak(text.into()), ids.len() as u32);
        let (bucket, place) = Self::place(id);
        let texts = self.texts[bucket].get_or_init(|| (0..FIRST << bucket).map(|_| OnceLock::new()).collect());
        texts[place].get_or_init(|| (text, number(text)));
        ids.insert(text, id);
        (text, id)
    }
}

/// The first eight bytes of the SHA-256 of a text (FIPS 180-4), the first byte the highest.
fn number(text: &str) -> u64 {
    let hash: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    hash[..8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn interner() -> &'static Interner {
    static INTERNER: OnceLock<Interner> = OnceLock::new();
    INTERNER.get_or_init(|| {
        let interner = Interner::default();
        interner.id("");
        interner
    })
}

/// Names that a thread keeps at hand, a power of two: of some hundreds only a few share a place.
const RECENT: usize = 4096;

/// The first bytes of a name's text, all of it, and the name.
type Recent = Cell<Option<(u64, &'static str, Name)>>;

thread_local! {
    /// The names that this thread asked for last, by a hash of their texts.
    static NAMES: [Recent; RECENT] = const { [const { Cell::new(None) }; RECENT] };
    /// What is asked of names most, of those that this thread asked for last, by the place of the name. What has the number 0
    /// is not kept.
    static KNOWN: [Cell<(Name, u64, u64)>; RECENT] = const { [const { Cell::new((Name::EMPTY, 0, 0)) }; RECENT] };
}

/// The first bytes of a text, as a number: for a short one it and its length are the text. Of loads of known lengths, which
/// may overlap: a call that copies a few bytes would cost more than all else here.
fn first(bytes: &[u8]) -> u64 {
    if let Some(first) = bytes.first_chunk() {
        return u64::from_le_bytes(*first);
    }
    match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(first), Some(last)) => u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32,
        _ => bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

/// A quick hash (Fibonacci hashing, Knuth TAOCP 6.4) of a text that begins so, which only chooses a place among the recent
/// names.
fn place(first: u64, text: &[u8]) -> usize {
    let mix = |hash: u64, word: u64| (hash.rotate_left(26) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut hash = mix(text.len() as u64, first);
    if let Some(last) = text.last_chunk().filter(|_| text.len() > 8) {
        let between = text[8..].chunks_exact(8).filter_map(|bytes| bytes.first_chunk());
        hash = between.chain([last]).fold(hash, |hash, bytes| mix(hash, u64::from_le_bytes(*bytes)));
    }
    (hash >> 32) as usize % RECENT
}

/// Whether two texts of one length that begin alike are the same.
fn is_same(known: &[u8], text: &[u8]) -> bool {
    match (known.last_chunk::<8>(), text.last_chunk::<8>()) {
        (Some(last), Some(other)) if text.len() <= 16 => last == other,
        (Some(_), Some(_)) => known[8..] == text[8..],
        _ => true,
    }
}

impl Name {
    /// The name without a text: the first one that is interned.
    pub const EMPTY: Self = Self(0);

    /// The name with this text; the same text always gives the same name within a process.
    #[inline]
    pub fn new(text: &str) -> Self {
        NAMES.with(|names| {
            let (bytes, word) = (text.as_bytes(), first(text.as_bytes()));
            let recent = &names[place(word, bytes)];
            match recent.get() {
                Some((start, known, name))
                    if start == word && known.len() == text.len() && is_same(known.as_bytes(), bytes) =>
                {
                    name
                }
                _ => {
                    let (text, id) = interner().id(text);
                    recent.set(Some((word, text, Self(id))));
                    Self(id)
                }
            }
        })
    }

    /// The text.
    pub fn as_str(self) -> &'static str {
        interner().text(self.0).0
    }

    /// A number that stands for the text everywhere, in every process: see [`FactId::of_event`].
    #[inline]
    fn number(self) -> u64 {
        self.known().0
    }

    /// The order of the texts: told by their first eight bytes, nearly always.
    #[inline]
    pub fn cmp_text(self, other: Self) -> Ordering {
        if self == other {
            return Ordering::Equal;
        }
        // What a short text lacks is zero, the least byte, as a text comes before those that it begins.
        self.known().1.cmp(&other.known().1).then_with(|| self.as_str().cmp(other.as_str()))
    }

    /// Its number, and the first eight bytes of its text, the first the highest.
    #[inline]
    fn known(self) -> (u64, u64) {
        KNOWN.with(|known| {
            let recent = &known[self.0 as usize % RECENT];
            let (name, number, start) = recent.get();
            if name == self && number != 0 {
                return (number, start);
            }
            let (text, number) = interner().text(self.0);
            let mut first = [0; 8];
            first.iter_mut().zip(text.bytes()).for_each(|(byte, other)| *byte = other);
            let start = u64::from_be_bytes(first);
            recent.set((self, number, start));
            (number, start)
        })
    }
}

impl Default for Name {
    fn default() -> Self {
        Self::EMPTY
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

/// What the instant, the worker and the station of an event are multiplied by in its id: odd, and otherwise arbitrary
/// (digits of the golden ratio, of √2 and of √3).
pub const EVENT_FACTORS: [u64; 3] = [0x9E37_79B9_7F4A_7C15, 0x6A09_E667_F3BC_C909, 0xBB67_AE85_84CA_A73B];

impl FactId {
    /// Stands for an id that follows from the fact itself.
    pub const DERIVED: Self = Self(0);

    /// The id of an event that has none of its own. SQL can work it out too, so the lake need not hold it: the sum, modulo
    /// 2⁶⁴, of the instant (µs since 1970, plus 2⁶³) and the numbers of worker and station, each times its factor, and the
    /// number of the event type; its upper half is then mixed into the lower. The number of a text is the beginning of its
    /// SHA-256, so two different events have the same id by chance alone (Carter and Wegman 1979).
    #[inline]
    pub fn of_event(ts: EventTime, worker: Name, station: Name, event_type: Name) -> Self {
        let [instant, first, second] = EVENT_FACTORS;
        let sum = (ts.0 as u64 ^ 1 << 63)
            .wrapping_mul(instant)
            .wrapping_add(worker.number().wrapping_mul(first))
            .wrapping_add(station.number().wrapping_mul(second))
            .wrapping_add(event_type.number());
        Self(sum ^ sum >> 32)
    }

    /// The id of the fact of `kind` from (`camera`, `generation`) told apart from its siblings by `parts`.
    pub fn of(kind: &str, camera: Name, generation: Generation, parts: &[&[u8]]) -> Self {
        // Lengths are hashed too, so that ("ab", "c") and ("a", "bc") differ.
        let (generation, camera) = (generation.0.to_le_bytes(), camera.as_str().as_bytes());
        let first = [kind.as_bytes(), camera, &generation];
        let all = || first.iter().chain(parts);
        let mut buffer = [0; 256];
        if all().map(|part| part.len() + 8).sum::<usize>() <= buffer.len() {
            // In one piece, which is the same hash and much quicker.
            let mut end = 0;
            for part in all() {
                for bytes in [&(part.len() as u64).to_le_bytes()[..], part] {
                    buffer[end..end + bytes.len()].copy_from_slice(bytes);
                    end += bytes.len();
                }
            }
            return Self(xxhash_rust::xxh3::xxh3_64(&buffer[..end]));
        }
        let mut hash = Xxh3::new();
        for part in all() {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Self(hash.digest())
    }
}
