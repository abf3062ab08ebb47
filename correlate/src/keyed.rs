//! Reducing and joining by key, over ticks.
//!
//! In: collections of (key, value), in any multiplicity. Out: what the logic makes of the group of each key, or of each
//! pair of values under one key, at the tick that changes it. Ticks are totally ordered, so a map holds all that
//! an arrangement would: no batches, no merging, and a tick that touches nothing costs next to nothing.
//!
//! State: the values of each key with their multiplicities; of a reduction also what was said of the key last.
//! Groups leave with their last value. A reduction looks at its whole group, so groups are kept small by their
//! keys; a join looks at the values of the other side only.

use crate::rows::Rows;
use crate::tick::{Change, at_close, at_close_two};
use differential_dataflow::ExchangeData;
use differential_dataflow::consolidation::consolidate;
use differential_dataflow::hashable::Hashable;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

impl<'scope, K: ExchangeData + Hash, V: ExchangeData> Rows<'scope, (K, V)> {
    /// One result per key: `logic` sees the values that are there, in order, and pushes what they come to.
    pub fn reduce_by_key<R: ExchangeData>(
        self,
        name: &str,
        mut logic: impl FnMut(&K, &[(&V, isize)], &mut Vec<Change<R>>) + 'static,
    ) -> Rows<'scope, (K, R)> {
        let mut groups: HashMap<K, Group<V, R>> = HashMap::new();
        at_close(
            self,
            name,
            |(key, _)| key.hashed(),
            move |mut rows, out| {
                consolidate(&mut rows);
                let mut rows = rows.into_iter().map(|((key, value), diff)| (key, (value, diff))).peekable();
                while let Some((key, first)) = rows.next() {
                    let mut added = vec![first];
                    while let Some((_, more)) = rows.next_if(|(next, _)| *next == key) {
                        added.push(more);
                    }
                    let group = groups.entry(key.clone()).or_default();
                    merge(&mut group.values, added);
                    let mut after = Vec::new();
                    if !group.values.is_empty() {
                        let values: Vec<(&V, isize)> = group.values.iter().map(|(value, n)| (value, *n)).collect();
                        logic(&key, &values, &mut after);
                    }
                    consolidate(&mut after);
                    if after != group.said {
                        let mut changes: Vec<Change<R>> = after.clone();
                        changes.extend(group.said.drain(..).map(|(row, n)| (row, -n)));
                        consolidate(&mut changes);
                        out.extend(changes.into_iter().map(|(row, n)| ((key.clone(), row), n)));
                        group.said = after;
                    }
                    if group.values.is_empty() {
                        groups.remove(&key);
                    }
                }
            },
        )
    }

    /// What `logic` makes of each value here and each value there under the same key.
    pub fn join_by_key<V2: ExchangeData, I: IntoIterator<Item: Clone + 'static>>(
        self,
        name: &str,
        other: Rows<'scope, (K, V2)>,
        mut logic: impl FnMut(&K, &V, &V2) -> I + 'static,
    ) -> Rows<'scope, I::Item> {
        let mut groups: HashMap<K, (Bag<V>, Bag<V2>)> = HashMap::new();
        let routes = (|(key, _): &(K, V)| key.hashed(), |(key, _): &(K, V2)| key.hashed());
        at_close_two((self, other), name, routes, move |mut left, mut right, out| {
            consolidate(&mut left);
            consolidate(&mut right);
            for ((key, value), diff) in left {
                let (here, there) = groups.entry(key.clone()).or_default();
                there.each(|v2, n| out.extend(logic(&key, &value, v2).into_iter().map(|row| (row, diff * n))));
                here.add(value, diff);
                if here.is_empty() && there.is_empty() {
                    groups.remove(&key);
                }
            }
            for ((key, v2), diff) in right {
                let (here, there) = groups.entry(key.clone()).or_default();
                here.each(|value, n| out.extend(logic(&key, value, &v2).into_iter().map(|row| (row, diff * n))));
                there.add(v2, diff);
                if here.is_empty() && there.is_empty() {
                    groups.remove(&key);
                }
            }
        })
    }
}

/// What a reduction knows of a key.
struct Group<V, R> {
    /// Sorted; no multiplicity is zero.
    values: Vec<Change<V>>,
    /// What was said last.
    said: Vec<Change<R>>,
}

impl<V, R> Default for Group<V, R> {
    fn default() -> Self {
        Self { values: Vec::new(), said: Vec::new() }
    }
}

/// Adds values, sorted and each once, to such a list.
fn merge<V: Ord>(values: &mut Vec<Change<V>>, added: Vec<Change<V>>) {
    if values.is_empty() {
        *values = added;
        return;
    }
    // One by one while that moves less than sorting would.
    if added.len() <= 8 {
        for (value, diff) in added {
            match values.binary_search_by(|(known, _)| known.cmp(&value)) {
                Ok(at) => {
                    values[at].1 += diff;
                    if values[at].1 == 0 {
                        values.remove(at);
                    }
                }
                Err(at) => values.insert(at, (value, diff)),
            }
        }
        return;
    }
    values.extend(added);
    values.sort_by(|(a, _), (b, _)| a.cmp(b));
    values.dedup_by(|(next, n), (kept, sum)| {
        let same = next == kept;
        if same {
            *sum += *n;
        }
        same
    });
    values.retain(|(_, n)| *n != 0);
}

/// Values of one side of a join under one key, with multiplicities other than zero.
enum Bag<V> {
    /// Most keys have few.
    Few(Vec<Change<V>>),
    /// Sorted, from [`MANY`] on.
    Many(BTreeMap<V, isize>),
}

/// From so many values on, looking through all of them costs more than a tree does.
const MANY: usize = 32;

impl<V> Default for Bag<V> {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl<V: Ord> Bag<V> {
    fn is_empty(&self) -> bool {
        match self {
            Self::Few(values) => values.is_empty(),
            Self::Many(values) => values.is_empty(),
        }
    }

    fn each(&self, mut see: impl FnMut(&V, isize)) {
        match self {
            Self::Few(values) => values.iter().for_each(|(value, n)| see(value, *n)),
            Self::Many(values) => values.iter().for_each(|(value, n)| see(value, *n)),
        }
    }

    fn add(&mut self, value: V, diff: isize) {
        match self {
            Self::Few(values) => match values.iter().position(|(known, _)| *known == value) {
                Some(at) => {
                    values[at].1 += diff;
                    if values[at].1 == 0 {
                        values.swap_remove(at);
                    }
                }
                None if values.len() < MANY => {
                    // Most keys never have a second value.
                    values.reserve_exact(if values.is_empty() { 1 } else { values.len() });
                    values.push((value, diff));
                }
                None => {
                    let mut many: BTreeMap<V, isize> = values.drain(..).collect();
                    many.insert(value, diff);
                    *self = Self::Many(many);
                }
            },
            Self::Many(values) => match values.get_mut(&value) {
                Some(n) => {
                    *n += diff;
                    if *n == 0 {
                        values.remove(&value);
                    }
                }
                None => {
                    values.insert(value, diff);
                }
            },
        }
    }
}
