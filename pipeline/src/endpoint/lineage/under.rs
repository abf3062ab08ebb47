//! The facts that a row follows from, as conditions on their tables: one arm per view.

use super::Facts;
use super::ruled::{Ruled, Span, any, is, of_camera, of_kind, text};
use super::seen::{always, coverage, crossing, ended_sessions, occupancy, session, visit, visits};
use super::work::{Whose, time, work};
use gemba_schemas::fact::FactKind;
use gemba_schemas::id::Name;
use gemba_schemas::rule::AlertKind;
use gemba_schemas::time::{EventTime, Micros};
use gemba_schemas::view::{Alert, NameKind, RetrainRequest, ViewRow};

/// What the last 24 hours have before the last one.
const HOURS_BEFORE: Micros = Micros(23 * Micros::HOUR.0);
/// How long before these the baseline begins that is not pinned.
const MONTH: Micros = Micros(30 * 24 * Micros::HOUR.0);

/// The facts that a row follows from.
pub(super) fn under(row: &ViewRow, ruled: &mut Ruled) -> Vec<Facts> {
    match row {
        ViewRow::PackingSession(r) => session(ruled, r),
        ViewRow::ZoneVisit(r) => visit(r),
        ViewRow::LineCrossing(r) => crossing(ruled, r),
        ViewRow::OccupancyMinute(r) => {
            let minute = Span { from: r.minute, to: r.minute + Micros::MINUTE };
            occupancy(ruled, (r.camera, r.scope_kind, r.scope), minute, r.residual)
        }
        ViewRow::OccupancyHour(r) => {
            let hour = ruled.hour(r.hour);
            occupancy(ruled, (r.camera, r.scope_kind, r.scope), hour, r.residual)
        }
        ViewRow::OccupancyDay(r) => {
            let day = ruled.day(r.day);
            occupancy(ruled, (r.camera, r.scope_kind, r.scope), day, r.residual)
        }
        ViewRow::OccupancyMonth(r) => {
            let month = ruled.month(r.month);
            occupancy(ruled, (r.camera, r.scope_kind, r.scope), month, r.residual)
        }
        ViewRow::DwellDay(r) => {
            let day = ruled.day(r.day).holds("v.entered");
            visits(r.camera, &format!("{} AND {day}", is("v.kind", r.kind)))
        }
        ViewRow::CoverageHour(r) => {
            let hour = ruled.hour(r.hour);
            let faults = format!("{} AND {}", of_camera(r.camera), hour.holds("t.ts"));
            vec![coverage(r.camera, hour), (FactKind::Fault, faults)]
        }
        ViewRow::WorkerHour(r) => {
            let hour = ruled.hour(r.hour);
            work(ruled, Whose::Worker(r.worker), hour)
        }
        ViewRow::StationHour(r) => {
            let hour = ruled.hour(r.hour);
            work(ruled, Whose::Station(r.station), hour)
        }
        ViewRow::FloorHour(r) => {
            let hour = ruled.hour(r.hour);
            work(ruled, Whose::Floor, hour)
        }
        ViewRow::Unregistered(r) => {
            let column = match r.kind {
                NameKind::Worker => "t.worker",
                NameKind::Station => "t.station",
            };
            let span = ruled.hours(r.first_hour, r.last_hour);
            events(&format!("{} AND {}", is(column, r.name), span.holds("t.ts")))
        }
        ViewRow::DriftHour(r) => {
            let subject = [r.event_type, r.model, r.model_version];
            reports_of(r.source, subject, ruled.hour(r.hour))
        }
        ViewRow::RetrainRequest(r) => request(ruled, r),
        ViewRow::QualityHour(r) => {
            let hour = ruled.hour(r.hour);
            let mut facts = ended_sessions(ruled, r.camera, hour);
            let ended = "EXISTS (FROM packing_sessions AS s WHERE s.camera = t.camera AND s.started = t.session AND s.verdict <> 'open')";
            let own = format!("{} AND {}", of_camera(r.camera), hour.holds("t.session"));
            facts.push((FactKind::Review, format!("{own} AND {ended}")));
            facts.push((FactKind::FrameExport, own));
            facts
        }
        ViewRow::QualityCamera(r) => {
            let mut facts = ended_sessions(ruled, r.camera, always());
            let own = of_camera(r.camera);
            facts.extend([(FactKind::Review, own.clone()), (FactKind::FrameExport, own)]);
            facts
        }
        ViewRow::Alert(r) => alert(ruled, r),
        ViewRow::AttendanceDay(r) => {
            // No window begins earlier or ends later.
            let near = Span { from: r.day - Micros(8 * Micros::HOUR.0), to: r.day + Micros(50 * Micros::HOUR.0) };
            vec![(FactKind::AttendanceMark, format!("{} AND {}", is("t.employee", r.employee), near.holds("t.ts")))]
        }
        ViewRow::GateEvent(r) => visit_reads(ruled, r.camera, Span::through(r.arrived, r.left)),
        ViewRow::GateReadHour(r) => {
            let hour = ruled.hour(r.hour).holds("t.ts");
            vec![(FactKind::PlateRead, format!("{} AND {hour}", of_camera(r.camera)))]
        }
        ViewRow::LateFact(r) => FactKind::ALL
            .iter()
            .filter(|k| k.table_name() == r.kind.as_str())
            .map(|k| (*k, format!("t.id = {}", r.id.0)))
            .collect(),
    }
}

