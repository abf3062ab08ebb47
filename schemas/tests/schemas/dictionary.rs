//! The registry: every table is whole, and the data dictionary tells of every column.

use gemba_schemas::registry::{dictionary, facts, sql_type, views};
use std::collections::BTreeSet;

#[test]
fn every_column_is_explained() {
    let text = dictionary();
    for table in facts().into_iter().chain(views()) {
        let start = text.find(&format!("### `{}`\n", table.name)).expect("a section for each table");
        let section = &text[start + 4..];
        let section = &section[..section.find("\n#").unwrap_or(section.len())];
        assert!(section.contains(&table.doc) && !table.doc.is_empty(), "{}", table.name);
        for column in &table.columns {
            let row = format!("| `{}` | {}", column.name, sql_type(&column.data_type));
            assert!(section.contains(&row), "{}: {row}", table.name);
            assert!(!column.doc.is_empty(), "{}.{}", table.name, column.name);
        }
        for column in table.edge_columns() {
            assert!(section.contains(&format!("| `{}` |", column.name)), "{}.{}", table.name, column.name);
        }
    }
}

#[test]
fn every_table_is_whole() {
    let all: Vec<_> = facts().into_iter().chain(views()).collect();
    let names: BTreeSet<_> = all.iter().map(|t| t.name).collect();
    assert_eq!(names.len(), all.len(), "names are unique");
    for table in &all {
        let columns: BTreeSet<_> = table.columns.iter().map(|c| c.name).collect();
        assert_eq!(columns.len(), table.columns.len(), "{}: columns are unique", table.name);
        assert!(table.key.iter().all(|k| columns.contains(k)), "{}: key", table.name);
        assert!(columns.contains(table.bucket), "{}: bucket", table.name);
        let lineage = ["camera", "model", "received_at", "worker", "station", "employee", "rules"];
        assert!(lineage.iter().any(|c| columns.contains(c)), "{}: lineage", table.name);
        // Rows are totally ordered and cancel exactly: no floats.
        assert!(table.columns.iter().all(|c| !c.data_type.is_floating()), "{}", table.name);
        let edge: BTreeSet<_> = table.edge_columns().into_iter().map(|c| c.name).collect();
        assert!(edge.iter().all(|e| !columns.contains(e.as_str())), "{}: computed columns have new names", table.name);
        // `at` is a reserved word of DuckDB's SQL.
        assert!(!columns.contains("at"), "{}", table.name);
    }
    for table in facts() {
        assert_eq!(table.key, ["id"], "{}", table.name);
    }
}
