-- Visits by camera, kind of zone and the date on which they began. `oracle_zone_visits` holds that oracle's answer.
WITH stay AS (
    SELECT v.camera, v.kind, d.day, dwell_us, counted, end_reason, generation, track,
           row_number() OVER (PARTITION BY v.camera, v.kind, d.day, counted ORDER BY dwell_us) - 1 AS place,
           count(*) OVER (PARTITION BY v.camera, v.kind, d.day, counted) AS places
    FROM oracle_zone_visits v JOIN local_date d ON d.date = date_shown(minute_of(epoch_us(entered)))
)
SELECT camera, kind, day, count(*) FILTER (counted) AS visits, count(*) AS all_visits,
       coalesce(sum(dwell_us) FILTER (counted), 0) AS dwell_us,
       max(dwell_us) FILTER (counted AND place = (places - 1) // 2) AS median_us,
       max(dwell_us) FILTER (counted) AS longest_us, count(*) FILTER (end_reason = 'open') AS active_now,
       count(DISTINCT (generation, track)) FILTER (counted) AS tracks, any_value(r.digest_clock) AS rules
FROM stay JOIN rule_zone_kind r USING (camera, kind) GROUP BY camera, kind, day
