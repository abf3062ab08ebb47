-- Steps between settled runs on different sides that meet the line itself.
WITH measured AS (
    SELECT p.*, l.line, l.left_side, l.right_side, l.inside, l.settle, l.digest,
           (l.x2 - l.x1)::HUGEINT AS dx, (l.y2 - l.y1)::HUGEINT AS dy, l.band::HUGEINT AS band,
           (l.x2 - l.x1)::HUGEINT * (p.y - l.y1) - (l.y2 - l.y1)::HUGEINT * (p.x - l.x1) AS c,
           (p.x - l.x1)::HUGEINT * (l.x2 - l.x1) + (p.y - l.y1)::HUGEINT * (l.y2 - l.y1) AS d,
           lag(p.ts) OVER o AS ts_before, lead(p.ts) OVER o AS ts_after
    FROM pt p JOIN rule_line l USING (camera)
    WHERE len(l.classes) = 0 OR list_contains(l.classes, p.class)
    WINDOW o AS (PARTITION BY p.camera, p.generation, p.track, l.line ORDER BY p.ts, p.frame, p.id)
), sided AS (
    SELECT *, c > 0 AS on_right FROM measured
    WHERE c <> 0 AND (w * c) * (w * c) >= band * band * ((w * dx) * (w * dx) + (h * dy) * (h * dy))
), marked AS (
    SELECT *, CASE WHEN on_right = lag(on_right) OVER o THEN 0 ELSE 1 END AS starts
    FROM sided WINDOW o AS (PARTITION BY camera, generation, track, line ORDER BY ts, frame, id)
), numbered AS (
    SELECT *, sum(starts) OVER (PARTITION BY camera, generation, track, line ORDER BY ts, frame, id) AS run
    FROM marked
), runs AS (
    SELECT camera, generation, track, line, run, left_side, right_side, inside, settle, digest, dx, dy,
           any_value(on_right) AS on_right, count(*) AS points,
           first({'ts': ts, 'frame': frame, 'c': c, 'd': d, 'class': class, 'model': model, 'ts_before': ts_before}
                 ORDER BY ts, frame, id) AS p,
           last({'ts': ts, 'frame': frame, 'c': c, 'd': d, 'ts_after': ts_after} ORDER BY ts, frame, id) AS q,
           max(run) OVER (PARTITION BY camera, generation, track, line) AS runs
    FROM numbered
    GROUP BY camera, generation, track, line, run, left_side, right_side, inside, settle, digest, dx, dy
), settled AS (
    SELECT r.* FROM runs r LEFT JOIN track_reason e USING (camera, generation, track)
    WHERE q.ts - p.ts >= settle
       OR (run = 1 AND (points >= 2 OR q.ts_after - q.ts >= settle))
       OR (run = runs AND e.reason IS NOT NULL AND (points >= 2 OR p.ts - p.ts_before >= settle))
), steps AS (
    SELECT *, lag(q) OVER o AS old, lag(on_right) OVER o AS from_right
    FROM settled WINDOW o AS (PARTITION BY camera, generation, track, line ORDER BY run)
)
SELECT camera, generation, track, line, p.ts AS ts,
       CASE WHEN on_right THEN left_side ELSE right_side END AS from_side,
       CASE WHEN on_right THEN right_side ELSE left_side END AS to_side,
       inside = CASE WHEN on_right THEN right_side ELSE left_side END AS entry,
       p.class AS class, old.frame AS first_frame, p.frame AS last_frame, p.model AS model, digest AS rules
FROM steps
WHERE from_right <> on_right
  -- Where the step meets the endless line, as a share of the way from one end to the other: -1/20 to 21/20.
  AND CASE WHEN old.c > p.c
      THEN 20 * (old.c * p.d - p.c * old.d) BETWEEN -(old.c - p.c) * (dx * dx + dy * dy)
           AND 21 * (old.c - p.c) * (dx * dx + dy * dy)
      ELSE 20 * (p.c * old.d - old.c * p.d) BETWEEN -(p.c - old.c) * (dx * dx + dy * dy)
           AND 21 * (p.c - old.c) * (dx * dx + dy * dy) END
