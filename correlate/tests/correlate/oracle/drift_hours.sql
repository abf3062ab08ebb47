-- Reports and their confidences, by model and local hour.
WITH report AS (
    SELECT station AS source, what AS event_type, model, model_version, hour_of(ts) AS hour, confidence FROM ev
    UNION ALL
    SELECT camera, class, model, '', hour_of(epoch_us(ts)), score::BIGINT FROM track_point
)
SELECT source, event_type, model, model_version, hour, count(*) AS "count", sum(confidence) AS confidence_sum,
       sum(confidence * confidence) AS confidence_squares,
       list_transform(range(20), lambda i: len(list_filter(list(least(confidence // 500, 19)), lambda b: b = i))) AS histogram
FROM report GROUP BY source, event_type, model, model_version, hour
