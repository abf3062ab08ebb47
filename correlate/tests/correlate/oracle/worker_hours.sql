-- What each worker did in each local hour.
WITH e AS (
    SELECT worker, hour, count(*) AS events, sum(units) AS units FROM counted GROUP BY ALL
), t AS (
    SELECT worker, hour, coalesce(sum(us) FILTER (what = 'working'), 0) AS a, coalesce(sum(us) FILTER (what = 'idle'), 0) AS i,
           coalesce(sum(us) FILTER (what = 'absent'), 0) AS n
    FROM work_time WHERE us > 0 AND worker IS NOT NULL GROUP BY ALL
)
SELECT worker, hour, coalesce(a, 0) AS active_us, coalesce(i, 0) AS idle_us, coalesce(n, 0) AS absent_us,
       coalesce(units, 0) AS units, coalesce(events, 0) AS events, coalesce(a + i + n, 0) AS observed_us,
       coalesce(d.digest, (SELECT digest_clock FROM rule_productivity)) AS rules
FROM e FULL JOIN t USING (worker, hour) LEFT JOIN digest_work d ON d.kind = 'worker' AND d.name = worker
