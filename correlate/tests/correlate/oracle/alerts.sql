-- Stretches of bad hours or reports: after each an alert is open if the last that was bad or good was bad; and visits of
-- blocked vehicles. `oracle_quality_hours` and the like hold those oracles' answers. Times are µs.
WITH last_report AS (
    SELECT * FROM device_status QUALIFY row_number() OVER (PARTITION BY device, ts ORDER BY received_at DESC, id DESC) = 1
), reading AS (
    SELECT camera, '' AS subject, 'empty_rate' AS kind, epoch_us("hour") AS t, qr_failed::HUGEINT AS part,
           sessions::HUGEINT AS whole, 1 AS hours, sessions AS samples,
           qr_failed || ' of ' || sessions || ' sessions had no code: ' AS words, rules AS hour_rules,
           NULL::VARCHAR AS statistic, NULL::BIGINT AS enough
    FROM oracle_quality_hours WHERE sessions > 0
    UNION ALL
    SELECT camera, '', 'export_success', epoch_us("hour"), exports_ok, exports, 1, exports,
           exports_ok || ' of ' || exports || ' exports worked: ', rules, NULL, NULL
    FROM oracle_quality_hours WHERE exports > 0
    UNION ALL
    SELECT station, '', 'station_utilisation', epoch_us("hour"), working_us, working_us + idle_us, 1,
           (working_us + idle_us) // 1000000,
           working_us // 1000000 || ' s of work in ' || (working_us + idle_us) // 1000000 || ' s of presence: ', rules,
           NULL, NULL
    FROM oracle_station_hours WHERE working_us + idle_us > 0
    UNION ALL
    SELECT '', '', 'floor_utilisation', epoch_us("hour"), worker_utilisation_ppm, workers * 1000000, 1,
           (active_us + idle_us) // 1000000, 'Mean utilisation of ' || workers || ' workers: ', rules, NULL, NULL
    FROM oracle_floor_hours WHERE workers > 0
    UNION ALL
    SELECT source, array_to_string(list_filter([event_type, model, model_version], lambda x: x <> ''), ' '), 'confidence',
           epoch_us("hour"), confidence_sum, "count" * 10000, 1, "count", 'Mean confidence of ' || "count" || ' reports: ',
           (SELECT digest FROM digest_clock), NULL, NULL
    FROM oracle_drift_hours
    UNION ALL
    SELECT device, '', 'device_offline', epoch_us(ts), CASE state WHEN 'online' THEN 0 WHEN 'degraded' THEN 1 ELSE 2 END,
           2, 0, 1, 'Reported ' || state || CASE detail WHEN '' THEN '.' ELSE ': ' || detail END, NULL, NULL, NULL
    FROM last_report
    UNION ALL
    SELECT source, '', kind, t, unnest([psi, kl, js]), 1000000, 1, reports,
           unnest(['PSI', 'KL', 'JS']) || CASE kind WHEN 'type_drift' THEN ' of event types, ' ELSE ' of confidences, ' END
               || current || ' reports in 24 h against ' || baseline || ': ',
           joined((SELECT digest FROM digest_clock), (SELECT min(digest) FROM rule_baseline)),
           unnest(['psi', 'kl', 'js']), least(current, baseline)
    FROM divergence JOIN source_hour USING (source, t)
    UNION ALL
    SELECT source, '', 'working_share', t, working, whole, 1, reports,
           working || ' of ' || whole || ' reports in 24 h are of work: ', (SELECT digest FROM digest_clock), NULL, whole
    FROM worked JOIN source_hour USING (source, t)
    UNION ALL
    -- Sixty times a hundred of an hour are one hundredth of a report a minute, of which a value has 10 000.
    SELECT source, '', 'report_rate', t, reports, 6000, 1, reports, reports || ' reports in an hour: ',
           (SELECT digest FROM digest_clock), NULL, reports
    FROM source_hour WHERE t + 3600000000 <= (SELECT max(ts) FROM now_at)
), came_late AS (
    SELECT 'export_success' AS kind, camera, '' AS subject, hour_of(epoch_us(session)) AS t
    FROM frame_export WHERE late_by(received_at, ts) > 3600000000
    UNION ALL
    SELECT 'device_offline', device, '', epoch_us(ts) FROM device_status WHERE late_by(received_at, ts) > 3600000000
    UNION ALL
    SELECT unnest(['station_utilisation', 'floor_utilisation']), unnest([station, '']), '', hour FROM counted
    WHERE late AND what <> 'product_count' AND station NOT IN (SELECT station FROM rule_station_zone)
    UNION ALL
    SELECT 'confidence', station, array_to_string(list_filter([what, model, model_version], lambda x: x <> ''), ' '),
           hour_of(ts) FROM ev WHERE late
    UNION ALL
    SELECT unnest(['type_drift', 'confidence_drift', 'working_share', 'report_rate']), station, '', hour_of(ts)
    FROM ev WHERE late
), watched AS (
    SELECT r.*, a.alert, a.severity, a.threshold, a.clear, least((20000 * part + whole) // (2 * whole), 65535) AS score,
           a.high_is_bad
    FROM reading r JOIN rule_alert a ON a.kind = r.kind AND (a.camera = r.camera OR a.camera IS NULL AND NOT EXISTS (
        FROM rule_alert o WHERE o.camera = r.camera AND o.kind = a.kind AND o.severity = a.severity
            AND o.high_is_bad = a.high_is_bad))
    WHERE (coalesce(enough, samples) >= min_samples OR r.kind = 'device_offline')
        AND r.statistic IS NOT DISTINCT FROM a.statistic
), judged AS (
    SELECT *, CASE WHEN high_is_bad THEN part * 10000 > threshold * whole ELSE part * 10000 < threshold * whole END AS bad,
           CASE WHEN high_is_bad THEN part * 10000 <= clear * whole ELSE part * 10000 >= clear * whole END AS good
    FROM watched
), stands AS (
    SELECT *, coalesce(last_value(CASE WHEN bad THEN 1 WHEN good THEN 0 END IGNORE NULLS) OVER (
        PARTITION BY camera, subject, alert ORDER BY t ROWS UNBOUNDED PRECEDING), 0) AS is_open
    FROM judged
), turned AS (
    SELECT *, CASE WHEN is_open > coalesce(lag(is_open) OVER (PARTITION BY camera, subject, alert ORDER BY t), 0)
              THEN 1 ELSE 0 END AS opens
    FROM stands
), counted_up AS (
    SELECT *, sum(opens) OVER (PARTITION BY camera, subject, alert ORDER BY t ROWS UNBOUNDED PRECEDING) AS n FROM turned
), stretches AS (
    SELECT camera, subject, alert, kind, severity, threshold, clear, min(t) AS opened,
           min(t) FILTER (is_open = 0) AS resolved,
           arg_min({'score': score, 'words': words, 'rules': hour_rules}, t) AS at_first,
           CASE WHEN high_is_bad THEN max(score) FILTER (bad) ELSE min(score) FILTER (bad) END AS worst, high_is_bad,
           sum(samples) FILTER (bad) AS samples, coalesce(sum(hours) FILTER (bad), 0) AS hours
    FROM counted_up WHERE n > 0 GROUP BY camera, subject, alert, kind, severity, threshold, clear, high_is_bad, n
)
SELECT s.camera, kind, severity, subject, opened, resolved, at_first.score AS value, worst, threshold, clear, samples, hours,
       EXISTS (FROM came_late l WHERE l.kind = s.kind AND l.camera = s.camera AND l.subject = s.subject
               AND l.t >= s.opened AND (s.resolved IS NULL OR l.t <= s.resolved)) AS late,
       CASE kind WHEN 'device_offline' THEN at_first.words
       ELSE at_first.words
           || figure(kind, at_first.score) || CASE WHEN s.high_is_bad THEN ', above ' ELSE ', below ' END
           || figure(kind, threshold) || '.' END AS message,
       joined((SELECT digest FROM rule_alert a WHERE a.alert = s.alert), at_first.rules) AS rules
FROM stretches s
UNION ALL
SELECT e.camera, a.kind, a.severity, plate, epoch_us(arrived), epoch_us("left"), 10000, 10000, a.threshold, a.clear, reads, 0,
       EXISTS (FROM gate_read r WHERE r.camera = e.camera AND r.plate = e.plate AND r.late
               AND r.t BETWEEN epoch_us(e.arrived) AND epoch_us(e."left")),
       plate || ' is blocked' || CASE reason WHEN '' THEN '.' ELSE ': ' || reason || '.' END
           || CASE WHEN retroactive THEN ' It was listed only later.' ELSE '' END,
       joined(a.digest, rules)
FROM oracle_gate_events e JOIN rule_alert a ON a.kind = 'blocked_vehicle' AND (
    a.camera = e.camera OR a.camera IS NULL AND NOT EXISTS (
        FROM rule_alert o WHERE o.camera = e.camera AND o.kind = a.kind AND o.severity = a.severity))
WHERE status = 'blocked'
