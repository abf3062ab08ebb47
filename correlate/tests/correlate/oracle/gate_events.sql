-- Visits with enough agreement, and what the lists say of them.
WITH event AS (
    SELECT camera, plate, visit, format, min(t) AS arrived, max(t) AS "left", count(*) AS reads, max(confidence) AS confidence
    FROM gate_read WHERE is_event GROUP BY camera, plate, visit, format
), holding AS (
    SELECT camera, visit, l.*, row_number() OVER (
        PARTITION BY camera, visit, plate
        ORDER BY CASE list WHEN 'blocked' THEN 0 ELSE 1 END, added NULLS FIRST, reason, from_ts NULLS FIRST, until_ts NULLS FIRST
    ) AS rank
    FROM event JOIN rule_plate l USING (plate)
    WHERE coalesce(from_ts <= arrived, true) AND coalesce(until_ts > arrived, true)
)
SELECT camera, plate, arrived, "left", "left" - arrived AS stay_us, reads, confidence, format,
       coalesce(list, 'unknown') AS status, coalesce(reason, '') AS reason, coalesce(added > arrived, false) AS retroactive,
       coalesce(h.digest, g.digest) AS rules
FROM event LEFT JOIN (FROM holding WHERE rank = 1) h USING (camera, plate, visit), rule_gate g
