//! Rows of every table, made from its declaration alone, for tests (feature `samples`): a new table needs no
//! test code of its own to be carried through Arrow, store and lake.

use crate::column::ColumnError;
use crate::fact::{Fact, FactKind};
use crate::registry::Table;
use crate::view::{CONFIDENCE_BINS, ViewKind, ViewRow};
use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Int32Array, Int32Builder, Int64Array, ListBuilder, RecordBatch, StringArray,
    StringBuilder, TimestampMicrosecondArray, UInt16Array, UInt16Builder, UInt32Array, UInt32Builder, UInt64Array,
    new_null_array,
};
use arrow::datatypes::DataType;
use std::sync::Arc;

/// 2026-01-20T00:00:00Z, the first of the three days over which sample rows are spread; µs UTC.
pub const DAY: i64 = 1_768_867_200_000_000;

/// SplitMix64 (Steele, Lea, Flood 2014): the `n`-th number of a sequence that looks random.
pub fn spread(n: u64) -> u64 {
    let z = n.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// One row: the same `key` gives the same identity and bucket, another key another; the other columns follow `value`.
pub fn batch(table: &Table, key: u64, value: u64) -> RecordBatch {
    let columns = table.columns.iter().enumerate().map(|(i, column)| {
        let identity = table.key.contains(&column.name);
        let n = spread(if identity { key } else { value } ^ ((i as u64) << 48));
        if column.name == table.bucket {
            instant(key)
        } else if column.name == "camera" {
            // Some rows share a camera, some of these a generation.
            Arc::new(StringArray::from(vec![text(key / 7 % 3 + 1)])) as ArrayRef
        } else if column.name == "generation" {
            Arc::new(Int64Array::from(vec![DAY + (key / 7 % 4) as i64]))
        } else if column.nullable && n.is_multiple_of(3) {
            new_null_array(&column.data_type, 1)
        } else if !column.values.is_empty() {
            Arc::new(StringArray::from(vec![column.values[n as usize % column.values.len()]]))
        } else if identity && column.data_type == DataType::UInt64 {
            // As it is: no two may be the same.
            Arc::new(UInt64Array::from(vec![n]))
        } else {
            one(&column.data_type, n)
        }
    });
    RecordBatch::try_new(table.schema.clone(), columns.collect())
        .unwrap_or_else(|e| unreachable!("{}: {e}", table.name))
}

/// The fact of this kind with this key and value.
pub fn fact(kind: FactKind, key: u64, value: u64) -> Fact {
    only(kind.decode(&batch(&kind.table(), key, value)))
}

/// The row of this view with this key and value.
pub fn row(view: ViewKind, key: u64, value: u64) -> ViewRow {
    only(view.decode(&batch(&view.table(), key, value)))
}

fn only<T>(rows: Result<Vec<T>, ColumnError>) -> T {
    match rows.map(|mut rows| rows.pop()) {
        Ok(Some(row)) => row,
        other => unreachable!("one row was encoded: {:?}", other.err()),
    }
}

fn instant(n: u64) -> ArrayRef {
    let micros = DAY + (n.wrapping_mul(7_777_777_777) % (3 * 86_400_000_000)) as i64;
    Arc::new(TimestampMicrosecondArray::from(vec![micros]).with_timezone("UTC"))
}

fn text(n: u64) -> &'static str {
    ["", "ABC-123", "naïve 箱 📦", "it's \"quoted\"", "a\nb\tc"][n as usize % 5]
}

/// Small, large and extreme in turn.
fn number(n: u64) -> u64 {
    match n % 4 {
        0 => u64::MAX,
        1 => n,
        _ => n % 1_000,
    }
}

fn one(data_type: &DataType, n: u64) -> ArrayRef {
    let v = number(n);
    match data_type {
        DataType::Boolean => Arc::new(BooleanArray::from(vec![v.is_multiple_of(2)])),
        DataType::Int32 => Arc::new(Int32Array::from(vec![v as i32])),
        DataType::Int64 => Arc::new(Int64Array::from(vec![(v >> 16) as i64])),
        DataType::UInt16 => Arc::new(UInt16Array::from(vec![v as u16])),
        DataType::UInt32 => Arc::new(UInt32Array::from(vec![v as u32])),
        DataType::UInt64 => Arc::new(UInt64Array::from(vec![v])),
        DataType::Timestamp(..) => instant(n),
        DataType::Utf8 => Arc::new(StringArray::from(vec![text(n)])),
        DataType::Binary => {
            let bytes: Vec<u8> = (0..n % 300).map(|i| i as u8).collect();
            Arc::new(BinaryArray::from_iter_values([bytes]))
        }
        DataType::List(item) => list(item.data_type(), n),
        other => unreachable!("no column type maps to {other}"),
    }
}

fn list(item: &DataType, n: u64) -> ArrayRef {
    let length = n % 4;
    match item {
        DataType::Utf8 => {
            let mut list = ListBuilder::new(StringBuilder::new());
            (0..length).for_each(|i| list.values().append_value(text(n ^ i)));
            list.append(true);
            Arc::new(list.finish())
        }
        DataType::UInt16 => {
            let mut list = ListBuilder::new(UInt16Builder::new());
            (0..length).for_each(|i| list.values().append_value(spread(n ^ i) as u16));
            list.append(true);
            Arc::new(list.finish())
        }
        DataType::UInt32 => {
            let mut list = ListBuilder::new(UInt32Builder::new());
            // As long as a histogram, which is such a list.
            (0..CONFIDENCE_BINS as u64).for_each(|i| list.values().append_value(spread(n ^ i) as u32));
            list.append(true);
            Arc::new(list.finish())
        }
        // The only lists of these are the four corners of a quadrilateral.
        DataType::Int32 => {
            let mut list = ListBuilder::new(Int32Builder::new());
            (0..8).for_each(|i| list.values().append_value(spread(n ^ i) as i32));
            list.append(true);
            Arc::new(list.finish())
        }
        other => unreachable!("no list of {other}"),
    }
}
