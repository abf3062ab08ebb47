//! `gemba diff`: the rows in which two data directories differ.

use super::{Format, output};
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use clap::Args;
use gemba_schemas::view::ViewKind;
use gemba_sinks::ViewDiff;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// Arguments of `gemba diff`.
#[derive(Debug, Args)]
pub struct Diff {
    /// Data directory or lake before.
    pub a: PathBuf,
    /// Data directory or lake after.
    pub b: PathBuf,
    /// Only this view.
    #[arg(long)]
    pub view: Option<String>,
    /// How the rows are printed.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Runs it.
pub fn run(args: Diff) -> anyhow::Result<ExitCode> {
    known_view(args.view.as_deref())?;
    print(gemba_sinks::diff(&args.a, &args.b)?, args.view.as_deref(), args.format)
}

/// Refuses a view that there is not.
pub(super) fn known_view(view: Option<&str>) -> anyhow::Result<()> {
    if let Some(view) = view
        && ViewKind::by_name(view).is_none()
    {
        let names: Vec<_> = ViewKind::ALL.iter().map(|k| k.table_name()).collect();
        anyhow::bail!("no view is called `{view}`; the views are {}", names.join(", "));
    }
    Ok(())
}

/// Prints the rows that differ.
pub(super) fn print(diffs: Vec<ViewDiff>, only: Option<&str>, format: Format) -> anyhow::Result<ExitCode> {
    let mut same = true;
    for view in diffs {
        let name = view.view.table_name();
        if view.is_empty() || only.is_some_and(|only| only != name) {
            continue;
        }
        same = false;
        if format == Format::Table {
            writeln!(
                output::stdout(),
                "{name}: {} gone, {} new, {} changed",
                view.only_a.num_rows(),
                view.only_b.num_rows(),
                view.changed_a.num_rows()
            )?;
        }
        let rows = [
            marked(name, "-", &view.only_a)?,
            marked(name, "+", &view.only_b)?,
            marked(name, "<", &view.changed_a)?,
            marked(name, ">", &view.changed_b)?,
        ];
        output::batches(&rows, format)?;
    }
    if same && format == Format::Table {
        println!("no difference");
    }
    Ok(ExitCode::SUCCESS)
}

/// The rows with two columns before them: their view, and `-` gone, `+` new, `<` changed from, `>` changed to.
fn marked(view: &str, mark: &str, batch: &RecordBatch) -> anyhow::Result<RecordBatch> {
    let constant = |text: &str| Arc::new(StringArray::from(vec![text; batch.num_rows()])) as ArrayRef;
    let field = |name: &str| Arc::new(Field::new(name, DataType::Utf8, false));
    let mut fields = vec![field("view"), field("diff")];
    fields.extend(batch.schema().fields().iter().cloned());
    let mut columns = vec![constant(view), constant(mark)];
    columns.extend(batch.columns().iter().cloned());
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}
