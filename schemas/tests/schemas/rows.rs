//! Every registered row type survives the way through Arrow, whatever its columns hold.

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use gemba_schemas::column::ColumnError;
use gemba_schemas::fact::*;
use gemba_schemas::samples::{fact, row};
use gemba_schemas::view::*;
use proptest::prelude::*;
use std::sync::Arc;

/// The batch with its columns in reverse and one more: columns are found by name.
fn rearranged(batch: &RecordBatch) -> RecordBatch {
    let schema = batch.schema();
    let mut fields: Vec<_> = schema.fields().iter().cloned().collect();
    let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
    fields.reverse();
    columns.reverse();
    fields.push(Arc::new(Field::new("added later", DataType::Utf8, true)));
    columns.push(Arc::new(StringArray::new_null(batch.num_rows())));
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("same lengths")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn facts_come_back_from_arrow(seed: u64, rows in 0u64..20) {
        for kind in FactKind::ALL {
            let facts: Vec<Fact> = (0..rows).map(|n| fact(*kind, seed ^ n, seed.rotate_left(7) ^ n)).collect();
            let batch = kind.encode(facts.iter());
            prop_assert_eq!(&kind.decode(&batch), &Ok(facts.clone()));
            prop_assert_eq!(kind.decode(&rearranged(&batch)), Ok(facts));
        }
    }

    #[test]
    fn view_rows_come_back_from_arrow(seed: u64, rows in 0u64..20) {
        for kind in ViewKind::ALL {
            let views: Vec<ViewRow> = (0..rows).map(|n| row(*kind, seed ^ n, seed.rotate_left(7) ^ n)).collect();
            let batch = kind.encode(views.iter());
            prop_assert_eq!(&kind.decode(&batch), &Ok(views.clone()));
            prop_assert_eq!(kind.decode(&rearranged(&batch)), Ok(views));
        }
    }

    #[test]
    fn facts_come_back_from_json(seed: u64) {
        for kind in FactKind::ALL {
            let fact = fact(*kind, seed, seed.rotate_left(7));
            let text = serde_json::to_string(&fact).expect("facts are plain data");
            prop_assert_eq!(serde_json::from_str::<Fact>(&text).expect("its own text"), fact);
        }
    }
}

#[test]
fn one_batch_takes_the_facts_of_its_kind_alone() {
    let kinds = FactKind::ALL.len();
    let mixed: Vec<Fact> = (0..3 * kinds).map(|i| fact(FactKind::ALL[i % kinds], i as u64, i as u64)).collect();
    for kind in FactKind::ALL {
        let own: Vec<_> = mixed.iter().filter(|f| f.kind() == *kind).cloned().collect();
        assert_eq!(own.len(), 3);
        assert_eq!(kind.decode(&kind.encode(mixed.iter())), Ok(own));
    }
}

#[test]
fn the_key_and_bucket_columns_are_what_the_registry_says() {
    for kind in ViewKind::ALL {
        let row = row(*kind, 2, 2);
        assert_eq!(row.key().len(), kind.table().key.len());
        assert_eq!(ViewKind::by_name(kind.table().name), Some(*kind));
    }
    assert_eq!(ViewKind::by_name("nothing"), None);
}

#[test]
fn what_is_no_row_of_this_kind_is_an_error() {
    let batch = FactKind::Fault.encode([fact(FactKind::Fault, 3, 3)].iter());
    assert_eq!(FactKind::Coverage.decode(&batch), Err(ColumnError::Missing("segment")));

    // A stage that this build does not know: an error, and no other stage in its place.
    let stage = batch.schema().index_of("stage").expect("a column of faults");
    let mut columns = batch.columns().to_vec();
    columns[stage] = Arc::new(StringArray::from(vec!["telepathy"]));
    let other = RecordBatch::try_new(batch.schema(), columns.clone()).expect("same types");
    let error = FactKind::Fault.decode(&other);
    assert_eq!(error, Err(ColumnError::Value { value: "telepathy".into(), kind: "Stage" }));

    let mut fields: Vec<_> = batch.schema().fields().iter().cloned().collect();
    let frame = batch.schema().index_of("frame").expect("a column of faults");
    fields[frame] = Arc::new(Field::new("frame", DataType::Boolean, false));
    columns[frame] = Arc::new(arrow::array::BooleanArray::from(vec![true]));
    let other = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("same lengths");
    assert!(matches!(FactKind::Fault.decode(&other), Err(ColumnError::Type { .. })));
}
