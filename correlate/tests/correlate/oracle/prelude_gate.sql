-- What the gate's two views stand on: every text that was read with the plate it is read as, the runs of each plate,
-- and which of them are misreads.
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

CREATE TABLE gate_numbered AS
WITH marked AS (
    SELECT *, CASE WHEN t - lag(t) OVER w <= visit_gap THEN 0 ELSE 1 END AS begins
    FROM gate_sight, rule_gate WHERE refused IS NULL WINDOW w AS (PARTITION BY camera, plate ORDER BY t, id)
)
SELECT *, sum(begins) OVER (PARTITION BY camera, plate ORDER BY t, id ROWS UNBOUNDED PRECEDING) AS run FROM marked;

CREATE TABLE gate_run AS
SELECT camera, plate, run, format, min(t) AS first, max(t) AS last, count(*) AS reads, sum(confidence) AS total,
       max(confidence) AS best, count(*) >= any_value(agree) OR max(confidence) >= any_value(sure) AS confirmed
FROM gate_numbered GROUP BY camera, plate, run, format;

-- Which run gives way to which, and whose reads a run's are taken for.
CREATE TABLE gate_way AS
SELECT a.camera, a.plate, a.run, b.plate AS to_plate, b.run AS to_run, b.reads, b.total, b.first
FROM gate_run a JOIN gate_run b ON a.camera = b.camera AND b.confirmed, rule_gate
WHERE len(a.plate) = len(b.plate) AND levenshtein(a.plate, b.plate) = 1
  AND b.first - a.last <= visit_gap AND a.first - b.last <= visit_gap
  AND a.plate NOT IN (SELECT plate FROM rule_plate)
  AND (NOT a.confirmed OR b.reads > a.reads
       OR b.reads = a.reads AND (b.total > a.total OR b.total = a.total AND b.plate < a.plate));

CREATE TABLE gate_misread AS
SELECT camera, plate, run, to_plate, to_run
FROM gate_way w ANTI JOIN gate_way further
     ON further.camera = w.camera AND further.plate = w.to_plate AND further.run = w.to_run
QUALIFY row_number() OVER (PARTITION BY camera, plate, run ORDER BY reads DESC, total DESC, to_plate, first) = 1;

CREATE TABLE gate_read AS
SELECT n.*, CASE WHEN to_plate IS NOT NULL THEN 'misread' WHEN confirmed THEN 'accepted' ELSE 'unconfirmed' END AS outcome
FROM gate_numbered n JOIN gate_run USING (camera, plate, run) LEFT JOIN gate_misread USING (camera, plate, run);
