-- What several views stand on, from the definitions. All times are µs since the epoch, as BIGINT.

-- The hour of a minute: its start less what the site's clock shows beyond the whole hour.
CREATE MACRO clock_shows(us) AS
    epoch_us(('epoch'::TIMESTAMPTZ + to_microseconds(us)) AT TIME ZONE (SELECT time_zone FROM rule_clock));
CREATE MACRO minute_of(us) AS us - us % 60000000;
CREATE MACRO hour_of(us) AS minute_of(us) - clock_shows(minute_of(us)) % 3600000000;

-- How late a fact was received; and the digest of the rules of two digests (of one where the other is NULL).
CREATE MACRO late_by(received_at, ts) AS epoch_us(received_at) - epoch_us(ts);
CREATE MACRO of_hex(digits) AS list_reduce(
    list_transform(string_split(digits, ''), lambda c: (instr('0123456789abcdef', c) - 1)::HUGEINT), lambda a, b: a * 16 + b);
CREATE MACRO joined(a, b) AS CASE WHEN b IS NULL THEN a ELSE
    lower(lpad(to_hex(((of_hex(a) + of_hex(b)) % 18446744073709551616::HUGEINT)::UBIGINT), 16, '0')) END;

CREATE TABLE pt AS
SELECT camera, generation, track, epoch_us(ts) AS ts, frame::HUGEINT AS frame, id, class, model,
       ((x0::BIGINT + x1 - (((x0::BIGINT + x1) % 2) + 2) % 2) // 2) * 1000000 // (width::BIGINT * 16) AS x,
       y1::BIGINT * 1000000 // (height::BIGINT * 16) AS y,
       width::HUGEINT AS w, height::HUGEINT AS h
FROM track_point;

CREATE TABLE track_last AS
SELECT camera, generation, track, max(ts) AS last_ts FROM pt GROUP BY ALL;

CREATE TABLE track_reason AS
SELECT camera, generation, track, arg_max(reason, (last_seen, id)) AS reason FROM track_end GROUP BY ALL;

CREATE TABLE generation_end AS
SELECT camera, generation, max(epoch_us(ended)) AS ended FROM coverage WHERE end_reason <> 'continues' GROUP BY ALL;

-- Stretches that some coverage row saw, cut at every start, every end and every minute.
CREATE TABLE cov AS
SELECT camera, epoch_us(started) AS a, least(epoch_us(ended), epoch_us(started) + 86400000000) AS b FROM coverage;
CREATE TABLE seen AS
WITH cuts AS (
    SELECT camera, a AS t FROM cov UNION SELECT camera, b FROM cov
    UNION SELECT camera, unnest(range(minute_of(a), b + 60000000, 60000000)) FROM cov
), spans AS (
    SELECT camera, t AS a, lead(t) OVER (PARTITION BY camera ORDER BY t) AS b FROM cuts
)
SELECT s.camera, s.a, s.b FROM spans s
WHERE s.b IS NOT NULL AND EXISTS (FROM cov c WHERE c.camera = s.camera AND c.a <= s.a AND c.b >= s.b);

-- Dates as the site's clock shows them, and when it first shows each and its month. By trying every quarter hour, on
-- which all dates of the scenes begin, from before the month of the first instant on.
CREATE MACRO date_shown(us) AS clock_shows(us) // 86400000000;
CREATE TABLE local_date AS
WITH instant AS (
    SELECT ts AS t FROM pt UNION ALL SELECT a FROM cov UNION ALL SELECT b FROM cov
), quarter AS (
    SELECT unnest(range(min(t) // 900000000 * 900000000 - 33 * 86400000000, max(t) + 900000000, 900000000)) AS q FROM instant
), shown AS (
    SELECT q, date_shown(q) AS date, date_trunc('month', 'epoch'::TIMESTAMP + to_microseconds(clock_shows(q))) AS m FROM quarter
)
SELECT date, min(q) AS day, min(min(q)) OVER (PARTITION BY m) AS month FROM shown GROUP BY date, m;
-- What a zone's clock shows at an instant, and the instant at which it shows that: the earlier of two, as much later as
-- the clock skips. Both as µs. (DuckDB takes the later of two; clocks are put back by an hour or by half of one.)
CREATE MACRO zone_shows(us, zone) AS epoch_us(('epoch'::TIMESTAMPTZ + to_microseconds(us::BIGINT)) AT TIME ZONE zone);
CREATE MACRO zone_later(shown, zone) AS epoch_us(('epoch'::TIMESTAMP + to_microseconds(shown::BIGINT)) AT TIME ZONE zone);
CREATE MACRO zone_instant(shown, zone) AS zone_later(shown, zone) - CASE
    WHEN zone_shows(zone_later(shown, zone) - 3600000000, zone) = shown THEN 3600000000
    WHEN zone_shows(zone_later(shown, zone) - 1800000000, zone) = shown THEN 1800000000
    ELSE 0 END;
