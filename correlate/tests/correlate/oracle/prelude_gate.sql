-- What the gate's two views stand on: every text that was read with the plate it is read as, and the visits.
-- All ways to take characters for their look-alikes: one bit of the mask for each character. A bit at a character that
-- has none changes nothing and only makes the way a longer one.
CREATE TABLE gate_clean AS
WITH texts AS (
    SELECT DISTINCT text, upper(regexp_replace(text, '[^A-Za-z0-9]', '', 'g')) AS kept FROM plate_read
), masks AS (
    SELECT *, unnest(range(CASE WHEN len(kept) <= 12 THEN 1 << len(kept) ELSE 1 END)) AS mask FROM texts
), places AS (
    SELECT *, unnest(range(greatest(len(kept), 1))) AS i FROM masks
), ways AS (
    SELECT text, mask, bit_count(mask) AS n,
           string_agg(CASE WHEN (mask >> i) & 1 = 1 THEN translate(kept[i + 1], 'O0I1B8S5Z2G6', '0O1I8B5S2Z6G')
                           ELSE kept[i + 1] END, '' ORDER BY i) AS plate
    FROM places GROUP BY text, mask
), fits AS (
    SELECT text, n, plate, format FROM ways JOIN rule_format ON regexp_full_match(plate, pattern)
)
SELECT text, arg_min({'plate': plate, 'format': format}, (n, plate, format)) AS fit FROM fits GROUP BY text;

CREATE TABLE gate_sight AS
SELECT camera, epoch_us(ts) AS t, confidence, id, late_by(received_at, ts) > 3600000000 AS late, fit.plate AS plate, fit.format AS format,
       CASE WHEN confidence <= min_confidence THEN 'low_confidence' WHEN fit IS NULL THEN 'bad_format' END AS refused
FROM plate_read LEFT JOIN gate_clean USING (text), rule_gate;

CREATE TABLE gate_read AS
WITH marked AS (
    SELECT *, CASE WHEN t - lag(t) OVER w <= visit_gap THEN 0 ELSE 1 END AS begins
    FROM gate_sight, rule_gate WHERE refused IS NULL WINDOW w AS (PARTITION BY camera, plate ORDER BY t, id)
), numbered AS (
    SELECT *, sum(begins) OVER (PARTITION BY camera, plate ORDER BY t, id ROWS UNBOUNDED PRECEDING) AS visit FROM marked
)
SELECT *, count(*) OVER v >= agree OR max(confidence) OVER v >= sure AS is_event
FROM numbered WINDOW v AS (PARTITION BY camera, plate, visit);
