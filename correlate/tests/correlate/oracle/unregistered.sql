-- Names in events that the site does not list.
WITH named AS (
    SELECT 'worker' AS kind, worker AS name, hour_of(ts) AS hour FROM ev WHERE worker NOT IN (SELECT worker FROM rule_worker)
    UNION ALL
    SELECT 'station', station, hour_of(ts) FROM ev WHERE station NOT IN (SELECT station FROM rule_station)
)
SELECT kind, name, min(hour) AS first_hour, max(hour) AS last_hour, count(*) AS events,
       (SELECT digest_clock FROM rule_productivity) AS rules
FROM named GROUP BY kind, name
