//! Who was at work, and when.

use crate::id::Name;
use crate::time::{EventTime, Micros};
use crate::{row, text_enum};

text_enum! {
    /// How a day at work is to be judged.
    pub enum AttendanceStatus {
        /// Nothing to say against it.
        Present = "present",
        /// Came after the start and its grace.
        Late = "late",
        /// Not late, but went before the end less its grace.
        EarlyExit = "early_exit",
        /// Was expected, and there is no mark `in`.
        Absent = "absent",
        /// Not over yet.
        Open = "open",
    }
}

row! {
    /// One employee's shift of one day. It runs from start to end on its zone's clock (the earlier of an hour shown
    /// twice; as much later as the clock skips). Its window begins 6 h before the start, but not before the middle
    /// between the end of the employee's shift before (by start) and this start, and not after this start; it ends 18 h
    /// after the start, or where the next window begins. A mark belongs to the window that it is in. Marks in no
    /// window make a row without a shift for each date of the site's clock. A shift is expected from its rule's `from`
    /// on; without one, if its window ends after the employee's first mark; never on a holiday. There is a row for
    /// every shift that has marks, and for every expected one that has begun by `now`. A row is `open` until the
    /// shift's end, and while the employee is in (the last mark is an `in`; of two at once the `out` is the last) until
    /// its window (without a shift: the date) is over; then it is judged.
    pub struct AttendanceDay in "attendance_days", key(employee, day, shift), bucket(day) {
        /// Employee.
        pub employee: Name,
        /// Midnight of the date on which the shift starts, by its zone's clock.
        pub day: EventTime,
        /// Name of the shift; empty without one.
        pub shift: Name,
        /// First mark `in`.
        pub first_in: Option<EventTime>,
        /// Last mark `out` that is not before `first_in`.
        pub last_out: Option<EventTime>,
        /// Start of the shift.
        pub shift_start: Option<EventTime>,
        /// End of the shift.
        pub shift_end: Option<EventTime>,
        /// Whether the shift was expected. What was not is neither late nor early nor absent.
        pub expected: bool,
        /// `open` as long as it is; else of an expected shift `absent` without a mark `in`, `late` if `first_in` is more
        /// than `grace_in` after the start, `early_exit` if `last_out` is more than `grace_out` before the end; else `present`.
        pub status: AttendanceStatus,
        /// How long after an expected start `first_in` was, within grace or not, µs.
        pub late_us: Micros,
        /// How long before an expected end `last_out` was, within grace or not, µs; 0 while open.
        pub early_us: Micros,
        /// `last_out − first_in`, µs; 0 without either.
        pub present_us: Micros,
        /// Whether `late_us` or `early_us` is above 0 and within its grace.
        pub grace_period_applied: bool,
        /// Whether somebody should look: no shift, an `out` with no `in` before it, still in when the row is no longer
        /// open, or two marks of one kind more than 12 h apart.
        pub flagged_for_review: bool,
        /// Marks other than `first_in` and `last_out`.
        pub repeats_ignored: u32,
        /// Digest of the rules that shaped the row: the employee's shifts, the site's clock, the day's holiday.
        pub rules: Name,
    }
}
