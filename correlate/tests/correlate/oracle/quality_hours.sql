-- Ended sessions with the latest word on each, and exports, by the hour in which the session started.
-- `oracle_packing_sessions` holds that oracle's answer.
WITH word AS (
    SELECT camera, session AS started, arg_max(outcome, (ts, received_at, id)) AS outcome FROM review GROUP BY ALL
), ended AS (
    SELECT s.*, hour_of(epoch_us(started)) AS hour, outcome
    FROM oracle_packing_sessions s LEFT JOIN word USING (camera, started) WHERE verdict <> 'open'
), judged AS (
    SELECT camera, hour, count(*) AS sessions, count(*) FILTER (status = 'qr_failed') AS qr_failed,
           count(*) FILTER (verdict = 'too_short') AS too_short, count(*) FILTER (verdict = 'too_long') AS too_long,
           count(*) FILTER (verdict = 'cut') AS cut, count(outcome) AS reviewed,
           count(*) FILTER (outcome = 'fault') AS faulty, count(*) FILTER (outcome IS NULL) AS pending,
           min(epoch_us(started)) FILTER (outcome IS NULL) AS oldest_pending
    FROM ended GROUP BY ALL
), exported AS (
    SELECT camera, hour_of(epoch_us(session)) AS hour, count(*) AS exports, count(*) FILTER (ok) AS exports_ok
    FROM frame_export GROUP BY ALL
)
SELECT camera, hour, coalesce(sessions, 0) AS sessions, coalesce(qr_failed, 0) AS qr_failed,
       coalesce(too_short, 0) AS too_short, coalesce(too_long, 0) AS too_long, coalesce(cut, 0) AS cut,
       coalesce(reviewed, 0) AS reviewed, coalesce(faulty, 0) AS faulty, coalesce(pending, 0) AS pending,
       oldest_pending, coalesce(exports, 0) AS exports, coalesce(exports_ok, 0) AS exports_ok,
       coalesce(digest_clock, (SELECT digest_clock FROM rule_profiles WHERE camera IS NULL)) AS rules
FROM judged FULL JOIN exported USING (camera, hour) LEFT JOIN rule_profiles USING (camera)
