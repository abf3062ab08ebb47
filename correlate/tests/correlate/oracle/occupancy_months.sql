-- Sums and extremes of the minutes at whose start the clock shows a month, each minute by itself.
SELECT camera, scope_kind, scope, d.month AS month, sum(entries) AS entries, sum(exits) AS exits,
       sum(occupied_us) AS occupied_us, sum(observed_us) AS observed_us, max("max") AS max, min("min") AS min,
       sum(residual) AS residual, rules
FROM oracle_occupancy_minutes m JOIN local_date d ON d.date = date_shown(epoch_us("minute"))
GROUP BY camera, scope_kind, scope, d.month, rules
