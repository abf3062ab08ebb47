-- Sums and extremes of the minutes. `oracle_occupancy_minutes` holds that oracle's answer.
SELECT camera, scope_kind, scope, hour_of(epoch_us(minute)) AS hour, sum(entries) AS entries, sum(exits) AS exits,
       sum(occupied_us) AS occupied_us, sum(observed_us) AS observed_us, max("max") AS max, min("min") AS min,
       sum(residual) AS residual, rules
FROM oracle_occupancy_minutes GROUP BY camera, scope_kind, scope, hour, rules
