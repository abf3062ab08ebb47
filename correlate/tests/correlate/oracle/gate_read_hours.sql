-- Reads by what became of them.
WITH outcome AS (
    SELECT camera, t, refused AS outcome FROM gate_sight WHERE refused IS NOT NULL
    UNION ALL SELECT camera, t, outcome FROM gate_read
)
SELECT camera, hour_of(t) AS hour, outcome, count(*) AS reads, (SELECT digest FROM rule_gate) AS rules
FROM outcome GROUP BY camera, hour, outcome
