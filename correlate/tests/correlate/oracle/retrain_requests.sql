-- Runs of unsure hours among the hours with enough reports.
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
