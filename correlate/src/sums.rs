//! Sums by key: within one tick, and kept.
//!
//! Additions commute, so a kept sum needs no arrangement of what was added: a map from key to numbers does, and an
//! addition costs the same however much is in it.

use crate::tick::{Change, at_close};
use differential_dataflow::{ExchangeData, VecCollection};
use gemba_schemas::time::Tick;
use std::collections::HashMap;
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

    /// Takes out every number that is not zero: key, place, number.
    pub fn drain(&mut self) -> impl Iterator<Item = (K, usize, isize)> + '_
    where
        K: Copy,
    {
        self.0
            .drain()
            .flat_map(|(key, numbers)| (0..N).filter(move |i| numbers[*i] != 0).map(move |i| (key, i, numbers[i])))
    }
}

/// Keeps `N` sums under each key, and gives the row that follows from them, for as long as they are not all zero.
///
/// In: what is to be added, each with its `key`; `add` adds one of it, times its difference. Out: of each key that a
/// tick touches, the row that leaves and the row that comes. State: the sums.
pub fn totals<'scope, D, K, R, const N: usize>(
    input: VecCollection<'scope, Tick, D, isize>,
    name: &str,
    key: fn(&D) -> K,
    add: fn(&D, isize, &mut [isize; N]),
    row: fn(&K, &[isize; N]) -> R,
) -> VecCollection<'scope, Tick, R, isize>
where
    D: ExchangeData,
    K: Hash + Eq + Copy + 'static,
    R: Clone + 'static,
{
    let mut kept: FastMap<K, [isize; N]> = FastMap::default();
    let mut tick: Sums<K, N> = Sums::default();
    let route = move |d: &D| BuildHasherDefault::<Mix>::default().hash_one(key(d));
    at_close(input, name, route, move |rows: Vec<Change<D>>, out| {
        for (d, diff) in &rows {
            add(d, *diff, tick.of(key(d)));
        }
        for (key, added) in tick.0.drain() {
            if added == [0; N] {
                continue;
            }
            let sums = kept.entry(key).or_insert([0; N]);
            if *sums != [0; N] {
                out.push((row(&key, sums), -1));
            }
            sums.iter_mut().zip(added).for_each(|(sum, n)| *sum += n);
            if *sums == [0; N] {
                kept.remove(&key);
            } else {
                out.push((row(&key, sums), 1));
            }
        }
    })
}
