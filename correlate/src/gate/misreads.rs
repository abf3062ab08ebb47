//! Which runs are misreads of others: nearly the same plate, at the same camera, at the same time.
//!
//! In: runs, and the plates that are on lists. Out: a row for each run that is taken for misreads of another, with that
//! other. `gate_events` defines it: a run *gives way* to each confirmed one of a plate that differs in one character, within
//! the gap, that stands above it; those of them that give way to none have its reads, the highest of these all. A run that
//! gives way attracts nobody, so there are no chains, and what becomes of a run depends on runs at most two steps away.
//!
//! Two plates of one length differ in one character exactly if they are equal without the character at one place. So a
//! plate costs as many keys as it has characters, and only plates that share one are ever compared.

use super::{Lane, Run, Visit};
use crate::rows::Rows;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum OfPlate {
    /// It is on a list: never a misread, or a blocked vehicle could pass as its neighbour.
    Listed,
    /// This lane of it has that neighbour.
    Near(Lane, Lane),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum OfRun {
    GivesWay,
    /// This one gives way to it.
    Attracts(Visit),
}

/// Each run that is taken for misreads, with the run that has its reads.
pub(super) fn misreads<'scope>(
    runs: Rows<'scope, Visit>,
    listed: Rows<'scope, String>,
) -> Rows<'scope, (Visit, Visit)> {
    let ways = ways(runs.clone(), near(runs, listed));
    ways.flat_map(|(run, above)| [(run.clone(), OfRun::GivesWay), (above, OfRun::Attracts(run))])
        .reduce_by_key("Runs that give way to none", |_, sides, out| {
            if !matches!(sides.first(), Some((OfRun::GivesWay, _))) {
                out.extend(sides.iter().map(|(side, _)| ((*side).clone(), 1)));
            }
        })
        .flat_map(|(above, side)| match side {
            OfRun::Attracts(run) => Some((run, above)),
            OfRun::GivesWay => None,
        })
        .reduce_by_key("Misreads", |_, above, out| {
            // Of one plate the earlier.
            let highest = above.iter().max_by_key(|((lane, run), _)| (standing(lane, run), Reverse(run.first)));
            out.extend(highest.map(|(above, _)| ((*above).clone(), 1)));
        })
}

/// Lanes of a camera whose plates differ in one character, both ways, but none of a listed plate first.
fn near<'scope>(runs: Rows<'scope, Visit>, listed: Rows<'scope, String>) -> Rows<'scope, (Lane, Lane)> {
    runs.flat_map(|(lane, _)| {
        let without = |(place, letter): (usize, char)| {
            let rest = format!("{}{}", &lane.plate[..place], &lane.plate[place + letter.len_utf8()..]);
            ((lane.camera, place, rest), lane.clone())
        };
        lane.plate.char_indices().map(without).collect::<Vec<_>>()
    })
    .reduce_by_key("Plates that differ in one character", |_, lanes, out| {
        for (lane, _) in lanes {
            let others = lanes.iter().filter(|(other, _)| other != lane);
            out.extend(others.map(|(other, _)| (((*lane).clone(), (*other).clone()), 1)));
        }
    })
    .map(|(_, (lane, other))| (lane.plate.clone(), OfPlate::Near(lane, other)))
    .concat(listed.map(|plate| (plate, OfPlate::Listed)))
    .reduce_by_key("Plates that may be misread", |_, sides, out| {
        if !matches!(sides.first(), Some((OfPlate::Listed, _))) {
            out.extend(sides.iter().map(|(side, _)| ((*side).clone(), 1)));
        }
    })
    .flat_map(|(_, side)| match side {
        OfPlate::Near(lane, other) => Some((lane, other)),
        OfPlate::Listed => None,
    })
}

/// Each run that gives way, with each that it gives way to.
fn ways<'scope>(runs: Rows<'scope, Visit>, near: Rows<'scope, (Lane, Lane)>) -> Rows<'scope, (Visit, Visit)> {
    let confirmed = runs.clone().filter(|(lane, run)| run.is_confirmed(&lane.agreement));
    let others = near.map(|(lane, other)| (other, lane)).join_by_key(
        "Runs of nearly the same plate",
        confirmed,
        |other, lane, run| [(lane.clone(), (other.clone(), *run))],
    );
    runs.join_by_key("Runs that give way", others, |lane, run, (other, above)| {
        let gap = lane.agreement.gap;
        let touch = above.first - run.last <= gap && run.first - above.last <= gap;
        (touch && standing(lane, run) < standing(other, above)).then(|| ((lane.clone(), *run), (other.clone(), *above)))
    })
}

/// The greater stands above.
fn standing<'a>(lane: &'a Lane, run: &Run) -> (bool, u32, u64, Reverse<&'a str>) {
    (run.is_confirmed(&lane.agreement), run.reads, run.total, Reverse(lane.plate.as_str()))
}
