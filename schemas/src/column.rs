//! How a field of a row is stored: one implementation of [`Column`] per field type gives the Arrow type,
//! the way in and the way back. Parquet, DuckDB, the catalog, JSON schemas and the data dictionary all
//! follow from it, so no mapping is written twice.

use crate::geometry::Quad;
use crate::id::{FactId, Generation, Name};
use crate::score::Score;
use crate::time::{EventTime, Micros};
use crate::view::Histogram;
use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Int64Array, ListBuilder, PrimitiveArray, PrimitiveBuilder,
    StringArray, StringBuilder, TimestampMicrosecondArray, UInt16Array, UInt64Array,
};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Field, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType, UInt16Type,
    UInt32Type, UInt64Type,
};
use std::cmp::Ordering;
use std::sync::Arc;

/// A stored column could not be read back as the type the row declares.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ColumnError {
    /// The batch has no column of this name.
    #[error("column `{0}` is missing")]
    Missing(&'static str),
    /// The column's Arrow type is not the declared one.
    #[error("column has type {found}, expected {expected}")]
    Type {
        /// What the batch holds.
        found: String,
        /// What the row declares.
        expected: String,
    },
    /// A value outside the declared set, for example an unknown enum variant.
    #[error("unknown value `{value}` for {kind}")]
    Value {
        /// The text found.
        value: String,
        /// The enum's name.
        kind: &'static str,
    },
}

/// A field type of a row: fixed Arrow type, lossless both ways.
pub trait Column: Sized {
    /// Whether NULL is a value of this column.
    const NULLABLE: bool = false;
    /// The only texts there can be, for a closed set; empty otherwise.
    const VALUES: &'static [&'static str] = &[];
    /// The Arrow type.
    fn data_type() -> DataType;
    /// One array of all values, in order.
    fn encode<'a>(values: impl Iterator<Item = &'a Self>) -> ArrayRef
    where
        Self: 'a;
    /// The values back. Fails when the array is of another type.
    fn decode(array: &ArrayRef) -> Result<Vec<Self>, ColumnError>;
    /// This value as a part of a row's key.
    fn key(&self) -> KeyPart {
        KeyPart::Text(String::new())
    }
}

/// One part of a row's key, comparable and printable. Names are compared as the texts that they are.
#[derive(Clone, Debug)]
pub enum KeyPart {
    /// Integers and instants.
    Int(i64),
    /// Names, of which there are few.
    Name(Name),
    /// Other texts.
    Text(String),
}

impl KeyPart {
    /// The text; `None` of a number.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Int(_) => None,
            Self::Name(name) => Some(name.as_str()),
            Self::Text(text) => Some(text),
        }
    }
}

impl Ord for KeyPart {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (Self::Name(a), Self::Name(b)) => a.cmp_text(*b),
            // A number has no text and comes first.
            _ => self.text().cmp(&other.text()),
        }
    }
}

impl PartialOrd for KeyPart {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for KeyPart {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for KeyPart {}

fn wrong<T: Column>(array: &ArrayRef) -> ColumnError {
    ColumnError::Type { found: array.data_type().to_string(), expected: T::data_type().to_string() }
}

/// Text that DuckDB or another writer may hand back as plain, large, view or dictionary strings.
fn strings(array: &ArrayRef) -> Option<StringArray> {
    let plain = arrow::compute::cast(array, &DataType::Utf8).ok()?;
    plain.as_string_opt::<i32>().cloned()
}

macro_rules! primitive {
    ($type:ty, $arrow:ty, $to:expr, $from:expr) => {
        impl Column for $type {
            fn data_type() -> DataType {
                <$arrow as ArrowPrimitiveType>::DATA_TYPE
            }
            fn encode<'a>(values: impl Iterator<Item = &'a Self>) -> ArrayRef {
                let to: fn(&$type) -> <$arrow as ArrowPrimitiveType>::Native = $to;
                Arc::new(PrimitiveArray::<$arrow>::from_iter_values(values.map(to)))
            }
            fn decode(array: &ArrayRef) -> Result<Vec<Self>, ColumnError> {
                let from: fn(<$arrow as ArrowPrimitiveType>::Native) -> $type = $from;
                let array = array.as_primitive_opt::<$arrow>().ok_or_else(|| wrong::<Self>(array))?;
                Ok(array.values().iter().copied().map(from).collect())
            }
            fn key(&self) -> KeyPart {
                let to: fn(&$type) -> <$arrow as ArrowPrimitiveType>::Native = $to;
                KeyPart::Int(to(self) as i64)
            }
        }
    };
}

primitive!(i32, Int32Type, |v| *v, |v| v);
primitive!(i64, Int64Type, |v| *v, |v| v);
primitive!(u16, UInt16Type, |v| *v, |v| v);
primitive!(u32, UInt32Type, |v| *v, |v| v);
primitive!(u64, UInt64Type, |v| *v, |v| v);
primitive!(Micros, Int64Type, |v| v.0, Micros);
primitive!(Generation, Int64Type, |v| v.0, Generation);
primitive!(Score, UInt16Type, |v| v.0, Score);

impl Column for FactId {
    fn data_type() -> DataType {
        DataType::UInt64
    }
    fn encode<'a>(values: impl Iterator<Item = &'a Self>) -> ArrayRef {
        Arc::new(UInt64Array::from_iter_values(values.map(|id| id.0)))
    }
    /// One that is not there follows from the fact.
    fn decode(array: &ArrayRef) -> Result<Vec<Self>, ColumnError> {
        let array = array.as_primitive_opt::<UInt64Type>().ok_or_else(|| wrong::<Self>(array))?;
        Ok(array.iter().map(|id| id.map_or(Self::DERIVED, Self)).collect())
    }
    fn key(&self) -> KeyPart {
        KeyPart::Int(self.0 as i64)
    }
}

fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

impl Column for EventTime {
    fn data_type() -> DataType {
        timestamp()
    }
    fn encode<'a>(values: impl Iterator<Item = &'a Self>) -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from_iter_values(values.map(|v| v.0)).with_timezone("UTC"))
    }
    fn decode(array: &ArrayRef) -> Result<Vec<Self>, ColumnError> {
        let array = array.as_primitive_opt::<TimestampMicrosecondType>().ok_or_else(|| wrong::<Self>(array))?;
        Ok(array.values().iter().copied().map(EventTime).collect())
    }
    fn key(&self) -> KeyPart {
        KeyPart::Int(self.0)
    }
}

impl Column for Option<EventTime> {
    const NULLABLE: bool = true;
    fn data_type() -> DataType {
        timestamp()
    }
    fn encode<'a>(values: impl Iterator<Item = &'a Self>) -> ArrayRef {
        let values: TimestampMicrosecondArray = values.map(|v| v.map(|t| t.0)).collect();
        Arc::new(values.with_timezone("UTC"))
    }
    fn decode(array: &ArrayRef) -> Result<Vec<Self>, ColumnError> {
        let array = array.as_primitive_opt::<TimestampMicrosecondType>().ok_or_else(|| wrong::<Self>(array))?;
        Ok(array.iter().map(|v| v.map(EventTime)).collect())
    }
}

impl Column for bool {
    fn data_type() -> DataType {
        DataType::Boolean
    }
    fn encode<'a>(values: impl Iterator<Item = &'a Self>) -> ArrayRef {
        Arc::new(BooleanArray::from(values.copied().collect::<Vec<_>>()))
    }
    fn decode(array: &ArrayRef) -> Result<Vec<Self>, ColumnError> {
        let array = array.as_boolean_opt().ok_or_else(|| wrong::<Self>(array))?;
        Ok(array.values().iter().collect())
    }
    fn key(&self) -> KeyPart {
        KeyPart::Int(i64::from(*self))
    }
}

impl Column for Name {
    fn data_type() -> DataType {
        DataType::Utf8
    }
    fn encode<'a>(values: impl Iterator<Item = &'a Self>) -> ArrayRef {
        Arc::new(StringArray::from_iter_values(values.map(|v| v.as_str())))
    }
    fn decode(array: &ArrayRef) -> Result<Vec<Self>, ColumnError> {
        let array = strings(array).ok_or_else(|| wrong::<Self>(array))?;
        // Neighbouring rows nearly always share a name: look up only where it changes.
        let mut last: Option<(&str, Name)> = None;
        Ok((0..array.len())
            .map(|i| {
                let text = array.value(i);
                match last {
                    Some((seen, name)) if seen == text => name,
                    _ => last.insert((text, Name::new(text))).1,
                }
            })
            .collect())
    }
    fn key(&self) -> KeyPart {
        KeyPart::Name(*self)
    }
}

impl Column for String {
    fn data_type() -> DataType {
        DataType::Utf8
    }
    fn encode<'a>(values: impl Iterator<Item = &'a Self>) -> ArrayRef {
        Arc::new(StringArray::from_iter_values(values))
    }
    fn decode(array: &ArrayRef) -> Result<Vec<Self>, ColumnError> {
        let array = strings(array).ok_or_else(|| wrong::<Self>(array))?;
        Ok((0..array.len()).map(|i| array.value(i).to_owned()).collect())
    }
    fn key(&self) -> KeyPart {
        KeyPart::Text(self.clone())
    }
}

impl Column for Vec<u8> {
    fn data_type() -> DataType {
        DataType::Binary
    }
    fn encode<'a>(values: impl Iterator<Item = &'a Self>) -> ArrayRef {
        Arc::new(BinaryArray::from_iter_values(values))
    }
    fn decode(array: &ArrayRef) -> Result<Vec<Self>, ColumnError> {
        let plain = arrow::compute::cast(array, &DataType::Binary).map_err(|_| wrong::<Self>(array))?;
        let plain = plain.as_binary_opt::<i32>().ok_or_else(|| wrong::<Self>(array))?;
        Ok((0..plain.len()).map(|i| plain.value(i).to_vec()).collect())
    }
}

