//! Sums by key: within one tick, and kept.
//!
//! Additions commute, so a kept sum needs no arrangement of what was added: a map from key to numbers does, and an
//! addition costs the same however much is in it.

use crate::rows::Rows;
use crate::tick::{Change, at_close_two, part};
use differential_dataflow::ExchangeData;
use differential_dataflow::consolidation::consolidate;
use gemba_schemas::time::EventTime;
use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher};

/// A map from small keys of integers; what is in it leaves in no particular order, as differences do.
pub type FastMap<K, V> = HashMap<K, V, BuildHasherDefault<Mix>>;

/// A multiplicative hash (Fibonacci hashing, Knuth TAOCP 6.4), for keys that nobody outside chooses: interned
/// names and times.
#[derive(Default)]
pub struct Mix(u64);

impl Mix {
    fn add(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(26) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|b| self.add(u64::from(*b)));
    }
    fn write_u8(&mut self, word: u8) {
        self.add(u64::from(word));
    }
    fn write_u32(&mut self, word: u32) {
        self.add(u64::from(word));
    }
    fn write_u64(&mut self, word: u64) {
        self.add(word);
    }
    fn write_i64(&mut self, word: i64) {
        self.add(word as u64);
    }
    fn write_isize(&mut self, word: isize) {
        self.add(word as u64);
    }
}

/// What can be added up.
pub trait Amount: Copy + PartialEq {
    /// Nothing.
    const ZERO: Self;
    /// Adds `times` times another one.
    fn add(&mut self, other: &Self, times: isize);
}

impl<const N: usize> Amount for [isize; N] {
    const ZERO: Self = [0; N];
    fn add(&mut self, other: &Self, times: isize) {
        self.iter_mut().zip(other).for_each(|(sum, n)| *sum += n * times);
    }
}

/// What lies in an hour.
pub trait InHour {
    /// Its beginning.
    fn hour(&self) -> EventTime;
}

impl InHour for EventTime {
    fn hour(&self) -> EventTime {
        *self
    }
}

/// What is to be added under keys.
pub struct Sums<K, A>(FastMap<K, A>);

impl<K, A> Default for Sums<K, A> {
    fn default() -> Self {
        Self(FastMap::default())
    }
}

impl<K: Hash + Eq, A: Amount> Sums<K, A> {
    /// The sum of a key.
    pub fn of(&mut self, key: K) -> &mut A {
        self.0.entry(key).or_insert(A::ZERO)
    }

    /// Takes out everything that is not zero.
    pub fn drain(&mut self) -> impl Iterator<Item = (K, A)> + '_ {
        self.0.drain().filter(|(_, sum)| *sum != A::ZERO)
    }
}

/// Sums that are kept from tick to tick.
///
/// By hour: the maps of the hours that are reported stay in the cache, and none is ever large enough for its growth to be
/// felt.
pub struct Kept<K, A> {
    hours: FastMap<EventTime, FastMap<K, Sum<A>>>,
    /// The keys that a tick touches, with their sums before it.
    touched: Vec<(K, A)>,
}

struct Sum<A> {
    now: A,
    touched: bool,
}

impl<K, A> Default for Kept<K, A> {
    fn default() -> Self {
        Self { hours: FastMap::default(), touched: Vec::new() }
    }
}

impl<K: Hash + Eq + Copy + InHour, A: Amount> Kept<K, A> {
    /// Every sum.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &A)> {
        self.hours.values().flatten().map(|(key, sum)| (key, &sum.now))
    }

    /// Adds what a tick brings; says which sums leave (−1) and which come (+1).
    pub fn add<B: Borrow<A>>(&mut self, added: Vec<Change<(K, B)>>, mut changed: impl FnMut(&K, &A, isize)) {
        for ((key, amount), diff) in added {
            let hour = self.hours.entry(key.hour()).or_default();
            let sum = hour.entry(key).or_insert(Sum { now: A::ZERO, touched: false });
            if !std::mem::replace(&mut sum.touched, true) {
                self.touched.push((key, sum.now));
            }
            sum.now.add(amount.borrow(), diff);
        }
        for (key, before) in self.touched.drain(..) {
            let Some(hour) = self.hours.get_mut(&key.hour()) else { continue };
            let Some(sum) = hour.get_mut(&key) else { continue };
            sum.touched = false;
            let now = sum.now;
            if now == A::ZERO {
                hour.remove(&key);
                if hour.is_empty() {
                    self.hours.remove(&key.hour());
                }
            }
            if before != now {
                if before != A::ZERO {
                    changed(&key, &before, -1);
                }
                if now != A::ZERO {
                    changed(&key, &now, 1);
                }
            }
        }
    }
}

/// What watchers see in the sum of a key.
type See<K, P, V, A> = fn(&BTreeMap<P, isize>, &K, &A, &mut Vec<V>);

/// Keeps a sum under each key, and gives the row that follows from it, for as long as it is not zero; and what watchers
/// see in it: they come and go seldom, and what nobody watches is not worked out.
///
/// In: what is to be added, each under its key; the watchers, each for the worker of its index. Out: of each key that a
/// tick touches, the row that leaves and the row that comes; and what `see` pushes of it, as it changes with the sum or
/// with who watches. State: the sums.
pub fn totals_watched<'scope, K, B, A, R, P, V>(
    input: Rows<'scope, (K, B)>,
    watchers: Rows<'scope, (u64, P)>,
    name: &str,
    row: fn(&K, &A) -> R,
    see: See<K, P, V, A>,
) -> (Rows<'scope, R>, Rows<'scope, V>)
where
    K: ExchangeData + Copy + Hash + InHour,
    A: Amount + 'static,
    B: ExchangeData + Borrow<A>,
    R: Clone + 'static,
    P: ExchangeData,
    V: Clone + Ord + 'static,
{
    let mut kept: Kept<K, A> = Kept::default();
    let mut watching: BTreeMap<P, isize> = BTreeMap::new();
    let routes = (route, |(worker, _): &(u64, P)| *worker);
    let all = at_close_two((input, watchers), name, routes, move |added, watchers, out| {
        let (mut seen, mut changes) = (Vec::new(), Vec::new());
        let mut look = |watching: &BTreeMap<P, isize>, key: &K, sum: &A, sign| {
            if !watching.is_empty() {
                see(watching, key, sum, &mut seen);
                changes.extend(seen.drain(..).map(|v| (v, sign)));
            }
        };
        if !watchers.is_empty() {
            let before = watching.clone();
            for ((_, watcher), n) in watchers {
                *watching.entry(watcher).or_default() += n;
            }
            watching.retain(|_, n| *n != 0);
            if before != watching {
                kept.iter().for_each(|(key, sum)| look(&before, key, sum, -1));
                kept.iter().for_each(|(key, sum)| look(&watching, key, sum, 1));
            }
        }
        kept.add(added, |key, sum, sign| {
            look(&watching, key, sum, sign);
            out.push((Watched::Row(row(key, sum)), sign));
        });
        consolidate(&mut changes);
        out.extend(changes.into_iter().map(|(v, n)| (Watched::Seen(v), n)));
    });
    part!(all, "Rows and what is seen in them", {
        rows: R, Watched::Row(row) => row;
        seen: V, Watched::Seen(v) => v;
    })
}

/// What comes out of watched totals.
#[derive(Clone)]
enum Watched<R, V> {
    Row(R),
    Seen(V),
}

/// The worker of a key.
pub fn route<K: Hash, A>((key, _): &(K, A)) -> u64 {
    BuildHasherDefault::<Mix>::default().hash_one(key)
}
