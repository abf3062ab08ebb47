-- Of each source's hour with reports the 24 hours that end with it, beside the baseline: so many of each event type that is
-- in either, and in each bin of confidence. From the oracle's answer about models. Times are µs.
CREATE TABLE source_hour AS
SELECT source, epoch_us("hour") AS t, sum("count")::BIGINT AS reports, sum(confidence_sum)::BIGINT AS confidences
FROM oracle_drift_hours GROUP BY ALL;

CREATE TABLE windowed AS
WITH counted AS (
    SELECT source, epoch_us("hour") AS t, 'type_drift' AS kind, event_type AS what, "count"::BIGINT AS n
    FROM oracle_drift_hours
    UNION ALL
    SELECT source, epoch_us("hour"), 'confidence_drift', printf('%02d', unnest(range(20))), unnest(histogram)::BIGINT
    FROM oracle_drift_hours
), pinned AS (
    SELECT min(first) AS first, min("until") AS "until" FROM rule_baseline
)
SELECT h.source, h.t, kind, what,
       coalesce(sum(n) FILTER (c.t > h.t - 86400000000 AND c.t <= h.t), 0)::BIGINT AS a,
       coalesce(sum(n) FILTER (CASE WHEN pinned."until" IS NULL
           THEN c.t <= h.t - 86400000000 AND c.t > h.t - 31 * 86400000000
           ELSE h.t >= pinned."until" AND c.t >= pinned.first AND c.t < pinned."until" END), 0)::BIGINT AS b
FROM source_hour h JOIN counted c ON c.source = h.source, pinned
GROUP BY h.source, h.t, kind, what
HAVING kind = 'confidence_drift' OR a + b > 0;

-- Shares with each count raised by one; then the divergences, in millionths.
CREATE TABLE divergence AS
WITH share AS (
    SELECT *, (a + 1)::DOUBLE / (sum(a) OVER w + count(*) OVER w)::DOUBLE AS p,
           (b + 1)::DOUBLE / (sum(b) OVER w + count(*) OVER w)::DOUBLE AS q
    FROM windowed WINDOW w AS (PARTITION BY source, t, kind)
), summed AS (
    SELECT source, t, kind, sum(a)::BIGINT AS current, sum(b)::BIGINT AS baseline, sum(p * ln(p / q)) AS kl,
           sum(q * ln(q / p)) AS back, (sum(p * ln(p / ((p + q) / 2))) + sum(q * ln(q / ((p + q) / 2)))) / 2 AS js
    FROM share GROUP BY ALL
)
SELECT source, t, kind, current, baseline, greatest(round(1e6 * (kl + back)), 0)::BIGINT AS psi,
       greatest(round(1e6 * kl), 0)::BIGINT AS kl, greatest(round(1e6 * js), 0)::BIGINT AS js
FROM summed WHERE current > 0 AND baseline > 0;

-- Activity of the 24 hours.
CREATE TABLE worked AS
SELECT source, t, coalesce(sum(a) FILTER (what = 'working'), 0)::BIGINT AS working, sum(a)::BIGINT AS whole
FROM windowed WHERE kind = 'type_drift' AND what IN ('working', 'idle', 'absent') GROUP BY ALL HAVING sum(a) > 0;

-- A value of an alert as people read it.
CREATE MACRO figure(kind, score) AS CASE
    WHEN kind IN ('type_drift', 'confidence_drift') THEN printf('%d.%04d', (score // 10000)::INTEGER, (score % 10000)::INTEGER)
    ELSE printf('%d.%02d ', (score // 100)::INTEGER, (score % 100)::INTEGER)
        || CASE kind WHEN 'report_rate' THEN 'a minute' ELSE '%' END END;
