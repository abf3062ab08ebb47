//! Rows on stdout: table, CSV or JSON lines.

use super::Format;
use crate::text::with_offsets;
use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use std::io::{ErrorKind, IsTerminal, StdoutLock, Write};

/// Widest column of a table on a terminal; longer values are cut with an ellipsis.
const WIDEST: usize = 48;

/// Stdout, for much: whoever stops reading, as `head` does, ends the program as the signal would that Rust ignores.
pub struct Stdout(StdoutLock<'static>);

/// Locks it.
pub fn stdout() -> Stdout {
    Stdout(std::io::stdout().lock())
}

impl Stdout {
    fn unless_closed<T>(written: std::io::Result<T>) -> std::io::Result<T> {
        match written {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(128 + 13),
            written => written,
        }
    }
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Self::unless_closed(self.0.write(bytes))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Self::unless_closed(self.0.flush())
    }
}

/// Prints batches of one schema.
pub fn batches(batches: &[RecordBatch], format: Format) -> anyhow::Result<()> {
    let mut out = stdout();
    let batches: Vec<RecordBatch> = batches.iter().map(with_offsets).collect::<Result<_, _>>()?;
    let batches = batches.as_slice();
    match format {
        Format::Table => table(&mut out, batches)?,
        Format::Csv => {
            let mut writer = arrow::csv::WriterBuilder::new().with_header(true).build(&mut out);
            for batch in batches {
                writer.write(&flat(batch)?)?;
            }
        }
        Format::Json => {
            let mut writer = arrow::json::LineDelimitedWriter::new(&mut out);
            for batch in batches {
                writer.write(batch)?;
            }
            writer.finish()?;
        }
    }
    Ok(())
}

/// CSV has no lists: they become their text.
fn flat(batch: &RecordBatch) -> anyhow::Result<RecordBatch> {
    use arrow::array::{ArrayRef, StringArray};
    use arrow::datatypes::{DataType, Field, Schema};
    let mut fields = Vec::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        if field.data_type().is_nested() || matches!(field.data_type(), DataType::Binary) {
            let texts = cells(column)?;
            fields.push(Field::new(field.name(), DataType::Utf8, true));
            columns.push(std::sync::Arc::new(StringArray::from(texts)));
        } else {
            fields.push(field.as_ref().clone());
            columns.push(column.clone());
        }
    }
    Ok(RecordBatch::try_new(std::sync::Arc::new(Schema::new(fields)), columns)?)
}

fn cells(column: &arrow::array::ArrayRef) -> anyhow::Result<Vec<String>> {
    let options = FormatOptions::new().with_null("").with_timestamp_tz_format(Some("%Y-%m-%d %H:%M:%S%.3fZ"));
    let formatter = ArrayFormatter::try_new(column.as_ref(), &options)?;
    (0..column.len()).map(|i| Ok(formatter.value(i).try_to_string()?)).collect()
}

/// An aligned table: header, rule, rows, and the number of rows.
fn table(out: &mut impl Write, batches: &[RecordBatch]) -> anyhow::Result<()> {
    let Some(first) = batches.first() else {
        writeln!(out, "(0 rows)")?;
        return Ok(());
    };
    let widest = if std::io::stdout().is_terminal() { WIDEST } else { usize::MAX };
    let schema = first.schema();
    let mut columns: Vec<(Vec<String>, bool)> =
        schema.fields().iter().map(|f| (vec![f.name().clone()], f.data_type().is_numeric())).collect();
    for batch in batches {
        for ((cells_of, _), column) in columns.iter_mut().zip(batch.columns()) {
            cells_of.extend(cells(column)?.into_iter().map(|cell| cut(cell, widest)));
        }
    }
    let rows = columns.first().map_or(0, |(cells, _)| cells.len());
    let widths: Vec<usize> =
        columns.iter().map(|(cells, _)| cells.iter().map(|c| c.chars().count()).max().unwrap_or(0)).collect();
    for row in 0..rows {
        let line: Vec<String> = columns
            .iter()
            .zip(&widths)
            .map(
                |((cells, right), &width)| {
                    if *right { format!("{:>width$}", cells[row]) } else { format!("{:<width$}", cells[row]) }
                },
            )
            .collect();
        writeln!(out, "{}", line.join("  ").trim_end())?;
        if row == 0 {
            writeln!(out, "{}", widths.iter().map(|&w| "─".repeat(w)).collect::<Vec<_>>().join("  "))?;
        }
    }
    writeln!(out, "({} row{})", rows - 1, if rows == 2 { "" } else { "s" })?;
    Ok(())
}

fn cut(text: String, widest: usize) -> String {
    if text.chars().count() <= widest {
        return text;
    }
    text.chars().take(widest - 1).chain(['…']).collect()
}
