-- Where reviewing stands, camera by camera. `oracle_packing_sessions` holds that oracle's answer.
WITH ended AS (
    SELECT camera, epoch_us(started) AS t,
           EXISTS (FROM review r WHERE r.camera = s.camera AND r.session = s.started) AS reviewed
    FROM oracle_packing_sessions s WHERE verdict <> 'open'
), acts AS (
    SELECT camera, t, 'session' AS what, reviewed FROM ended
    UNION ALL SELECT camera, epoch_us(ts), 'review', NULL FROM review
    UNION ALL SELECT camera, epoch_us(ts), 'export', NULL FROM frame_export
)
SELECT camera, max(t) AS last_activity, max(t) FILTER (what = 'review') AS last_review,
       count(*) FILTER (what = 'session') AS sessions, count(*) FILTER (NOT reviewed) AS pending,
       min(t) FILTER (NOT reviewed) AS oldest_pending,
       coalesce(any_value(digest), (SELECT digest FROM rule_profiles WHERE camera IS NULL)) AS rules
FROM acts LEFT JOIN rule_profiles USING (camera) GROUP BY camera