/// A list column of a primitive or text element.
macro_rules! list {
    ($type:ty, $element:expr, $builder:expr, $append:expr, $read:expr) => {
        impl Column for $type {
            fn data_type() -> DataType {
                DataType::List(Arc::new(Field::new("item", $element, true)))
            }
            fn encode<'a>(values: impl Iterator<Item = &'a Self>) -> ArrayRef {
                let mut list = ListBuilder::new($builder);
                for value in values {
                    let append: fn(&mut _, &$type) = $append;
                    append(list.values(), value);
                    list.append(true);
                }
                Arc::new(list.finish())
            }
            fn decode(array: &ArrayRef) -> Result<Vec<Self>, ColumnError> {
                let list = array.as_list_opt::<i32>().ok_or_else(|| wrong::<Self>(array))?;
                let read: fn(&ArrayRef) -> Option<$type> = $read;
                (0..list.len()).map(|i| read(&list.value(i)).ok_or_else(|| wrong::<Self>(array))).collect()
            }
        }
    };
}

list!(
    Vec<String>,
    DataType::Utf8,
    StringBuilder::new(),
    |b: &mut StringBuilder, v| v.iter().for_each(|s| b.append_value(s)),
    |a| strings(a).map(|s| (0..s.len()).map(|i| s.value(i).to_owned()).collect())
);
list!(
    Vec<u16>,
    DataType::UInt16,
    UInt16Array::builder(0),
    |b: &mut PrimitiveBuilder<UInt16Type>, v| b.append_slice(v),
    |a| a.as_primitive_opt::<UInt16Type>().map(|p| p.values().to_vec())
);
list!(
    Vec<u32>,
    DataType::UInt32,
    PrimitiveBuilder::<UInt32Type>::new(),
    |b: &mut PrimitiveBuilder<UInt32Type>, v| b.append_slice(v),
    |a| a.as_primitive_opt::<UInt32Type>().map(|p| p.values().to_vec())
);
list!(
    Histogram,
    DataType::UInt32,
    PrimitiveBuilder::<UInt32Type>::new(),
    |b: &mut PrimitiveBuilder<UInt32Type>, v| b.append_slice(&v.0),
    |a| a.as_primitive_opt::<UInt32Type>().and_then(|p| p.values().as_ref().try_into().ok()).map(Histogram)
);
list!(
    Quad,
    DataType::Int32,
    PrimitiveBuilder::<Int32Type>::new(),
    |b: &mut PrimitiveBuilder<Int32Type>, v| b.append_slice(&v.0),
    |a| a.as_primitive_opt::<Int32Type>().and_then(|p| p.values().as_ref().try_into().ok()).map(Quad)
);

impl Column for Option<u64> {
    const NULLABLE: bool = true;
    fn data_type() -> DataType {
        DataType::UInt64
    }
    fn encode<'a>(values: impl Iterator<Item = &'a Self>) -> ArrayRef {
        Arc::new(values.copied().collect::<UInt64Array>())
    }
    fn decode(array: &ArrayRef) -> Result<Vec<Self>, ColumnError> {
        let array = array.as_primitive_opt::<UInt64Type>().ok_or_else(|| wrong::<Self>(array))?;
        Ok(array.iter().collect())
    }
}

impl Column for Option<Micros> {
    const NULLABLE: bool = true;
    fn data_type() -> DataType {
        DataType::Int64
    }
    fn encode<'a>(values: impl Iterator<Item = &'a Self>) -> ArrayRef {
        Arc::new(values.map(|v| v.map(|m| m.0)).collect::<Int64Array>())
    }
    fn decode(array: &ArrayRef) -> Result<Vec<Self>, ColumnError> {
        let array = array.as_primitive_opt::<Int64Type>().ok_or_else(|| wrong::<Self>(array))?;
        Ok(array.iter().map(|v| v.map(Micros)).collect())
    }
}

/// A closed set of named values, stored as its snake_case text.
#[macro_export]
macro_rules! text_enum {
    ($(#[doc = $doc:literal])* pub enum $name:ident { $($(#[doc = $vdoc:literal])* $variant:ident = $text:literal,)+ }) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[doc = $vdoc])* #[serde(rename = $text)] $variant,)+ }

        impl $name {
            /// Every value, in order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stored text.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl $crate::column::Column for $name {
            const VALUES: &'static [&'static str] = &[$($text),+];
            fn data_type() -> arrow::datatypes::DataType {
                arrow::datatypes::DataType::Utf8
            }
            fn encode<'a>(values: impl Iterator<Item = &'a Self>) -> arrow::array::ArrayRef {
                std::sync::Arc::new(arrow::array::StringArray::from_iter_values(values.map(|v| v.as_str())))
            }
            fn decode(array: &arrow::array::ArrayRef) -> Result<Vec<Self>, $crate::column::ColumnError> {
                <String as $crate::column::Column>::decode(array)?.into_iter().map(|text| {
                    Self::ALL.iter().copied().find(|v| v.as_str() == text).ok_or($crate::column::ColumnError::Value {
                        value: text, kind: stringify!($name),
                    })
                }).collect()
            }
            fn key(&self) -> $crate::column::KeyPart {
                $crate::column::KeyPart::Name($crate::id::Name::new(self.as_str()))
            }
        }
    };
}
