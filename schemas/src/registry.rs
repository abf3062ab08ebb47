//! One registry: every table, of facts and of views, as data. DuckDB tables, Parquet files, the catalog,
//! routes, the OpenAPI document and the data dictionary are all made from it.

use crate::fact::FactKind;
use crate::row::{ColumnInfo, Row};
use crate::view::ViewKind;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

/// The declaration of a table.
#[derive(Clone, Debug)]
pub struct Table {
    /// Name in every store.
    pub name: &'static str,
    /// What a row means.
    pub doc: String,
    /// Columns that identify a row.
    pub key: &'static [&'static str],
    /// Event-time column of the day partition and the sort order.
    pub bucket: &'static str,
    /// Every column in order.
    pub columns: Vec<ColumnInfo>,
    /// The Arrow schema of `columns`.
    pub schema: SchemaRef,
}

/// A column that exists only at the edge (catalog and endpoint): a SQL expression over the stored row,
/// where analysts expect seconds, shares and rates as doubles.
#[derive(Clone, Debug)]
pub struct EdgeColumn {
    /// Name at the edge.
    pub name: String,
    /// DuckDB expression over the table's columns.
    pub sql: String,
    /// What it means, with its unit.
    pub doc: String,
}

impl Table {
    /// The declaration that `R` carries.
    pub fn of<R: Row>() -> Self {
        Self {
            name: R::NAME,
            doc: R::doc(),
            key: R::KEY,
            bucket: R::BUCKET,
            columns: R::columns(),
            schema: R::schema(),
        }
    }

    /// The computed columns that the edge adds: `x_s` for each `x_us`, `mean` where there is an integral, and
    /// the view's own ratios.
    pub fn edge_columns(&self) -> Vec<EdgeColumn> {
        let mut edge: Vec<_> = self
            .columns
            .iter()
            .filter_map(|c| c.name.strip_suffix("_us"))
            .map(|stem| EdgeColumn {
                name: format!("{stem}_s"),
                sql: format!("{stem}_us / 1e6"),
                doc: format!("`{stem}_us` in seconds."),
            })
            .collect();
        if self.columns.iter().any(|c| c.name == "occupied_us") {
            edge.push(EdgeColumn {
                name: "mean".into(),
                sql: "occupied_us / nullif(observed_us, 0)".into(),
                doc: "Time-weighted mean count over the observed part.".into(),
            });
        }
        for (table, name, sql, doc) in RATIOS {
            if *table == self.name {
                edge.push(EdgeColumn { name: (*name).into(), sql: (*sql).into(), doc: (*doc).into() });
            }
        }
        edge
    }
}

/// Ratios of a view's sums: table, column, SQL, meaning. NULL where there is nothing to divide by.
const RATIOS: &[(&str, &str, &str, &str)] = &[
    (
        "worker_hours",
        "utilisation",
        "active_us / nullif(active_us + idle_us, 0)",
        "Active share of active and idle time.",
    ),
    ("worker_hours", "units_per_hour", "units * 3.6e9 / nullif(active_us, 0)", "Units per active hour."),
    (
        "station_hours",
        "occupancy_s",
        "(working_us + idle_us) / 1e6",
        "Seconds that workers were here: working and idle.",
    ),
    ("station_hours", "utilisation", "working_us / nullif(working_us + idle_us, 0)", "Working share of occupancy."),
    ("station_hours", "throughput", "units * 3.6e9 / nullif(working_us + idle_us, 0)", "Units per hour of occupancy."),
    (
        "floor_hours",
        "utilisation",
        "worker_utilisation_ppm / 1e6 / nullif(workers, 0)",
        "Mean of the workers' utilisations.",
    ),
    (
        "floor_hours",
        "station_utilisation",
        "station_utilisation_ppm / 1e6 / nullif(stations, 0)",
        "Mean of the stations' utilisations.",
    ),
    ("floor_hours", "units_per_hour", "units * 3.6e9 / nullif(active_us, 0)", "Units per active hour."),
    (
        "dwell_days",
        "mean_s",
        "dwell_us / 1e6 / nullif(visits, 0)",
        "Mean dwell of the visits that counted, in seconds.",
    ),
    (
        "quality_hours",
        "empty_rate",
        "qr_failed / nullif(sessions, 0)",
        "Share of the ended sessions without a code, 0–1.",
    ),
    ("quality_hours", "export_rate", "exports_ok / nullif(exports, 0)", "Share of the exports that worked, 0–1."),
    ("drift_hours", "confidence", "confidence_sum / 1e4 / nullif(count, 0)", "Mean confidence, 0–1."),
];

/// The tables of facts, in order of declaration.
pub fn facts() -> Vec<Table> {
    FactKind::ALL.iter().map(|k| k.table()).collect()
}

