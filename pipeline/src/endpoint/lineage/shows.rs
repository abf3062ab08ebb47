//! Facts under a row that no comparison of columns tells: which marks are of a shift, which reads are of a vehicle. Each
//! fact that may be is asked in which row it shows, as when it was reported.

use super::super::{Problem, Shared};
use gemba_schemas::fact::{Fact, FactKind};
use gemba_schemas::view::ViewRow;

/// Whether [`narrow`] has something to say of these facts.
pub(super) fn tells(row: &ViewRow, of: FactKind) -> bool {
    !matches!(row, ViewRow::LateFact(_)) && matches!(of, FactKind::AttendanceMark | FactKind::PlateRead)
}

/// The condition of those facts under a condition that show in the row.
pub(super) fn narrow(shared: &Shared, row: &ViewRow, of: FactKind, condition: &str) -> Result<String, Problem> {
    let batches = super::ask(shared, &format!("FROM {} AS t WHERE {condition}", of.table_name()))?;
    let mut ids = Vec::new();
    for batch in &batches {
        let facts = of.decode(batch).map_err(|e| super::failed(&e.to_string()))?;
        ids.extend(facts.iter().filter(|fact| shows(shared, row, fact)).map(|fact| fact.id().0.to_string()));
    }
    // An empty list is no SQL.
    Ok(if ids.is_empty() { "false".into() } else { format!("t.id IN ({})", ids.join(", ")) })
}

fn shows(shared: &Shared, row: &ViewRow, fact: &Fact) -> bool {
    match (row, fact) {
        (ViewRow::AttendanceDay(_), Fact::AttendanceMark(mark)) => {
            shared.day_of(mark).is_some_and(|day| day.key() == row.key())
        }
        (ViewRow::GateEvent(_), Fact::PlateRead(read)) => {
            shared.reading(read).visit.is_some_and(|visit| visit.key() == row.key())
        }
        // A blocked vehicle is called by its plate.
        (ViewRow::Alert(alert), Fact::PlateRead(read)) => match shared.reading(read).visit {
            Some(ViewRow::GateEvent(visit)) => visit.plate == alert.subject && visit.arrived == alert.opened,
            _ => false,
        },
        (ViewRow::GateReadHour(hour), Fact::PlateRead(read)) => {
            let reading = shared.reading(read);
            reading.reason.unwrap_or(reading.read) == hour.outcome.as_str()
        }
        _ => true,
    }
}
