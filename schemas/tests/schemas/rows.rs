//! Every registered row type survives the way through Arrow, whatever its columns hold.

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use gemba_schemas::column::ColumnError;
use gemba_schemas::fact::*;
use gemba_schemas::geometry::Quad;
use gemba_schemas::id::{FactId, Generation, Name};
use gemba_schemas::score::Score;
use gemba_schemas::time::{EventTime, Micros};
use gemba_schemas::view::*;
use proptest::prelude::*;
use std::sync::Arc;

/// A source of values for columns: one number, spread differently for each use.
struct Seed(u64);

impl Seed {
    fn next(&mut self) -> u64 {
        // splitmix64 (Steele, Lea, Flood 2014).
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
    fn one<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.next() as usize % all.len()]
    }
    fn many<T>(&mut self, make: impl Fn(&mut Self) -> T) -> Vec<T> {
        (0..self.next() % 4).map(|_| make(self)).collect()
    }
    fn time(&mut self) -> EventTime {
        match self.next() % 8 {
            0 => EventTime::MIN,
            1 => EventTime::MAX,
            _ => EventTime(self.next() as i64),
        }
    }
    fn maybe<T>(&mut self, make: impl Fn(&mut Self) -> T) -> Option<T> {
        (self.next().is_multiple_of(2)).then(|| make(self))
    }
    fn text(&mut self) -> String {
        self.one(&["", "bench", "größe \u{0}\n", "'; --", "現場"]).into()
    }
    fn name(&mut self) -> Name {
        Name::new(&self.text())
    }
    fn id(&mut self) -> FactId {
        FactId(self.next())
    }
    fn generation(&mut self) -> Generation {
        Generation(self.next() as i64)
    }
    fn micros(&mut self) -> Micros {
        Micros(self.next() as i64)
    }
    fn u16(&mut self) -> u16 {
        self.next() as u16
    }
    fn u32(&mut self) -> u32 {
        self.next() as u32
    }
    fn i32(&mut self) -> i32 {
        self.next() as i32
    }
    fn quad(&mut self) -> Quad {
        Quad(std::array::from_fn(|_| self.i32()))
    }

    fn fact(&mut self, kind: FactKind) -> Fact {
        let (id, camera, generation) = (self.id(), self.name(), self.generation());
        match kind {
            FactKind::Coverage => Fact::from(Coverage {
                id,
                camera,
                generation,
                segment: self.u32(),
                started: self.time(),
                ended: self.time(),
                first_frame: self.next(),
                last_frame: self.next(),
                width: self.u16(),
                height: self.u16(),
                frames_seen: self.u32(),
                frames_decoded: self.u32(),
                frames_skipped: self.u32(),
                frames_corrupt: self.u32(),
                file: self.name(),
                clock: self.one(Clock::ALL),
                end_reason: self.one(CoverageEnd::ALL),
                footage: self.name(),
                vision: self.name(),
            }),
            FactKind::CodeRead => Fact::from(CodeRead {
                id,
                camera,
                generation,
                area: self.name(),
                text: self.text(),
                payload: self.many(|s| s.next() as u8),
                first_seen: self.time(),
                last_seen: self.time(),
                sightings: self.u32(),
                first_frame: self.next(),
                last_frame: self.next(),
                corners: self.quad(),
                area_px: self.u32(),
                decoder: self.one(Decoder::ALL),
                attempt: self.one(Attempt::ALL),
            }),
            FactKind::CodeMiss => Fact::from(CodeMiss {
                id,
                camera,
                generation,
                area: self.name(),
                first_seen: self.time(),
                last_seen: self.time(),
                sightings: self.u32(),
                first_frame: self.next(),
                last_frame: self.next(),
                corners: self.quad(),
                area_px: self.u32(),
            }),
            FactKind::MotionSpan => Fact::from(MotionSpan {
                id,
                camera,
                generation,
                area: self.name(),
                started: self.time(),
                ended: self.time(),
                first_frame: self.next(),
                last_frame: self.next(),
                offsets_ms: self.many(Self::u32),
                energies: self.many(Self::u16),
            }),
            FactKind::TrackPoint => Fact::from(TrackPoint {
                id,
                camera,
                generation,
                track: self.u32(),
                ts: self.time(),
                frame: self.next(),
                class: self.name(),
                score: Score(self.u16()),
                x0: self.i32(),
                y0: self.i32(),
                x1: self.i32(),
                y1: self.i32(),
                width: self.u16(),
                height: self.u16(),
                model: self.name(),
            }),
            FactKind::TrackEnd => Fact::from(TrackEnd {
                id,
                camera,
                generation,
                track: self.u32(),
                class: self.name(),
                first_seen: self.time(),
                last_seen: self.time(),
                last_frame: self.next(),
                detections: self.u32(),
                reason: self.one(TrackEndReason::ALL),
                model: self.name(),
            }),
            FactKind::Fault => Fact::from(Fault {
                id,
                camera,
                generation,
                ts: self.time(),
                frame: self.next(),
                file: self.name(),
                stage: self.one(Stage::ALL),
                kind: self.one(FaultKind::ALL),
                detail: self.text(),
                count: self.u32(),
            }),
        }
    }

    fn view(&mut self, kind: ViewKind) -> ViewRow {
        let (camera, generation, rules) = (self.name(), self.generation(), self.name());
        match kind {
            ViewKind::PackingSession => ViewRow::from(PackingSession {
                camera,
                profile: self.name(),
                started: self.time(),
                ended: self.maybe(Self::time),
                duration_us: self.micros(),
                status: self.one(SessionStatus::ALL),
                verdict: self.one(SessionVerdict::ALL),
                codes: self.many(Self::text),
                code_misses: self.u32(),
                first_code_at: self.maybe(Self::time),
                generation,
                first_frame: self.next(),
                last_frame: self.maybe(Self::next),
                rules,
            }),
            ViewKind::ZoneVisit => ViewRow::from(ZoneVisit {
                camera,
                generation,
                track: self.u32(),
                zone: self.name(),
                kind: self.name(),
                class: self.name(),
                entered: self.time(),
                left: self.time(),
                dwell_us: self.micros(),
                counted: self.one(&[false, true]),
                end_reason: self.one(VisitEnd::ALL),
                points: self.u32(),
                first_frame: self.next(),
                last_frame: self.next(),
                model: self.name(),
                rules,
            }),
            ViewKind::LineCrossing => ViewRow::from(LineCrossing {
                camera,
                generation,
                track: self.u32(),
                line: self.name(),
                ts: self.time(),
                from_side: self.name(),
                to_side: self.name(),
                entry: self.one(&[false, true]),
                class: self.name(),
                first_frame: self.next(),
                last_frame: self.next(),
                model: self.name(),
                rules,
            }),
            ViewKind::OccupancyMinute => ViewRow::from(OccupancyMinute {
                camera,
                scope_kind: self.one(ScopeKind::ALL),
                scope: self.name(),
                minute: self.time(),
                entries: self.u32(),
                exits: self.u32(),
                occupied_us: self.micros(),
                observed_us: self.micros(),
                max: self.i32(),
                min: self.i32(),
                last: self.i32(),
                residual: self.i32(),
                rules,
            }),
            ViewKind::OccupancyHour => ViewRow::from(OccupancyHour {
                camera,
                scope_kind: self.one(ScopeKind::ALL),
                scope: self.name(),
                hour: self.time(),
                entries: self.u32(),
                exits: self.u32(),
                occupied_us: self.micros(),
                observed_us: self.micros(),
                max: self.i32(),
                min: self.i32(),
                residual: self.i32(),
                rules,
            }),
            ViewKind::CoverageHour => ViewRow::from(CoverageHour {
                camera,
                hour: self.time(),
                observed_us: self.micros(),
                frames_seen: self.next(),
                frames_decoded: self.next(),
                frames_skipped: self.next(),
                frames_corrupt: self.next(),
                faults: self.next(),
                generations: self.u32(),
                first_seen: self.time(),
                last_seen: self.time(),
            }),
        }
    }
}

