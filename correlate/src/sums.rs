//! Sums by key: within one tick, and kept.
//!
//! Additions commute, so a kept sum needs no arrangement of what was added: a map from key to numbers does, and an
//! addition costs the same however much is in it.

use crate::tick::{Change, at_close, at_close_two, part};
use differential_dataflow::consolidation::consolidate;
use differential_dataflow::{ExchangeData, VecCollection};
use gemba_schemas::time::Tick;
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

/// Numbers to be added under keys, `N` for each.
pub struct Sums<K, const N: usize>(FastMap<K, [isize; N]>);

impl<K, const N: usize> Default for Sums<K, N> {
    fn default() -> Self {
        Self(FastMap::default())
    }
}

impl<K: Hash + Eq, const N: usize> Sums<K, N> {
    /// The numbers of a key.
    pub fn of(&mut self, key: K) -> &mut [isize; N] {
        self.0.entry(key).or_insert([0; N])
    }

    /// Takes out everything that is not zero.
    pub fn drain(&mut self) -> impl Iterator<Item = (K, [isize; N])> + '_ {
        self.0.drain().filter(|(_, numbers)| *numbers != [0; N])
    }
}

/// Keeps `N` sums under each key, and gives the row that follows from them, for as long as they are not all zero.
///
/// In: what is to be added, each under its key. Out: of each key that a tick touches, the row that leaves and the row
/// that comes. State: the sums.
pub fn totals<'scope, K, A, R, const N: usize>(
    input: VecCollection<'scope, Tick, (K, A), isize>,
    name: &str,
    row: fn(&K, &[isize; N]) -> R,
) -> VecCollection<'scope, Tick, R, isize>
where
    K: ExchangeData + Copy + Hash,
    A: ExchangeData + Borrow<[isize; N]>,
    R: Clone + 'static,
{
    let mut kept: Kept<K, N> = Kept::default();
    at_close(input, name, route, move |added, out| {
        kept.add(added, |key, sums, sign| out.push((row(key, sums), sign)));
    })
}

/// What watchers see in the sums of a key.
type See<K, P, V, const N: usize> = fn(&BTreeMap<P, isize>, &K, &[isize; N], &mut Vec<V>);

/// [`totals`], with what watchers see in them: they come and go seldom, and what nobody watches is not worked out.
///
/// In: also the watchers, each for the worker of its index. Out: also what `see` pushes of each key's sums, as it
/// changes with the sums or with who watches.
pub fn totals_watched<'scope, K, A, R, P, V, const N: usize>(
    input: VecCollection<'scope, Tick, (K, A), isize>,
    watchers: VecCollection<'scope, Tick, (u64, P), isize>,
    name: &str,
    row: fn(&K, &[isize; N]) -> R,
    see: See<K, P, V, N>,
) -> (VecCollection<'scope, Tick, R, isize>, VecCollection<'scope, Tick, V, isize>)
where
    K: ExchangeData + Copy + Hash,
    A: ExchangeData + Borrow<[isize; N]>,
    R: Clone + 'static,
    P: ExchangeData,
    V: Clone + Ord + 'static,
{
    let mut kept: Kept<K, N> = Kept::default();
    let mut watching: BTreeMap<P, isize> = BTreeMap::new();
    let routes = (route, |(worker, _): &(u64, P)| *worker);
    let all = at_close_two((input, watchers), name, routes, move |added, watchers, out| {
        let (mut seen, mut changes) = (Vec::new(), Vec::new());
        let mut look = |watching: &BTreeMap<P, isize>, key: &K, sums: &[isize; N], sign| {
            if !watching.is_empty() {
                see(watching, key, sums, &mut seen);
                changes.extend(seen.drain(..).map(|v| (v, sign)));
            }
        };
        let before = watching.clone();
        for ((_, watcher), n) in watchers {
            *watching.entry(watcher).or_default() += n;
        }
        watching.retain(|_, n| *n != 0);
        if before != watching {
            kept.sums.iter().for_each(|(key, sums)| look(&before, key, sums, -1));
            kept.sums.iter().for_each(|(key, sums)| look(&watching, key, sums, 1));
        }
        kept.add(added, |key, sums, sign| {
            look(&watching, key, sums, sign);
            out.push((Watched::Row(row(key, sums)), sign));
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

fn route<K: Hash, A>((key, _): &(K, A)) -> u64 {
    BuildHasherDefault::<Mix>::default().hash_one(key)
}

/// Sums that are kept from tick to tick.
struct Kept<K, const N: usize> {
    sums: FastMap<K, [isize; N]>,
    tick: Sums<K, N>,
}

impl<K, const N: usize> Default for Kept<K, N> {
    fn default() -> Self {
        Self { sums: FastMap::default(), tick: Sums::default() }
    }
}

impl<K: Hash + Eq + Copy, const N: usize> Kept<K, N> {
    /// Adds what a tick brings; says which sums leave and which come.
    fn add<A: Borrow<[isize; N]>>(
        &mut self,
        added: Vec<Change<(K, A)>>,
        mut changed: impl FnMut(&K, &[isize; N], isize),
    ) {
        for ((key, numbers), diff) in &added {
            let sums = self.tick.of(*key);
            sums.iter_mut().zip(numbers.borrow()).for_each(|(sum, n)| *sum += n * diff);
        }
        for (key, added) in self.tick.drain() {
            let sums = self.sums.entry(key).or_insert([0; N]);
            if *sums != [0; N] {
                changed(&key, sums, -1);
            }
            sums.iter_mut().zip(added).for_each(|(sum, n)| *sum += n);
            if *sums == [0; N] {
                self.sums.remove(&key);
            } else {
                changed(&key, sums, 1);
            }
        }
    }
}
