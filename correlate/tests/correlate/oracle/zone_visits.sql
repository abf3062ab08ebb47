-- Stays of tracks in zones: inside points no further apart than the bridge.
WITH corner AS (
    SELECT camera, zone, len(polygon) AS n, unnest(range(1, len(polygon) + 1)) AS i, polygon FROM rule_zone
), edge AS (
    SELECT camera, zone, polygon[i][1]::HUGEINT AS x1, polygon[i][2]::HUGEINT AS y1,
           polygon[(i % n) + 1][1]::HUGEINT AS x2, polygon[(i % n) + 1][2]::HUGEINT AS y2
    FROM corner
), hits AS (
    -- Edges that a ray to the right of the point meets.
    SELECT p.camera, p.id, z.zone, count(*) AS n
    FROM pt p JOIN rule_zone z USING (camera) JOIN edge e USING (camera, zone)
    WHERE (e.y1 > p.y) <> (e.y2 > p.y)
      AND CASE WHEN e.y2 > e.y1 THEN (p.x - e.x1) * (e.y2 - e.y1) < (e.x2 - e.x1) * (p.y - e.y1)
               ELSE (p.x - e.x1) * (e.y2 - e.y1) > (e.x2 - e.x1) * (p.y - e.y1) END
    GROUP BY ALL
), inside AS (
    SELECT p.*, z.zone, z.kind, z.min_dwell, z.bridge, z.digest
    FROM pt p JOIN hits h USING (camera, id) JOIN rule_zone z USING (camera, zone)
    WHERE h.n % 2 = 1 AND (len(z.classes) = 0 OR list_contains(z.classes, p.class))
), marked AS (
    SELECT *, CASE WHEN ts - lag(ts) OVER w <= bridge THEN 0 ELSE 1 END AS starts
    FROM inside WINDOW w AS (PARTITION BY camera, generation, track, zone ORDER BY ts, frame, id)
), numbered AS (
    SELECT *, sum(starts) OVER (PARTITION BY camera, generation, track, zone ORDER BY ts, frame, id) AS visit
    FROM marked
), visits AS (
    SELECT camera, generation, track, zone, kind, digest, min_dwell,
           first(class ORDER BY ts, frame, id) AS class, first(model ORDER BY ts, frame, id) AS model,
           min(ts) AS entered, max(ts) AS "left", count(*) AS points,
           first(frame ORDER BY ts, frame, id) AS first_frame, last(frame ORDER BY ts, frame, id) AS last_frame
    FROM numbered GROUP BY camera, generation, track, zone, kind, digest, min_dwell, visit
)
SELECT v.camera, v.generation, v.track, zone, kind, class, entered, "left", "left" - entered AS dwell_us,
       "left" - entered >= min_dwell AS counted,
       CASE WHEN l.last_ts > v."left" THEN 'left'
            WHEN r.reason = 'left_frame' THEN 'left'
            WHEN r.reason = 'lost' THEN 'lost'
            WHEN r.reason = 'coverage_end' THEN 'cut'
            WHEN g.ended IS NOT NULL THEN 'cut'
            ELSE 'open' END AS end_reason,
       points, first_frame, last_frame, model, digest AS rules
FROM visits v JOIN track_last l USING (camera, generation, track)
LEFT JOIN track_reason r USING (camera, generation, track)
LEFT JOIN generation_end g USING (camera, generation)