/// The batch with its columns in reverse and one more: columns are found by name.
fn rearranged(batch: &RecordBatch) -> RecordBatch {
    let schema = batch.schema();
    let mut fields: Vec<_> = schema.fields().iter().cloned().collect();
    let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
    fields.reverse();
    columns.reverse();
    fields.push(Arc::new(Field::new("added later", DataType::Utf8, true)));
    columns.push(Arc::new(StringArray::new_null(batch.num_rows())));
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("same lengths")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn facts_come_back_from_arrow(seed: u64, rows in 0usize..20) {
        let mut seed = Seed(seed);
        for kind in FactKind::ALL {
            let facts: Vec<Fact> = (0..rows).map(|_| seed.fact(*kind)).collect();
            let batch = kind.encode(facts.iter());
            prop_assert_eq!(&kind.decode(&batch), &Ok(facts.clone()));
            prop_assert_eq!(kind.decode(&rearranged(&batch)), Ok(facts));
        }
    }

    #[test]
    fn view_rows_come_back_from_arrow(seed: u64, rows in 0usize..20) {
        let mut seed = Seed(seed);
        for kind in ViewKind::ALL {
            let views: Vec<ViewRow> = (0..rows).map(|_| seed.view(*kind)).collect();
            let batch = kind.encode(views.iter());
            prop_assert_eq!(&kind.decode(&batch), &Ok(views.clone()));
            prop_assert_eq!(kind.decode(&rearranged(&batch)), Ok(views));
        }
    }

    #[test]
    fn facts_come_back_from_json(seed: u64) {
        let mut seed = Seed(seed);
        for kind in FactKind::ALL {
            let fact = seed.fact(*kind);
            let text = serde_json::to_string(&fact).expect("facts are plain data");
            prop_assert_eq!(serde_json::from_str::<Fact>(&text).expect("its own text"), fact);
        }
    }
}

