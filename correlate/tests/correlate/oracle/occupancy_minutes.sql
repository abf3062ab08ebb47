-- The count as a step function of time, over what was seen of each minute.
-- `oracle_zone_visits` and `oracle_line_crossings` hold the answers of those oracles.
WITH scope AS (
    SELECT camera, 'line' AS scope_kind, line AS scope, digest_clock AS rules FROM rule_line
    UNION ALL SELECT camera, 'zone', zone, digest_clock FROM rule_zone
), step AS (
    SELECT camera, 'line' AS scope_kind, line AS scope, epoch_us(ts) AS t, CASE WHEN entry THEN 1 ELSE -1 END AS delta
    FROM oracle_line_crossings
    UNION ALL SELECT camera, 'zone', zone, epoch_us(entered), 1 FROM oracle_zone_visits
    UNION ALL SELECT camera, 'zone', zone, epoch_us("left"), -1 FROM oracle_zone_visits WHERE end_reason <> 'open'
), instants AS (
    SELECT t FROM step UNION SELECT a FROM seen
), dates AS (
    SELECT unnest(generate_series(
        (SELECT date_trunc('day', 'epoch'::TIMESTAMP + to_microseconds(min(t))) - INTERVAL 2 DAY FROM instants),
        (SELECT date_trunc('day', 'epoch'::TIMESTAMP + to_microseconds(max(t))) + INTERVAL 2 DAY FROM instants),
        INTERVAL 1 DAY)) AS d
), resets AS (
    SELECT (epoch_us((d + to_microseconds(day_reset)) AT TIME ZONE time_zone) + 59999999) // 60000000 * 60000000 AS reset
    FROM dates, rule_clock
), day_of AS (
    SELECT m, max(reset) AS day FROM (SELECT DISTINCT minute_of(t) AS m FROM instants) JOIN resets ON reset <= m GROUP BY m
), dated AS (
    SELECT step.*, day FROM step JOIN day_of ON m = minute_of(t)
), cuts AS (
    SELECT camera, scope_kind, scope, rules, a, b FROM seen JOIN scope USING (camera)
), moments AS (
    SELECT camera, scope_kind, scope, rules, a AS t, a, b FROM cuts
    UNION SELECT c.camera, c.scope_kind, c.scope, c.rules, s.t, c.a, c.b
    FROM cuts c JOIN step s USING (camera, scope_kind, scope) WHERE s.t > c.a AND s.t < c.b
), held AS (
    SELECT camera, scope_kind, scope, rules, t AS a,
           coalesce(lead(t) OVER (PARTITION BY camera, scope_kind, scope, a ORDER BY t), b) AS b
    FROM moments
), counted AS (
    SELECT h.*, day, (SELECT coalesce(sum(s.delta), 0) FROM dated s
        WHERE s.camera = h.camera AND s.scope_kind = h.scope_kind AND s.scope = h.scope AND s.t <= h.a
          AND (h.scope_kind = 'zone' OR s.day = day_of.day)) AS n
    FROM held h JOIN day_of ON m = minute_of(h.a)
), minutes AS (
    SELECT camera, scope_kind, scope, rules, day, minute_of(a) AS minute, sum((b - a) * n) AS occupied_us,
           sum(b - a) AS observed_us, max(n) AS max, min(n) AS min
    FROM counted GROUP BY ALL
), chained AS (
    SELECT *, lag(day) OVER (PARTITION BY camera, scope_kind, scope ORDER BY minute) AS day_before FROM minutes
)
SELECT m.camera, m.scope_kind, m.scope, m.minute,
       count(s.t) FILTER (s.delta > 0 AND minute_of(s.t) = m.minute) AS entries,
       count(s.t) FILTER (s.delta < 0 AND minute_of(s.t) = m.minute) AS exits,
       m.occupied_us, m.observed_us, m.max, m.min,
       coalesce(sum(s.delta) FILTER (s.t < m.minute + 60000000 AND (m.scope_kind = 'zone' OR s.day = m.day)), 0) AS last,
       coalesce(sum(s.delta) FILTER (m.scope_kind = 'line' AND s.day < m.day AND coalesce(s.day >= m.day_before, true)), 0)
           AS residual,
       m.rules
FROM chained m LEFT JOIN dated s ON s.camera = m.camera AND s.scope_kind = m.scope_kind AND s.scope = m.scope
GROUP BY m.camera, m.scope_kind, m.scope, m.minute, m.occupied_us, m.observed_us, m.max, m.min, m.rules
