//! Ids of events that follow from the events themselves: the lake's files do not hold them.
//!
//! An id is a hash, which no compression makes smaller: eight of twelve bytes of an event. So what [`FactId::of_event`]
//! gives is left out when a file is written, and worked out by whoever reads: our own reading in Rust, everybody else's
//! by the catalog's SQL. A client's own id stays.
//!
//! [`FactId::of_event`]: gemba_schemas::id::FactId::of_event

use arrow::array::{ArrayRef, RecordBatch, UInt64Array};
use gemba_schemas::fact::{Fact, FactKind, PRODUCT_COUNT};
use gemba_schemas::id::EVENT_FACTORS;
use std::sync::Arc;

/// The facts of a batch, without the ids that follow from them.
pub(super) fn left_out(batch: RecordBatch, facts: &[&Fact]) -> RecordBatch {
    let Some(column) = batch.schema().index_of("id").ok().filter(|_| facts.iter().any(|f| f.derived_id().is_some()))
    else {
        return batch;
    };
    let ids = facts.iter().map(|fact| Some(fact.id()).filter(|id| fact.derived_id() != Some(*id)).map(|id| id.0));
    let (schema, mut columns, _) = batch.clone().into_parts();
    let ids: ArrayRef = Arc::new(ids.collect::<UInt64Array>());
    columns[column] = ids;
    let fields = schema.fields().iter().map(|f| f.as_ref().clone().with_nullable(true)).collect::<Vec<_>>();
    RecordBatch::try_new(Arc::new(arrow::datatypes::Schema::new(fields)), columns).unwrap_or(batch)
}

/// The id of a row of this table, in SQL.
pub(super) fn of(table: &str) -> String {
    sql(table).unwrap_or_else(|| "id".into())
}

/// The same, where it may have been left out.
fn sql(table: &str) -> Option<String> {
    let event_type = match FactKind::ALL.iter().find(|kind| kind.table_name() == table) {
        Some(FactKind::Activity) => "state".to_owned(),
        Some(FactKind::Production) => format!("'{PRODUCT_COUNT}'"),
        _ => return None,
    };
    let [instant, first, second] = EVENT_FACTORS;
    let number = |text: &str| format!("('0x' || left(sha256({text}), 16))::UBIGINT::UHUGEINT");
    let low = |sum: String| format!("(({sum}) & {}::UHUGEINT)", u64::MAX);
    let terms = [
        low(format!("(epoch_us(ts)::HUGEINT + {})::UHUGEINT * {instant}::UHUGEINT", 1_u64 << 63)),
        low(format!("{} * {first}::UHUGEINT", number("worker"))),
        low(format!("{} * {second}::UHUGEINT", number("station"))),
        number(&event_type),
    ];
    let sum = format!("{}::UBIGINT", low(terms.join(" + ")));
    Some(format!("coalesce(id, xor({sum}, {sum} >> 32))"))
}

/// Rows of this table from `source`, with every id.
pub(super) fn filled(table: &str, source: String) -> String {
    match sql(table) {
        Some(id) => format!("(SELECT * REPLACE ({id} AS id) FROM {source})"),
        None => source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::duck::{self, Mode, create_table};
    use gemba_schemas::fact::{Activity, ActivityState, Production};
    use gemba_schemas::id::{FactId, Name};
    use gemba_schemas::score::Score;
    use gemba_schemas::time::EventTime;

    #[test]
    fn sql_works_out_what_was_left_out() {
        let connection = duck::open(None, Mode::Write, None).unwrap();
        let stamps = [0, 1, -1, 1_768_471_200_123_456, -62_000_000_000_000_000, 253_000_000_000_000_000];
        let names = ["W1", "", "naïve 箱 📦", "it's a long name, longer than any word of sixty-four bits"];
        let mut facts: Vec<Fact> = Vec::new();
        for ts in stamps.map(EventTime) {
            for (worker, station) in names.iter().zip(names.iter().rev()).map(|(w, s)| (Name::new(w), Name::new(s))) {
                let (id, received_at, confidence) = (FactId::DERIVED, EventTime(5), Score(9_000));
                let (model, model_version, request) = (Name::EMPTY, Name::EMPTY, String::new());
                for state in ActivityState::ALL.iter().copied() {
                    let request = request.clone();
                    facts.push(
                        Activity {
                            id,
                            received_at,
                            ts,
                            worker,
                            station,
                            state,
                            confidence,
                            model,
                            model_version,
                            request,
                        }
                        .into(),
                    );
                }
                let count = 3;
                facts.push(
                    Production {
                        id,
                        received_at,
                        ts,
                        worker,
                        station,
                        count,
                        confidence,
                        model,
                        model_version,
                        request,
                    }
                    .into(),
                );
            }
        }
        facts.iter_mut().for_each(Fact::complete);
        // One that its client named.
        if let Some(Fact::Activity(named)) = facts.first_mut() {
            named.id = FactId(7);
        }
        for kind in [FactKind::Activity, FactKind::Production] {
            let table = kind.table();
            let of: Vec<&Fact> = facts.iter().filter(|f| f.kind() == kind).collect();
            connection.execute_batch(&create_table("OR REPLACE", "files", &table)).unwrap();
            let batch = left_out(kind.encode(of.iter().copied()), &of);
            let mut appender = connection.appender("files").unwrap();
            appender.append_record_batch(batch.clone()).unwrap();
            drop(appender);
            let held: u64 = connection.query_row("SELECT count(id) FROM files", [], |r| r.get(0)).unwrap();
            assert_eq!(held, u64::from(kind == FactKind::Activity), "only an id of its own is held");
            let sql = format!("SELECT id FROM {} ORDER BY id", filled(table.name, "files".into()));
            let mut statement = connection.prepare(&sql).unwrap();
            let found: Vec<u64> = statement.query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect();
            let mut expected: Vec<u64> = of.iter().map(|f| f.id().0).collect();
            expected.sort_unstable();
            assert_eq!(found, expected);
            let mut read = kind.decode(&batch).unwrap();
            read.iter_mut().for_each(Fact::complete);
            assert!(read.iter().eq(of.iter().copied()), "and so does reading in Rust");
        }
    }
}
