-- Stretches of bad hours or reports: after each an alert is open if the last that was bad or good was bad.
-- `oracle_quality_hours` holds that oracle's answer.
WITH last_report AS (
    SELECT * FROM device_status QUALIFY row_number() OVER (PARTITION BY device, ts ORDER BY received_at DESC, id DESC) = 1
), reading AS (
    SELECT camera, 'empty_rate' AS kind, "hour" AS t, qr_failed::HUGEINT AS part, sessions::HUGEINT AS whole,
           1 AS hours, sessions AS samples, ' sessions had no code: ' AS words
    FROM oracle_quality_hours WHERE sessions > 0
    UNION ALL
    SELECT camera, 'export_success', "hour", exports_ok, exports, 1, exports, ' exports worked: '
    FROM oracle_quality_hours WHERE exports > 0
    UNION ALL
    SELECT device, 'device_offline', ts, CASE state WHEN 'online' THEN 0 WHEN 'degraded' THEN 1 ELSE 2 END, 2, 0, 1,
           'Reported ' || state || CASE detail WHEN '' THEN '.' ELSE ': ' || detail END
    FROM last_report
), watched AS (
    SELECT r.*, a.alert, a.severity, a.threshold, a.clear, (20000 * part + whole) // (2 * whole) AS score,
           r.kind <> 'export_success' AS high_is_bad
    FROM reading r JOIN rule_alert a ON a.kind = r.kind AND (a.camera = r.camera OR a.camera IS NULL AND NOT EXISTS (
        FROM rule_alert o WHERE o.camera = r.camera AND o.kind = a.kind AND o.severity = a.severity))
    WHERE samples >= min_samples OR r.kind = 'device_offline'
), judged AS (
    SELECT *, CASE WHEN high_is_bad THEN part * 10000 > threshold * whole ELSE part * 10000 < threshold * whole END AS bad,
           CASE WHEN high_is_bad THEN part * 10000 <= clear * whole ELSE part * 10000 >= clear * whole END AS good
    FROM watched
), stands AS (
    SELECT *, coalesce(last_value(CASE WHEN bad THEN 1 WHEN good THEN 0 END IGNORE NULLS) OVER (
        PARTITION BY camera, alert ORDER BY t ROWS UNBOUNDED PRECEDING), 0) AS is_open
    FROM judged
), turned AS (
    SELECT *, CASE WHEN is_open > coalesce(lag(is_open) OVER (PARTITION BY camera, alert ORDER BY t), 0)
              THEN 1 ELSE 0 END AS opens
    FROM stands
), counted AS (
    SELECT *, sum(opens) OVER (PARTITION BY camera, alert ORDER BY t ROWS UNBOUNDED PRECEDING) AS n FROM turned
), stretches AS (
    SELECT camera, alert, kind, severity, threshold, clear, min(t) AS opened, min(t) FILTER (is_open = 0) AS resolved,
           arg_min({'part': part, 'whole': whole, 'score': score, 'words': words}, t) AS at_first,
           CASE WHEN high_is_bad THEN max(score) FILTER (bad) ELSE min(score) FILTER (bad) END AS worst,
           sum(samples) FILTER (bad) AS samples, coalesce(sum(hours) FILTER (bad), 0) AS hours
    FROM counted WHERE n > 0 GROUP BY camera, alert, kind, severity, threshold, clear, high_is_bad, n
)
SELECT s.camera, kind, severity, epoch_us(opened) AS opened, epoch_us(resolved) AS resolved, at_first.score AS value,
       worst, threshold, clear, samples, hours,
       CASE kind WHEN 'device_offline' THEN at_first.words
       ELSE at_first.part || ' of ' || at_first.whole || at_first.words
           || printf('%d.%02d %%, ', (at_first.score // 100)::INTEGER, (at_first.score % 100)::INTEGER)
           || CASE kind WHEN 'empty_rate' THEN 'above ' ELSE 'below ' END
           || printf('%d.%02d %%.', (threshold // 100)::INTEGER, (threshold % 100)::INTEGER) END AS message,
       CASE kind WHEN 'device_offline' THEN (SELECT digest FROM rule_alert a WHERE a.alert = s.alert)
       ELSE coalesce(d.digest, (SELECT o.digest FROM rule_alert_digest o WHERE o.alert = s.alert AND o.camera IS NULL))
       END AS rules
FROM stretches s LEFT JOIN rule_alert_digest d ON d.alert = s.alert AND d.camera = s.camera
