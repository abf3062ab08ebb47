-- What arrived beyond the horizon counts in no other view.
CREATE MACRO is_late(received_at, ts) AS epoch_us(received_at) - epoch_us(ts) > 35 * 86400000000;
CREATE TABLE late AS
SELECT epoch_us(received_at) AS received_at, epoch_us(ts) AS ts, id, 'activity' AS kind FROM activity WHERE is_late(received_at, ts)
UNION ALL
SELECT epoch_us(received_at) AS received_at, epoch_us(ts) AS ts, id, 'production' AS kind FROM production WHERE is_late(received_at, ts)
UNION ALL
SELECT epoch_us(received_at) AS received_at, epoch_us(ts) AS ts, id, 'attendance_mark' AS kind FROM attendance_mark WHERE is_late(received_at, ts)
UNION ALL
SELECT epoch_us(received_at) AS received_at, epoch_us(ts) AS ts, id, 'plate_read' AS kind FROM plate_read WHERE is_late(received_at, ts)
UNION ALL
SELECT epoch_us(received_at) AS received_at, epoch_us(ts) AS ts, id, 'review' AS kind FROM review WHERE is_late(received_at, ts)
UNION ALL
SELECT epoch_us(received_at) AS received_at, epoch_us(ts) AS ts, id, 'frame_export' AS kind FROM frame_export WHERE is_late(received_at, ts)
UNION ALL
SELECT epoch_us(received_at) AS received_at, epoch_us(ts) AS ts, id, 'device_status' AS kind FROM device_status WHERE is_late(received_at, ts);
DELETE FROM activity WHERE is_late(received_at, ts);
DELETE FROM production WHERE is_late(received_at, ts);
DELETE FROM attendance_mark WHERE is_late(received_at, ts);
DELETE FROM plate_read WHERE is_late(received_at, ts);
DELETE FROM review WHERE is_late(received_at, ts);
DELETE FROM frame_export WHERE is_late(received_at, ts);
DELETE FROM device_status WHERE is_late(received_at, ts);

-- Events, and the time that each accounts for.
CREATE TABLE ev AS
SELECT id, epoch_us(ts) AS ts, worker, station, model, model_version, confidence::BIGINT AS confidence, state AS what,
       0 AS units, late_by(received_at, ts) > 3600000000 AS late
FROM activity
UNION ALL
SELECT id, epoch_us(ts), worker, station, model, model_version, confidence::BIGINT, 'product_count', "count",
       late_by(received_at, ts) > 3600000000
FROM production;

CREATE TABLE counted AS
SELECT *, hour_of(ts) AS hour FROM ev, rule_productivity
WHERE NOT require_registered
   OR (worker IN (SELECT worker FROM rule_worker) AND station IN (SELECT station FROM rule_station));

-- Events stand for no time where a camera watches; what it sees is added in `station.sql`.
CREATE TABLE work_time AS
SELECT worker, station, hour, what, event_duration AS us FROM counted
WHERE NOT until_next AND what <> 'product_count' AND station NOT IN (SELECT station FROM rule_station_zone)
UNION ALL
SELECT worker, station, hour_of(m), what, least(b, m + 60000000) - greatest(a, m)
FROM (
    SELECT *, unnest(range(minute_of(a), b, 60000000)) AS m
    FROM (
        SELECT worker, station, what, ts AS a,
               least(ts + max_gap, coalesce(lead(ts) OVER (PARTITION BY worker ORDER BY ts, id), ts + max_gap)) AS b
        FROM counted WHERE until_next AND what <> 'product_count'
    )
    WHERE station NOT IN (SELECT station FROM rule_station_zone)
);
