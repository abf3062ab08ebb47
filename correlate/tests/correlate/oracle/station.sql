-- What cameras see of workstations, from the definitions: presences, spells of motion, badges; then every stretch of
-- time in which none of them changes, with what it is and whose. `oracle_zone_visits` holds that oracle's answer.
CREATE TABLE station_presence AS
WITH visit AS (
    SELECT z.camera, z.zone, z.bridge, epoch_us(entered) AS a, epoch_us("left") AS b
    FROM oracle_zone_visits v JOIN rule_station_zone z USING (camera, zone) WHERE counted AND v.kind = 'station'
), marked AS (
    SELECT *, coalesce(a - max(b) OVER (
        PARTITION BY camera, zone ORDER BY a, b ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) > bridge, true) AS begins FROM visit
), numbered AS (
    SELECT *, count(*) FILTER (begins) OVER (PARTITION BY camera, zone ORDER BY a, b ROWS UNBOUNDED PRECEDING) AS n
    FROM marked
)
SELECT camera, zone, n, min(a) AS a, max(b) AS b FROM numbered GROUP BY ALL;

CREATE TABLE station_spell AS
WITH samples AS (
    SELECT camera, area, epoch_us(started) AS started, unnest(offsets_ms) AS ms, unnest(energies) AS energy FROM motion_span
), moving AS (
    SELECT DISTINCT z.camera, z.zone, z.idle_after, started + ms::BIGINT * 1000 AS t
    FROM samples s JOIN rule_station_zone z ON z.camera = s.camera AND z.area = s.area WHERE energy >= working_energy
), marked AS (
    SELECT *, coalesce(t - lag(t) OVER (PARTITION BY camera, zone ORDER BY t) > idle_after, true) AS begins FROM moving
), numbered AS (
    SELECT *, count(*) FILTER (begins) OVER (PARTITION BY camera, zone ORDER BY t ROWS UNBOUNDED PRECEDING) AS n FROM marked
)
SELECT camera, zone, min(t) AS a, max(t) AS b FROM numbered GROUP BY camera, zone, n;

-- A badge counts from its first sighting in a presence on.
CREATE TABLE station_badge AS
SELECT p.camera, p.zone, p.n, b.worker, greatest(epoch_us(first_seen), p.a) AS t,
       greatest(epoch_us(last_seen), epoch_us(first_seen)) AS last_t
FROM station_presence p JOIN rule_station_zone z USING (camera, zone)
JOIN code_read r ON r.camera = z.camera AND r.area = z.area JOIN rule_badge b ON b.badge = r.text
WHERE z.badges AND greatest(epoch_us(first_seen), p.a) <= least(greatest(epoch_us(last_seen), epoch_us(first_seen)), p.b);

CREATE TABLE station_time AS
WITH cuts AS (
    SELECT z.zone, z.camera, a AS t FROM seen JOIN rule_station_zone z USING (camera)
    UNION SELECT z.zone, z.camera, b FROM seen JOIN rule_station_zone z USING (camera)
    UNION SELECT zone, camera, unnest([a, b]) FROM station_presence
    UNION SELECT zone, camera, unnest([a, b]) FROM station_spell
    UNION SELECT zone, camera, t FROM station_badge
), steps AS (
    SELECT camera, zone, t AS a, lead(t) OVER (PARTITION BY camera, zone ORDER BY t) AS b FROM cuts
), observed AS (
    SELECT s.* FROM steps s WHERE EXISTS (FROM seen o WHERE o.camera = s.camera AND o.a <= s.a AND s.b <= o.b)
), there AS (
    SELECT o.*, z.station, z.worker AS own, p.n, EXISTS (
        FROM station_spell m WHERE m.camera = o.camera AND m.zone = o.zone AND m.a <= o.a AND o.b <= m.b
    ) AS moving
    FROM observed o JOIN rule_station_zone z USING (camera, zone)
    LEFT JOIN station_presence p ON p.camera = o.camera AND p.zone = o.zone AND p.a <= o.a AND o.b <= p.b
)
SELECT station, coalesce((
           SELECT first(d.worker ORDER BY t DESC, last_t DESC, d.worker) FROM station_badge d
           WHERE d.camera = there.camera AND d.zone = there.zone AND d.n = there.n AND d.t <= there.a
       ), own) AS worker,
       hour_of(a) AS hour, CASE WHEN n IS NULL THEN 'absent' WHEN moving THEN 'working' ELSE 'idle' END AS what, b - a AS us
FROM there;
INSERT INTO work_time SELECT worker, station, hour, what, us FROM station_time;
