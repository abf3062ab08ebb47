-- Stretches of bad hours: after each hour an alert is open if the last hour that was bad or good was bad.
-- `oracle_quality_hours` holds that oracle's answer.
WITH reading AS (
    SELECT camera, 'empty_rate' AS kind, "hour", qr_failed::HUGEINT AS part, sessions::HUGEINT AS whole
    FROM oracle_quality_hours WHERE sessions > 0
    UNION ALL SELECT camera, 'export_success', "hour", exports_ok, exports FROM oracle_quality_hours WHERE exports > 0
), watched AS (
    SELECT r.*, a.alert, a.severity, a.threshold, a.clear, (20000 * part + whole) // (2 * whole) AS score
    FROM reading r JOIN rule_alert a ON a.kind = r.kind AND (a.camera = r.camera OR a.camera IS NULL AND NOT EXISTS (
        FROM rule_alert o WHERE o.camera = r.camera AND o.kind = a.kind AND o.severity = a.severity))
    WHERE whole >= min_samples
), judged AS (
    SELECT *, CASE kind WHEN 'empty_rate' THEN part * 10000 > threshold * whole
                        ELSE part * 10000 < threshold * whole END AS bad,
           CASE kind WHEN 'empty_rate' THEN part * 10000 <= clear * whole ELSE part * 10000 >= clear * whole END AS good
    FROM watched
), stands AS (
    SELECT *, coalesce(last_value(CASE WHEN bad THEN 1 WHEN good THEN 0 END IGNORE NULLS) OVER (
        PARTITION BY camera, alert ORDER BY "hour" ROWS UNBOUNDED PRECEDING), 0) AS is_open
    FROM judged
), turned AS (
    SELECT *, CASE WHEN is_open > coalesce(lag(is_open) OVER (PARTITION BY camera, alert ORDER BY "hour"), 0)
              THEN 1 ELSE 0 END AS opens
    FROM stands
), counted AS (
    SELECT *, sum(opens) OVER (PARTITION BY camera, alert ORDER BY "hour" ROWS UNBOUNDED PRECEDING) AS n FROM turned
), stretches AS (
    SELECT camera, alert, kind, severity, threshold, clear, min("hour") AS opened,
           min("hour") FILTER (is_open = 0) AS resolved, arg_min({'part': part, 'whole': whole, 'score': score}, "hour") AS at_first,
           max(score) FILTER (bad) AS highest, min(score) FILTER (bad) AS lowest,
           sum(whole) FILTER (bad) AS samples, count(*) FILTER (bad) AS hours
    FROM counted WHERE n > 0 GROUP BY camera, alert, kind, severity, threshold, clear, n
)
SELECT s.camera, kind, severity, epoch_us(opened) AS opened, epoch_us(resolved) AS resolved, at_first.score AS value,
       CASE kind WHEN 'empty_rate' THEN highest ELSE lowest END AS worst, threshold, clear, samples, hours,
       at_first.part || ' of ' || at_first.whole
           || CASE kind WHEN 'empty_rate' THEN ' sessions had no code: ' ELSE ' exports worked: ' END
           || printf('%d.%02d %%, ', (at_first.score // 100)::INTEGER, (at_first.score % 100)::INTEGER)
           || CASE kind WHEN 'empty_rate' THEN 'above ' ELSE 'below ' END
           || printf('%d.%02d %%.', (threshold // 100)::INTEGER, (threshold % 100)::INTEGER) AS message,
       coalesce(d.digest, (SELECT o.digest FROM rule_alert_digest o WHERE o.alert = s.alert AND o.camera IS NULL)) AS rules
FROM stretches s LEFT JOIN rule_alert_digest d ON d.alert = s.alert AND d.camera = s.camera
