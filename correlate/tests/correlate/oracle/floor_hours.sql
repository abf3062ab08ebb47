-- Sums over workers, and sums of utilisations of those with any time.
WITH w AS (
    SELECT hour, sum(active_us) AS active_us, sum(idle_us) AS idle_us, sum(absent_us) AS absent_us, sum(units) AS units,
           sum(events) AS events, sum(observed_us) AS observed_us, count(*) FILTER (active_us + idle_us > 0) AS workers,
           coalesce(sum(active_us * 1000000 // (active_us + idle_us)) FILTER (active_us + idle_us > 0), 0) AS ppm
    FROM oracle_worker_hours GROUP BY ALL
), s AS (
    SELECT hour, count(*) AS stations, sum(working_us * 1000000 // (working_us + idle_us)) AS ppm
    FROM oracle_station_hours WHERE working_us + idle_us > 0 GROUP BY ALL
)
SELECT epoch_us(hour) AS hour, active_us, idle_us, absent_us, units, events, observed_us, workers,
       w.ppm AS worker_utilisation_ppm, coalesce(stations, 0) AS stations,
       coalesce(s.ppm, 0) AS station_utilisation_ppm, (SELECT digest_clock FROM rule_productivity) AS rules
FROM w LEFT JOIN s USING (hour)
