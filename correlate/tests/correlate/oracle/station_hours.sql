-- What was done at each station in each local hour.
WITH e AS (
    SELECT station, hour, count(*) AS events, sum(units) AS units FROM counted GROUP BY ALL
), t AS (
    SELECT station, hour, coalesce(sum(us) FILTER (what = 'working'), 0) AS a, coalesce(sum(us) FILTER (what = 'idle'), 0) AS i,
           coalesce(sum(us) FILTER (what = 'absent'), 0) AS n
    FROM work_time WHERE us > 0 GROUP BY ALL
)
SELECT station, hour, coalesce(a, 0) AS working_us, coalesce(i, 0) AS idle_us, coalesce(n, 0) AS absent_us,
       coalesce(units, 0) AS units, coalesce(events, 0) AS events, coalesce(a + i + n, 0) AS observed_us,
       coalesce(d.digest, (SELECT digest_clock FROM rule_productivity)) AS rules
FROM e FULL JOIN t USING (station, hour) LEFT JOIN digest_work d ON d.kind = 'station' AND d.name = station
