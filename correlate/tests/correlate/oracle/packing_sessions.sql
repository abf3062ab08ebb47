-- Sessions between spells of the trigger, or spells of motion, with the codes shown in their windows.
WITH sample AS (
    SELECT m.camera, m.generation, r.profile, r.digest, r.motion_threshold, m.id, first_frame, last_frame,
           epoch_us(started) + unnest(offsets_ms)::BIGINT * 1000 AS t, unnest(energies) AS energy
    FROM motion_span m JOIN rule_packing r USING (camera)
    WHERE r.trigger_text IS NULL AND m.area = coalesce(r.motion_area, 'frame')
), sighting AS (
    SELECT c.camera, c.generation, r.profile, r.digest, epoch_us(first_seen) AS a, epoch_us(last_seen) AS b,
           sightings::BIGINT AS n, first_frame, last_frame
    FROM code_read c JOIN rule_packing r USING (camera)
    WHERE c.text = r.trigger_text AND (r.trigger_area IS NULL OR c.area = r.trigger_area)
    UNION ALL
    SELECT camera, generation, profile, digest, t, t, 1, first_frame, last_frame FROM sample
    WHERE energy > motion_threshold
), gapped AS (
    SELECT s.*, r.trigger_text IS NULL AS motion,
           CASE WHEN r.trigger_text IS NULL THEN r.stable_duration ELSE r.off_after END AS gap,
           CASE WHEN r.trigger_text IS NULL THEN 1 ELSE r.on_sightings END AS needed, r.lookback, r.min_duration, r.max_duration,
           max(b) OVER (PARTITION BY s.camera, generation, s.profile, s.digest ORDER BY a, b
                        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS seen_until
    FROM sighting s JOIN rule_packing r USING (camera, profile, digest)
), numbered AS (
    SELECT *, sum(CASE WHEN a - seen_until <= gap THEN 0 ELSE 1 END)
        OVER (PARTITION BY camera, generation, profile, digest ORDER BY a, b ROWS UNBOUNDED PRECEDING) AS spell
    FROM gapped
), spells AS (
    SELECT camera, generation, profile, digest, motion, gap, lookback, min_duration, max_duration,
           min(a) AS a, max(b) AS b, arg_min(first_frame, (a, first_frame)) AS first_frame,
           arg_max(last_frame, (b, last_frame)) AS last_frame
    FROM numbered GROUP BY camera, generation, profile, digest, motion, gap, needed, lookback, min_duration, max_duration, spell
    HAVING sum(n) >= needed
), chained AS (
    SELECT s.*, lead(s.a) OVER w AS next_a, lead(s.first_frame) OVER w AS next_frame, g.ended AS c, (SELECT max(ts) FROM now_at) AS now
    FROM spells s LEFT JOIN generation_end g USING (camera, generation)
    WINDOW w AS (PARTITION BY camera, generation, profile, digest ORDER BY a)
), stands AS (
    SELECT *, CASE
        WHEN next_a IS NOT NULL THEN 'done'
        WHEN NOT motion THEN CASE WHEN c - b > gap THEN 'cut' WHEN c IS NULL AND now - b > gap THEN 'open' END
        WHEN c - b > gap THEN 'done'
        WHEN c IS NOT NULL THEN 'cut'
        WHEN now - b > gap THEN 'done'
        WHEN now IS NOT NULL THEN 'open'
    END AS stand FROM chained
), sessions AS (
    SELECT *, CASE WHEN motion THEN a ELSE b END AS started,
           CASE stand WHEN 'done' THEN CASE WHEN motion THEN b ELSE next_a END
                      WHEN 'cut' THEN greatest(c, b) ELSE greatest(now, b) END AS until,
           CASE WHEN motion THEN first_frame ELSE last_frame END AS frame_a,
           CASE WHEN stand <> 'done' THEN NULL WHEN motion THEN last_frame ELSE next_frame END AS frame_b
    FROM stands WHERE stand IS NOT NULL
), windows AS (
    SELECT *, greatest(started - lookback, coalesce(
        lag(until) OVER (PARTITION BY camera, generation, profile, digest ORDER BY started), started - lookback)) AS since
    FROM sessions
), shown AS (
    SELECT c.camera, c.generation, r.profile, r.digest, text, epoch_us(first_seen) AS a, epoch_us(last_seen) AS b
    FROM code_read c JOIN rule_packing r USING (camera)
    WHERE (r.code_area IS NULL OR c.area = r.code_area)
      AND CASE WHEN r.code_pattern IS NULL THEN c.text IS DISTINCT FROM r.trigger_text
               ELSE regexp_full_match(c.text, r.code_pattern) END
), sights AS (
    SELECT w.camera, w.generation, w.profile, w.digest, w.started, text, min(greatest(s.a, w.since)) AS t
    FROM windows w JOIN shown s USING (camera, generation, profile, digest)
    WHERE s.b >= w.since AND s.a <= w.until GROUP BY ALL
), codes AS (
    SELECT camera, generation, profile, digest, started, list(text ORDER BY t, text) AS codes, min(t) AS first_code_at
    FROM sights GROUP BY ALL
), missed AS (
    SELECT w.camera, w.generation, w.profile, w.digest, w.started, count(*) AS n
    FROM windows w JOIN rule_packing r USING (camera, profile, digest) JOIN code_miss m USING (camera, generation)
    WHERE (r.code_area IS NULL OR m.area = r.code_area)
      AND epoch_us(m.last_seen) >= w.since AND epoch_us(m.first_seen) <= w.until GROUP BY ALL
)
SELECT w.camera, w.profile, w.started, CASE WHEN stand <> 'open' THEN until END AS ended, until - w.started AS duration_us,
       CASE WHEN codes IS NULL THEN 'qr_failed' ELSE 'completed' END AS status,
       CASE WHEN stand IN ('open', 'cut') THEN stand WHEN until - w.started < min_duration THEN 'too_short'
            WHEN until - w.started > max_duration THEN 'too_long' ELSE 'ok' END AS verdict,
       coalesce(codes, []::VARCHAR[]) AS codes, coalesce(missed.n, 0) AS code_misses, first_code_at, w.generation,
       frame_a AS first_frame, frame_b AS last_frame, w.digest AS rules
FROM windows w LEFT JOIN codes USING (camera, generation, profile, digest, started)
LEFT JOIN missed USING (camera, generation, profile, digest, started)