/// The tables of views, in order of declaration.
pub fn views() -> Vec<Table> {
    ViewKind::ALL.iter().map(|k| k.table()).collect()
}

/// The views whose past states are kept, each with the table of its changes: views whose rows are intervals, which
/// people act on and ask about later.
pub const HISTORY: &[(ViewKind, &str)] = &[
    (ViewKind::PackingSession, "packing_sessions_changes"),
    (ViewKind::ZoneVisit, "zone_visits_changes"),
    (ViewKind::Alert, "alerts_changes"),
    (ViewKind::AttendanceDay, "attendance_days_changes"),
    (ViewKind::GateEvent, "gate_events_changes"),
];

/// The tables of changes, in the order of [`HISTORY`].
pub fn changes() -> Vec<Table> {
    static TABLES: OnceLock<Vec<Table>> = OnceLock::new();
    TABLES.get_or_init(|| HISTORY.iter().map(|(view, name)| changes_table(view.table(), name)).collect()).clone()
}

/// The table of changes of a view that has one.
pub fn changes_of(view: ViewKind) -> Option<Table> {
    let place = HISTORY.iter().position(|(v, _)| *v == view)?;
    changes().into_iter().nth(place)
}

fn changes_table(view: Table, name: &'static str) -> Table {
    let column =
        |name, data_type, doc: &str| ColumnInfo { name, data_type, nullable: false, values: &[], doc: doc.to_owned() };
    let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let mut columns = vec![
        column("tick", DataType::UInt64, "Last tick of the epoch that changed the row."),
        column("committed_at", instant, "When the change was committed, by the clock."),
        column("diff", DataType::Int32, "1: the row came; −1: it left."),
    ];
    columns.extend(view.columns);
    let fields: Vec<_> = columns.iter().map(|c| Field::new(c.name, c.data_type.clone(), c.nullable)).collect();
    // Made once a process, see `changes`.
    let key: &'static [&'static str] = Vec::leak([&["tick", "diff"], view.key].concat());
    Table {
        name,
        doc: format!(
            "How `{0}` changed: a row that came or left. The sum of `diff` by row over what was committed before an \
             instant is `{0}` as it was reported then.",
            view.name
        ),
        key,
        bucket: "committed_at",
        columns,
        schema: Arc::new(Schema::new(fields)),
    }
}

/// The data dictionary in Markdown, as it stands in `docs/tables.md`.
pub fn dictionary() -> String {
    let mut out = String::from("# Tables\n\nMade from the registry by `gemba tables`; do not edit.\n");
    for (title, tables) in [("Views", views()), ("Facts", facts())] {
        let _ = write!(out, "\n## {title}\n");
        for table in tables {
            let _ = write!(out, "\n### `{}`\n\n{}\n\n", table.name, table.doc);
            let _ = write!(out, "Key: `{}`. Bucket: `{}`.\n\n", table.key.join("`, `"), table.bucket);
            out.push_str("| column | type | meaning |\n|---|---|---|\n");
            for c in &table.columns {
                let null = if c.nullable { ", nullable" } else { "" };
                let _ = writeln!(
                    out,
                    "| `{}` | {}{null} | {} |",
                    c.name,
                    sql_type(&c.data_type),
                    c.doc.replace('|', "\\|")
                );
            }
            for c in table.edge_columns() {
                let _ = writeln!(out, "| `{}` | DOUBLE, computed | {} |", c.name, c.doc);
            }
        }
    }
    out.push_str("\n## Changes\n\nFor `gemba sql --as-of`. Each has the columns of its view besides these.\n");
    for (table, (view, _)) in changes().iter().zip(HISTORY) {
        let _ = write!(out, "\n### `{}`\n\n{}\n\n", table.name, table.doc);
        out.push_str("| column | type | meaning |\n|---|---|---|\n");
        for c in table.columns.iter().take(table.columns.len() - view.table().columns.len()) {
            let _ = writeln!(out, "| `{}` | {} | {} |", c.name, sql_type(&c.data_type), c.doc);
        }
    }
    out
}

/// The DuckDB type in which a column of this Arrow type is stored.
pub fn sql_type(data_type: &arrow::datatypes::DataType) -> String {
    use arrow::datatypes::DataType as D;
    match data_type {
        D::Boolean => "BOOLEAN".into(),
        D::Int32 => "INTEGER".into(),
        D::Int64 => "BIGINT".into(),
        D::UInt16 => "USMALLINT".into(),
        D::UInt32 => "UINTEGER".into(),
        D::UInt64 => "UBIGINT".into(),
        D::Timestamp(..) => "TIMESTAMPTZ".into(),
        D::Utf8 => "VARCHAR".into(),
        D::Binary => "BLOB".into(),
        D::List(item) => format!("{}[]", sql_type(item.data_type())),
        other => unreachable!("no column type maps to {other}"),
    }
}
