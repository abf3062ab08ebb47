//! A row type, declared once: its fields with their documentation, its key and its bucket column.
//! The [`row!`](macro@crate::row) macro derives storage, key and data-dictionary text from the declaration.

use crate::column::{ColumnError, KeyPart};
use crate::time::EventTime;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use serde::Serialize;

/// One column of a row type, for schemas and the data dictionary.
#[derive(Clone, Debug, Serialize)]
pub struct ColumnInfo {
    /// The column's name in every store.
    pub name: &'static str,
    /// The Arrow type's name, for example `Timestamp(µs, "UTC")`.
    #[serde(serialize_with = "display_type")]
    pub data_type: arrow::datatypes::DataType,
    /// Whether NULL is a value.
    pub nullable: bool,
    /// The only texts there can be, for a closed set; empty otherwise.
    pub values: &'static [&'static str],
    /// What it means, with its unit.
    pub doc: String,
}

fn display_type<S: serde::Serializer>(t: &arrow::datatypes::DataType, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(t)
}

/// A stored row: of a fact kind or of a view.
pub trait Row: Sized {
    /// The table's name.
    const NAME: &'static str;
    /// The columns that identify a row.
    const KEY: &'static [&'static str];
    /// The event-time column by which rows are bucketed, partitioned by day and sorted.
    const BUCKET: &'static str;

    /// What a row means.
    fn doc() -> String;
    /// Every column in order.
    fn columns() -> Vec<ColumnInfo>;
    /// The Arrow schema of [`Row::columns`].
    fn schema() -> SchemaRef;
    /// The rows as one Arrow batch.
    fn encode<'a>(rows: impl Iterator<Item = &'a Self> + Clone) -> RecordBatch
    where
        Self: 'a;
    /// The rows back from a batch; columns are found by name, in any order.
    fn decode(batch: &RecordBatch) -> Result<Vec<Self>, ColumnError>;
    /// The value of the bucket column.
    fn bucket(&self) -> EventTime;
    /// The values of the key columns.
    fn key(&self) -> Vec<KeyPart>;
}

/// Joins the lines of a doc comment into one paragraph.
pub fn paragraph(lines: &[&str]) -> String {
    lines.iter().map(|l| l.trim()).filter(|l| !l.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Declares a row type. See any file of `fact/` or `view/`.
#[macro_export]
macro_rules! row {
    (
        $(#[doc = $doc:literal])*
        pub struct $name:ident in $table:literal, key($($key:ident),+), bucket($bucket:ident) {
            $($(#[doc = $fdoc:literal])* pub $field:ident: $type:ty,)+
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub struct $name { $($(#[doc = $fdoc])* pub $field: $type,)+ }

        impl $crate::row::Row for $name {
            const NAME: &'static str = $table;
            const KEY: &'static [&'static str] = &[$(stringify!($key)),+];
            const BUCKET: &'static str = stringify!($bucket);

            fn doc() -> String {
                $crate::row::paragraph(&[$($doc),*])
            }
            fn columns() -> Vec<$crate::row::ColumnInfo> {
                vec![$($crate::row::ColumnInfo {
                    name: stringify!($field),
                    data_type: <$type as $crate::column::Column>::data_type(),
                    nullable: <$type as $crate::column::Column>::NULLABLE,
                    values: <$type as $crate::column::Column>::VALUES,
                    doc: $crate::row::paragraph(&[$($fdoc),*]),
                }),+]
            }
            fn schema() -> arrow::datatypes::SchemaRef {
                static SCHEMA: std::sync::OnceLock<arrow::datatypes::SchemaRef> = std::sync::OnceLock::new();
                SCHEMA.get_or_init(|| {
                    std::sync::Arc::new(arrow::datatypes::Schema::new(vec![$(arrow::datatypes::Field::new(
                        stringify!($field),
                        <$type as $crate::column::Column>::data_type(),
                        <$type as $crate::column::Column>::NULLABLE,
                    )),+]))
                }).clone()
            }
            fn encode<'a>(rows: impl Iterator<Item = &'a Self> + Clone) -> arrow::array::RecordBatch where Self: 'a {
                let columns = vec![$(<$type as $crate::column::Column>::encode(rows.clone().map(|r| &r.$field))),+];
                arrow::array::RecordBatch::try_new(Self::schema(), columns)
                    .unwrap_or_else(|e| unreachable!("columns and schema come from one declaration: {e}"))
            }
            fn decode(batch: &arrow::array::RecordBatch) -> Result<Vec<Self>, $crate::column::ColumnError> {
                $(let mut $field = <$type as $crate::column::Column>::decode(
                    batch.column_by_name(stringify!($field)).ok_or($crate::column::ColumnError::Missing(stringify!($field)))?,
                )?.into_iter();)+
                let mut rows = Vec::with_capacity(batch.num_rows());
                for _ in 0..batch.num_rows() {
                    // Every column has `num_rows` values; a short one ends the batch instead of panicking.
                    if let ($(Some($field),)+) = ($($field.next(),)+) {
                        rows.push(Self { $($field),+ });
                    }
                }
                Ok(rows)
            }
            fn bucket(&self) -> $crate::time::EventTime {
                self.$bucket
            }
            fn key(&self) -> Vec<$crate::column::KeyPart> {
                vec![$($crate::column::Column::key(&self.$key)),+]
            }
        }
    };
}
