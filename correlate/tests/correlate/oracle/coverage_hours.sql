-- How much of each local hour was seen, and how well.
WITH stretch AS (
    SELECT camera, hour_of(a) AS hour, a, b FROM seen
    UNION ALL SELECT camera, hour_of(a), a, a FROM cov
), time_seen AS (
    SELECT camera, hour, sum(b - a) AS observed_us, min(a) AS first_seen, max(b) AS last_seen FROM stretch GROUP BY ALL
), frames AS (
    SELECT camera, hour_of(epoch_us(started)) AS hour, sum(frames_seen) AS frames_seen,
           sum(frames_decoded) AS frames_decoded, sum(frames_skipped) AS frames_skipped,
           sum(frames_corrupt) AS frames_corrupt, count(*) FILTER (segment = 0) AS generations
    FROM coverage GROUP BY ALL
), trouble AS (
    SELECT camera, hour_of(epoch_us(ts)) AS hour, sum("count") AS faults, min(epoch_us(ts)) AS a, max(epoch_us(ts)) AS b
    FROM fault GROUP BY ALL
)
SELECT camera, hour, coalesce(observed_us, 0) AS observed_us, coalesce(frames_seen, 0) AS frames_seen,
       coalesce(frames_decoded, 0) AS frames_decoded, coalesce(frames_skipped, 0) AS frames_skipped,
       coalesce(frames_corrupt, 0) AS frames_corrupt, coalesce(faults, 0) AS faults,
       coalesce(generations, 0) AS generations,
       coalesce(first_seen, a) AS first_seen, coalesce(last_seen, b) AS last_seen
FROM time_seen FULL JOIN frames USING (camera, hour) FULL JOIN trouble USING (camera, hour)