#[test]
fn one_batch_takes_the_facts_of_its_kind_alone() {
    let mut seed = Seed(1);
    let mixed: Vec<Fact> = (0..21).map(|i| seed.fact(FactKind::ALL[i % FactKind::ALL.len()])).collect();
    for kind in FactKind::ALL {
        let own: Vec<_> = mixed.iter().filter(|f| f.kind() == *kind).cloned().collect();
        assert_eq!(own.len(), 3);
        assert_eq!(kind.decode(&kind.encode(mixed.iter())), Ok(own));
    }
}

#[test]
fn the_key_and_bucket_columns_are_what_the_registry_says() {
    let mut seed = Seed(2);
    for kind in ViewKind::ALL {
        let row = seed.view(*kind);
        assert_eq!(row.key().len(), kind.table().key.len());
        assert_eq!(ViewKind::by_name(kind.table().name), Some(*kind));
    }
    assert_eq!(ViewKind::by_name("nothing"), None);
}

#[test]
fn what_is_no_row_of_this_kind_is_an_error() {
    let batch = FactKind::Fault.encode([Seed(3).fact(FactKind::Fault)].iter());
    assert_eq!(FactKind::Coverage.decode(&batch), Err(ColumnError::Missing("segment")));

    // A stage that this build does not know: an error, and no other stage in its place.
    let stage = batch.schema().index_of("stage").expect("a column of faults");
    let mut columns = batch.columns().to_vec();
    columns[stage] = Arc::new(StringArray::from(vec!["telepathy"]));
    let other = RecordBatch::try_new(batch.schema(), columns.clone()).expect("same types");
    let error = FactKind::Fault.decode(&other);
    assert_eq!(error, Err(ColumnError::Value { value: "telepathy".into(), kind: "Stage" }));

    let mut fields: Vec<_> = batch.schema().fields().iter().cloned().collect();
    let frame = batch.schema().index_of("frame").expect("a column of faults");
    fields[frame] = Arc::new(Field::new("frame", DataType::Boolean, false));
    columns[frame] = Arc::new(arrow::array::BooleanArray::from(vec![true]));
    let other = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("same lengths");
    assert!(matches!(FactKind::Fault.decode(&other), Err(ColumnError::Type { .. })));
}
