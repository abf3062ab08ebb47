-- Confirmed runs that are no misreads, with their misreads, and what the lists say of them.
WITH misreads AS (
    SELECT camera, to_plate AS plate, to_run AS run, sum(reads) AS more
    FROM gate_misread JOIN gate_run USING (camera, plate, run) GROUP BY ALL
), event AS (
    SELECT camera, plate, run, format, first AS arrived, last AS "left", reads + coalesce(more, 0) AS reads,
           reads AS agreeing, best AS confidence
    FROM gate_run ANTI JOIN gate_misread USING (camera, plate, run) LEFT JOIN misreads USING (camera, plate, run)
    WHERE confirmed
), holding AS (
    SELECT camera, run, l.*, row_number() OVER (
        PARTITION BY camera, run, plate
        ORDER BY CASE list WHEN 'blocked' THEN 0 ELSE 1 END, added NULLS FIRST, reason, from_ts NULLS FIRST, until_ts NULLS FIRST
    ) AS rank
    FROM event JOIN rule_plate l USING (plate)
    WHERE coalesce(from_ts <= arrived, true) AND coalesce(until_ts > arrived, true)
)
SELECT camera, plate, arrived, "left", "left" - arrived AS stay_us, reads, agreeing, confidence, format,
       coalesce(list, 'unknown') AS status, coalesce(reason, '') AS reason, coalesce(added > arrived, false) AS retroactive,
       coalesce(h.digest, g.digest) AS rules
FROM event LEFT JOIN (FROM holding WHERE rank = 1) h USING (camera, plate, run), rule_gate g
