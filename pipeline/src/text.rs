//! Batches made ready to be written as text.

use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit, TimestampMicrosecondType};
use arrow::error::ArrowError;
use std::sync::Arc;

/// The same rows with UTC written as the offset `+00:00`: Arrow's text writers know named zones only with a
/// time-zone database of their own, which nothing else here needs.
pub fn with_offsets(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let mut fields = Vec::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        match (field.data_type(), column.as_primitive_opt::<TimestampMicrosecondType>()) {
            (DataType::Timestamp(TimeUnit::Microsecond, Some(_)), Some(times)) => {
                let offset = DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into()));
                fields.push(Arc::new(Field::new(field.name(), offset, true)));
                columns.push(Arc::new(times.clone().with_timezone("+00:00")));
            }
            _ => {
                fields.push(field.clone());
                columns.push(column.clone());
            }
        }
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}