/// Events of clients.
fn events(condition: &str) -> Vec<Facts> {
    vec![(FactKind::Activity, condition.to_owned()), (FactKind::Production, condition.to_owned())]
}

/// What one version of a model reported of one kind: event type, model, version.
fn reports_of(source: Name, [what, model, version]: [Name; 3], span: Span) -> Vec<Facts> {
    let model = is("t.model", model);
    let event = format!("{} AND {model} AND {}", is("t.station", source), is("t.model_version", version));
    let (span, point) = (span.holds("t.ts"), format!("{} AND {model}", of_camera(source)));
    // A camera's model has no version.
    let unversioned = version == Name::EMPTY;
    vec![
        (FactKind::Activity, format!("{} AND {event} AND {span}", is("t.state", what))),
        (FactKind::Production, format!("{} AND {event} AND {span}", is("'product_count'", what))),
        (FactKind::TrackPoint, format!("{unversioned} AND {} AND {point} AND {span}", is("t.class", what))),
    ]
}

/// The same, by the words of an alert.
fn reports_called(source: Name, subject: &str, span: Span) -> Vec<Facts> {
    let called = |columns: &[&str]| {
        let columns: Vec<_> = columns.iter().map(|column| format!("nullif({column}, '')")).collect();
        format!("concat_ws(' ', {}) = {}", columns.join(", "), text(subject))
    };
    let (station, span) = (is("t.station", source), span.holds("t.ts"));
    let event = |what: &str| format!("{station} AND {} AND {span}", called(&[what, "t.model", "t.model_version"]));
    let points = format!("{} AND {} AND {span}", of_camera(source), called(&["t.class", "t.model"]));
    vec![
        (FactKind::Activity, event("t.state")),
        (FactKind::Production, event("'product_count'")),
        (FactKind::TrackPoint, points),
    ]
}

/// All reports of a station or camera.
fn reports(source: Name, spans: &[Span]) -> Vec<Facts> {
    let span = any(spans.iter().map(|span| span.holds("t.ts")));
    let mut facts = events(&format!("{} AND {span}", is("t.station", source)));
    facts.push((FactKind::TrackPoint, format!("{} AND {span}", of_camera(source))));
    facts
}

/// All reports that are compared with the baseline in some hours, and those of the baseline.
fn compared(ruled: &Ruled, source: Name, hours: Span) -> Vec<Facts> {
    let current = Span { from: hours.from - HOURS_BEFORE, to: hours.to };
    match ruled.baseline() {
        Some(pinned) => reports(source, &[current, Span { from: pinned.from, to: pinned.until }]),
        None => reports(source, &[Span { from: current.from - MONTH, to: current.to }]),
    }
}

fn request(ruled: &mut Ruled, r: &RetrainRequest) -> Vec<Facts> {
    let hours = ruled.hours(r.from_hour, r.to_hour);
    match r.event_type {
        // Too far from the baseline: about all that report there.
        Name::EMPTY => compared(ruled, r.source, hours),
        what => reports_of(r.source, [what, r.model, r.model_version], hours),
    }
}

fn alert(ruled: &mut Ruled, r: &Alert) -> Vec<Facts> {
    // While it is open all that comes is its own. Of hours the one that resolved it is, too.
    let until = r.resolved.map(|resolved| ruled.hour(resolved).to).unwrap_or(EventTime::MAX);
    let hours = Span { from: r.opened, to: until };
    match r.kind {
        AlertKind::EmptyRate => ended_sessions(ruled, r.camera, hours),
        AlertKind::ExportSuccess => {
            vec![(FactKind::FrameExport, format!("{} AND {}", of_camera(r.camera), hours.holds("t.session")))]
        }
        AlertKind::DeviceOffline => {
            let reports = Span::through(r.opened, r.resolved.unwrap_or(EventTime::MAX)).holds("t.ts");
            vec![(FactKind::DeviceStatus, format!("{} AND {reports}", is("t.device", r.camera)))]
        }
        AlertKind::StationUtilisation => time(ruled, Whose::Station(r.camera), hours),
        AlertKind::FloorUtilisation => time(ruled, Whose::Floor, hours),
        AlertKind::Confidence => reports_called(r.camera, &r.subject, hours),
        AlertKind::BlockedVehicle => {
            let visit = Span::through(r.opened, r.resolved.unwrap_or(EventTime::MAX));
            visit_reads(ruled, r.camera, visit)
        }
        AlertKind::TypeDrift | AlertKind::ConfidenceDrift => compared(ruled, r.camera, hours),
        AlertKind::WorkingShare => {
            let span = Span { from: hours.from - HOURS_BEFORE, ..hours }.holds("t.ts");
            let activity = "t.class IN ('working', 'idle', 'absent')";
            vec![
                (FactKind::Activity, format!("{} AND {span}", is("t.station", r.camera))),
                (FactKind::TrackPoint, format!("{} AND {activity} AND {span}", of_camera(r.camera))),
            ]
        }
        AlertKind::ReportRate => reports(r.camera, &[hours]),
    }
}

/// The reads that may be of one vehicle's visit: misreads of its plate come at most the gap before or after it.
fn visit_reads(ruled: &Ruled, camera: Name, visit: Span) -> Vec<Facts> {
    let gap = of_kind!(ruled, Gate).map(|gate| gate.visit_gap).max().unwrap_or(Micros::ZERO);
    vec![(FactKind::PlateRead, format!("{} AND {}", of_camera(camera), visit.wider(gap).holds("t.ts")))]
}
