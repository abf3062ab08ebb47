//! What other rules would change: both sets of rules in one dataflow over the same stored facts, nothing written.

use crate::clock;
use crate::commit::pinned::SealedReports;
use differential_dataflow::input::InputSession;
use gemba_correlate::correlate;
use gemba_schemas::column::KeyPart;
use gemba_schemas::fact::Fact;
use gemba_schemas::rule::Rule;
use gemba_schemas::time::{EventTime, Tick};
use gemba_schemas::view::{ViewKind, ViewRow};
use gemba_sinks::{Lake, SinkError, ViewDiff};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::channel;

type Keyed = BTreeMap<(ViewKind, EventTime, Vec<KeyPart>), ViewRow>;

/// The difference per view between what `before` and `after` derive from the facts of a lake.
///
/// # Errors
/// The lake cannot be read.
pub fn what_if(lake: &Path, before: Vec<Rule>, after: Vec<Rule>) -> Result<Vec<ViewDiff>, SinkError> {
    let lake = Lake::open_read(lake)?;
    let now = lake.epoch().map(|e| e.now);
    let kept = lake.kept();
    let mut facts: Vec<Fact> = lake.last_marks()?;
    let mut take = |some| {
        facts.extend(some);
        Ok(())
    };
    lake.facts(&mut take)?;
    let listed = lake.listed()?;
    let of = |mut rules: Vec<Rule>| -> Result<Vec<Rule>, SinkError> {
        listed.clone().stamp(&mut rules, clock::now());
        let sealed = SealedReports::of(&lake, &rules)?;
        Ok(rules.into_iter().chain(sealed.rules()).collect())
    };
    let (before, after) = (of(before)?, of(after)?);
    let (send, rows) = channel();
    timely::execute_directly(move |worker| {
        let mut stored: InputSession<Tick, Fact, isize> = InputSession::new();
        let mut nows: InputSession<Tick, EventTime, isize> = InputSession::new();
        let mut rules: [InputSession<Tick, Rule, isize>; 2] = [InputSession::new(), InputSession::new()];
        worker.dataflow_named("what if", |scope| {
            let (facts, now) = (stored.to_collection(scope), nows.to_collection(scope));
            for (side, rules) in rules.iter_mut().enumerate() {
                let send = send.clone();
                correlate(facts.clone(), rules.to_collection(scope), now.clone()).rows.inspect(
                    move |(row, _, diff)| {
                        // The receiver outlives the dataflow.
                        let _ = send.send((side, row.clone(), *diff));
                    },
                );
            }
        });
        facts.into_iter().for_each(|fact| stored.update(fact, 1));
        now.into_iter().for_each(|ts| nows.update(ts, 1));
        for (input, rules) in rules.iter_mut().zip([before, after]) {
            rules.into_iter().for_each(|rule| input.update(rule, 1));
        }
    });
    let mut counts: [BTreeMap<ViewRow, isize>; 2] = Default::default();
    for (side, row, diff) in rows {
        *counts[side].entry(row).or_insert(0) += diff;
    }
    let [a, b] = counts.map(|rows| -> Keyed {
        let mut rows: Vec<(ViewRow, isize)> = rows.into_iter().filter(|(_, n)| *n > 0).collect();
        kept.leave_out(&mut rows);
        let left = rows.into_iter().map(|(row, _)| row);
        left.map(|row| ((row.kind(), row.bucket(), row.key()), row)).collect()
    });
    Ok(ViewKind::ALL.iter().map(|view| difference(*view, &a, &b)).collect())
}

fn difference(view: ViewKind, a: &Keyed, b: &Keyed) -> ViewDiff {
    let of = |rows: Vec<&ViewRow>| view.encode(rows.into_iter());
    let only = |these: &'_ Keyed, those: &'_ Keyed| {
        let lacks =
            these.iter().filter(|(key, _)| key.0 == view && !those.contains_key(key)).map(|(_, row)| row.clone());
        lacks.collect::<Vec<_>>()
    };
    let changed: Vec<_> = a
        .iter()
        .filter(|(key, _)| key.0 == view)
        .filter_map(|(key, row)| Some((row, b.get(key)?)))
        .filter(|(before, after)| before != after && without_rules(before) != without_rules(after))
        .collect();
    let (only_a, only_b) = (only(a, b), only(b, a));
    ViewDiff {
        view,
        only_a: of(only_a.iter().collect()),
        only_b: of(only_b.iter().collect()),
        changed_a: of(changed.iter().map(|(before, _)| *before).collect()),
        changed_b: of(changed.iter().map(|(_, after)| *after).collect()),
    }
}

/// A row without the digest of its rules, which every edit changes.
fn without_rules(row: &ViewRow) -> serde_json::Value {
    let mut value = serde_json::to_value(row).unwrap_or_default();
    for fields in value.as_object_mut().into_iter().flat_map(|row| row.values_mut()) {
        if let Some(fields) = fields.as_object_mut() {
            fields.remove("rules");
        }
    }
    value
}
