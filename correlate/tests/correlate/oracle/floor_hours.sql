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
SELECT epoch_us(hour) AS hour, coalesce(active_us, 0) AS active_us, coalesce(idle_us, 0) AS idle_us,
       coalesce(absent_us, 0) AS absent_us, coalesce(units, 0) AS units, coalesce(events, 0) AS events,
       coalesce(observed_us, 0) AS observed_us, coalesce(workers, 0) AS workers,
       coalesce(w.ppm, 0) AS worker_utilisation_ppm, coalesce(stations, 0) AS stations,
       coalesce(s.ppm, 0) AS station_utilisation_ppm, (SELECT digest FROM digest_work WHERE kind = 'floor') AS rules
FROM w FULL JOIN s USING (hour)
