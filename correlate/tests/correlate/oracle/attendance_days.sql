-- Every shift of every date around the marks and now, with its window; then the marks in it, and the verdict.
-- A day is a number: days since 1970-01-01. `hour_us` is one hour.
WITH constants AS (
    SELECT 3600000000 AS hour_us, 86400000000 AS day_us, (SELECT max(ts) FROM now_at) AS now
), mark AS (
    SELECT id, employee, kind, epoch_us(ts) AS t FROM attendance_mark
), dates AS (
    SELECT unnest(range(
        least((SELECT min(t) // day_us FROM mark), (SELECT min(from_day) FROM rule_shift), now // day_us) - 9,
        greatest((SELECT max(t) // day_us FROM mark), now // day_us) + 9)) AS date
    FROM constants
), shift AS (
    SELECT r.*, date, zone_instant(date * day_us, time_zone) AS day,
           zone_instant(date * day_us + start_us, time_zone) AS a, zone_instant(date * day_us + end_us, time_zone) AS b
    FROM rule_shift r JOIN dates ON (date + 3) % 7 + 1 = weekday, constants
), begun AS (
    SELECT *, greatest(a - 6 * hour_us, least(a, (lag(b) OVER w + a) // 2)) AS w_begin
    FROM shift, constants WINDOW w AS (PARTITION BY employee ORDER BY a, date, shift)
), windows AS (
    SELECT *, least(a + 18 * hour_us, lead(w_begin) OVER w) AS w_end
    FROM begun WINDOW w AS (PARTITION BY employee ORDER BY a, date, shift)
), occasion AS (
    SELECT w.*, date NOT IN (SELECT day FROM rule_holiday)
           AND CASE WHEN from_day IS NULL THEN coalesce(w_end > (SELECT min(t) FROM mark m WHERE m.employee = w.employee), false)
                    ELSE date >= from_day END AS expected
    FROM windows w
), placed AS (
    SELECT m.*, o.shift, o.day FROM mark m JOIN occasion o ON o.employee = m.employee AND w_begin <= t AND t < w_end
), stray AS (
    SELECT *, zone_shows(t, time_zone) // day_us AS date FROM mark, rule_clock, constants
    WHERE id NOT IN (SELECT id FROM placed)
), slots AS (
    SELECT employee, shift, date, day, a, b, w_end, grace_in, grace_out, expected FROM occasion
    UNION ALL
    SELECT DISTINCT employee, '', date, zone_instant(date * day_us, time_zone), NULL, NULL,
           zone_instant((date + 1) * day_us, time_zone), 0, 0, false
    FROM stray
), belongs AS (
    SELECT employee, shift, day, kind, t FROM placed
    UNION ALL SELECT employee, '', zone_instant(date * day_us, time_zone), kind, t FROM stray
), counted AS (
    SELECT employee, shift, day, count(*) AS n, min(t) FILTER (kind = 'in') AS first_in,
           max(t) FILTER (kind = 'in') AS last_in, min(t) FILTER (kind = 'out') AS first_out,
           max(t) FILTER (kind = 'out') AS latest_out
    FROM belongs GROUP BY ALL
), full_rows AS (
    SELECT s.*, coalesce(n, 0) AS n, first_in, last_in, first_out, latest_out, now, hour_us,
           CASE WHEN first_in IS NULL OR latest_out >= first_in THEN latest_out END AS last_out,
           last_in IS NOT NULL AND (latest_out IS NULL OR latest_out < last_in) AS still_in
    FROM slots s LEFT JOIN counted USING (employee, shift, day), constants
    WHERE n > 0 OR (expected AND a <= now)
), judged AS (
    SELECT *, CASE WHEN a IS NULL THEN still_in AND now < w_end ELSE now < b OR (still_in AND now < w_end) END AS open
    FROM full_rows
), measured AS (
    SELECT *, CASE WHEN expected AND first_in > a THEN first_in - a ELSE 0 END AS late_us,
           CASE WHEN expected AND NOT open AND last_out < b THEN b - last_out ELSE 0 END AS early_us
    FROM judged
)
SELECT m.employee, m.day, m.shift, first_in, last_out, a AS shift_start, b AS shift_end, expected,
       CASE WHEN open THEN 'open'
            WHEN expected AND first_in IS NULL THEN 'absent'
            WHEN late_us > grace_in THEN 'late'
            WHEN early_us > grace_out THEN 'early_exit'
            ELSE 'present' END AS status,
       late_us, early_us, coalesce(last_out - first_in, 0) AS present_us,
       late_us BETWEEN 1 AND grace_in OR early_us BETWEEN 1 AND grace_out AS grace_period_applied,
       a IS NULL OR coalesce(first_out < first_in, first_out IS NOT NULL) OR (still_in AND NOT open)
           OR coalesce(last_in - first_in > 12 * hour_us, false) OR coalesce(latest_out - first_out > 12 * hour_us, false)
           AS flagged_for_review,
       n - (first_in IS NOT NULL)::INTEGER - (last_out IS NOT NULL)::INTEGER AS repeats_ignored,
       d.digest AS rules
FROM measured m JOIN digest_attendance d
    ON d.employee = CASE WHEN m.employee IN (SELECT employee FROM rule_shift) THEN m.employee ELSE '' END
    AND d.holiday = CASE WHEN shift <> '' AND date IN (SELECT day FROM rule_holiday) THEN date ELSE -1 END
