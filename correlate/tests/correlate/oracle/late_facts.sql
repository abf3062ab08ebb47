-- What arrived beyond the horizon.
SELECT epoch_us(received_at) AS received_at, epoch_us(ts) AS ts, id, 'activity' AS kind FROM activity WHERE is_late(received_at, ts)
UNION ALL
SELECT epoch_us(received_at) AS received_at, epoch_us(ts) AS ts, id, 'production' AS kind FROM production WHERE is_late(received_at, ts)
UNION ALL
SELECT epoch_us(received_at) AS received_at, epoch_us(ts) AS ts, id, 'attendance_mark' AS kind FROM attendance_mark WHERE is_late(received_at, ts)
UNION ALL
SELECT epoch_us(received_at) AS received_at, epoch_us(ts) AS ts, id, 'plate_read' AS kind FROM plate_read WHERE is_late(received_at, ts)
UNION ALL
SELECT epoch_us(received_at) AS received_at, epoch_us(ts) AS ts, id, 'review' AS kind FROM review WHERE is_late(received_at, ts)
UNION ALL
SELECT epoch_us(received_at) AS received_at, epoch_us(ts) AS ts, id, 'frame_export' AS kind FROM frame_export WHERE is_late(received_at, ts)
UNION ALL
SELECT epoch_us(received_at) AS received_at, epoch_us(ts) AS ts, id, 'device_status' AS kind FROM device_status WHERE is_late(received_at, ts)
