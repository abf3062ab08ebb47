-- Runs of unsure hours among the hours with enough reports; and of hours whose reports are too far from the baseline.
WITH enough AS (
    SELECT h.*, confidence_sum < min_confidence * "count" AS unsure, min_confidence, sustained, digest
    FROM oracle_drift_hours h, rule_drift WHERE "count" >= min_samples
), numbered AS (
    SELECT *, count(*) FILTER (NOT unsure) OVER (
        PARTITION BY source, event_type, model, model_version ORDER BY hour ROWS UNBOUNDED PRECEDING
    ) AS run FROM enough
), runs AS (
    SELECT source, event_type, model, model_version, run, epoch_us(min(hour)) AS from_hour, epoch_us(max(hour)) AS to_hour,
           count(*) AS hours, sum("count") AS samples, sum(confidence_sum) // sum("count") AS confidence,
           any_value(min_confidence) AS bound, any_value(sustained) AS sustained, any_value(digest) AS rules
    FROM numbered WHERE unsure GROUP BY ALL
)
SELECT * EXCLUDE (run, bound, sustained),
       CASE WHEN confidence + 1000 < bound THEN 'high' ELSE 'normal' END AS priority,
       printf('mean confidence %d.%04d below %d.%04d in %d hours of %d reports', (confidence // 10000)::BIGINT,
              (confidence % 10000)::BIGINT, (bound // 10000)::BIGINT, (bound % 10000)::BIGINT, hours::BIGINT,
              samples::BIGINT) AS reason
FROM runs WHERE hours >= sustained
UNION ALL BY NAME
SELECT source, '' AS event_type, '' AS model, '' AS model_version, epoch_us(min("hour")) AS from_hour,
       epoch_us(max("hour")) AS to_hour, count(*) AS hours, sum(reports) AS samples,
       sum(confidences) // sum(reports) AS confidence,
       CASE WHEN max(greatest(types, bins)) > 2 * any_value(most) THEN 'high' ELSE 'normal' END AS priority,
       printf('PSI of %s up to %d.%04d above %d.%04d in %d hours of %d reports',
              CASE WHEN max(types) >= max(bins) THEN 'event types' ELSE 'confidences' END,
              ((max(greatest(types, bins)) + 50) // 1000000)::BIGINT,
              ((max(greatest(types, bins)) + 50) % 1000000 // 100)::BIGINT, (any_value(most) // 1000000)::BIGINT,
              (any_value(most) % 1000000 // 100)::BIGINT, count(*)::BIGINT, sum(reports)::BIGINT) AS reason,
       joined(any_value(digest), (SELECT min(digest) FROM rule_baseline)) AS rules
FROM (
    SELECT *, count(*) FILTER (greatest(types, bins) <= most) OVER (
        PARTITION BY source ORDER BY t ROWS UNBOUNDED PRECEDING
    ) AS run, 'epoch'::TIMESTAMPTZ + to_microseconds(t) AS "hour"
    FROM (
        SELECT source, t, reports, confidences, d.psi AS types, c.psi AS bins, most, sustained, digest
        FROM divergence d JOIN divergence c USING (source, t) JOIN source_hour USING (source, t), rule_drift_bound
        WHERE d.kind = 'type_drift' AND c.kind = 'confidence_drift' AND least(d.current, d.baseline) >= min_samples
    )
)
WHERE greatest(types, bins) > most GROUP BY source, run HAVING count(*) >= any_value(sustained)
