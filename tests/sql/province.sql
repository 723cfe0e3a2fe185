-- name: areas
-- Blocks row by row from west to east, numbered in preorder; the areas above them are boxes around theirs.
WITH block AS (
    SELECT i, i / 20 AS v, i / 400 AS d, i / 2800 AS r, CAST(:west AS double precision) + i % 140 * 0.004 AS x,
        CAST(:south AS double precision) + i / 140 * 0.004 AS y
    FROM generate_series(0, 13999) i
), numbered AS (
    SELECT *, 2 + r * 2948 AS in_r, 3 + r * 2948 + d % 7 * 421 AS in_d, 4 + r * 2948 + d % 7 * 421 + v % 20 * 21 AS in_v
    FROM block
), area (number, last, parent, level, code, west, south, east, north) AS (
    SELECT in_v + 1 + i % 20, in_v + 1 + i % 20, in_v, 'block', 'B' || lpad(CAST(i AS text), 5, '0'), x, y, x + 0.004,
        y + 0.004
    FROM numbered
    UNION ALL
    SELECT in_v, in_v + 20, in_d, 'village', 'V' || lpad(CAST(v AS text), 3, '0'), min(x), min(y), max(x) + 0.004,
        max(y) + 0.004
    FROM numbered GROUP BY v, in_v, in_d
    UNION ALL
    SELECT in_d, in_d + 420, in_r, 'district', 'D' || lpad(CAST(d AS text), 2, '0'), min(x), min(y), max(x) + 0.004,
        max(y) + 0.004
    FROM numbered GROUP BY d, in_d, in_r
    UNION ALL
    SELECT in_r, in_r + 2947, 1, 'regency', 'R' || r, min(x), min(y), max(x) + 0.004, max(y) + 0.004
    FROM numbered GROUP BY r, in_r
    UNION ALL
    SELECT 1, 14741, 0, 'province', '64', min(x), min(y), max(x) + 0.004, max(y) + 0.004 FROM numbered
)
INSERT INTO ground.area (edition_id, number, last, parent, level, code, name, derived, uninhabited, area_m2, lon, lat,
    geom, geom_3857)
SELECT :edition_id, number, last, parent, level, code, code, false, false, 193600, (west + east) / 2,
    (south + north) / 2, ST_Multi(shape), ST_Multi(ST_Transform(shape, 3857))
FROM area CROSS JOIN LATERAL (SELECT ST_MakeEnvelope(west, south, east, north, 4326) AS shape) s;

-- name: edition
INSERT INTO ground.edition (code, digest) VALUES (:code, 'province') RETURNING edition_id;

-- name: spot
-- Where the households of each block are put, and the least household cell there.
CREATE TEMP TABLE spot (place integer PRIMARY KEY, cell bigint);

-- name: households
-- As devices send them: a few of one block at a time, then of another. One in 400 counts in no block.
INSERT INTO intake.household (household_id, revision, submission_id, block, number, located, cell, geom, accuracy_m,
    captured_at, day, result, origin, visit, welfare, enumerator, flags)
SELECT CAST(CAST(md5(CAST(n AS text)) AS uuid) AS text), 1, CAST(md5('s' || n) AS uuid), a.code,
    CASE WHEN n % 400 = 0 THEN 0 ELSE a.number END, a.number,
    s.cell + (n / 7 % 7 << 12) + (n / 49 % 7 << 9) + (n / 343 % 7 << 6) + (n / 2401 % 7 << 3) + n % 7,
    ST_SetSRID(ST_MakePoint(a.lon + 0.003 * (n * 7919 % 1000 / 1000.0 - 0.5),
        a.lat + 0.003 * (n * 104729 % 1000 / 1000.0 - 0.5)), 4326),
    6.5, TIMESTAMPTZ '2022-10-15 02:00Z' + n * INTERVAL '1 second', DATE '2022-10-15' + CAST(n % 25 AS integer),
    CASE WHEN n % 10 < 8 THEN 'completed' WHEN n % 10 = 8 THEN 'refused' ELSE 'not_met' END,
    CASE WHEN n % 20 = 0 THEN 'new' ELSE 'prelist' END, 1, 1 + n % 3, 'pcl-' || n % 400,
    CASE WHEN n % 9973 = 0 THEN 'low_accuracy outside_block' WHEN n % 50 = 0 THEN 'outside_block' END
FROM generate_series(CAST(1 AS bigint), :households) n
JOIN spot s ON s.place = n / 5 * 7919 % 14000
JOIN ground.area a ON a.edition_id = :edition_id AND a.code = 'B' || lpad(CAST(s.place AS text), 5, '0');

-- name: tallies
INSERT INTO intake.tally (number, completed, new, not_met, refused, located, last_at, epoch)
SELECT number, count(*) FILTER (WHERE result = 'completed'),
    count(*) FILTER (WHERE result = 'completed' AND origin = 'new'), count(*) FILTER (WHERE result = 'not_met'),
    count(*) FILTER (WHERE result = 'refused'), count(*), max(captured_at), 1
FROM intake.household GROUP BY number;

-- name: epoch
INSERT INTO intake.epoch (epoch, deltas) VALUES (1, 0);

-- name: submissions
INSERT INTO intake.submission (submission_id, household_id, revision, batch_id, "row", actor, block, number, located,
    lon, lat, cell, captured_at, day, result, origin, digest)
SELECT submission_id, household_id, 1, gen_random_uuid(), 0, 1000 + number % 400, block, number, located,
    ST_X(geom), ST_Y(geom), cell, captured_at, day, result, origin, ''
FROM intake.household LIMIT :submissions;

-- name: quarantine
-- Rows in conflict with some of them, a third decided on.
INSERT INTO intake.quarantine (batch_id, "row", actor, number, reason, detail, raw, digest, state, resolved_at)
SELECT gen_random_uuid(), 0, actor, number, 'CONFLICT', 'another record is stored already',
    jsonb_build_object('submission_id', submission_id, 'household_id', household_id, 'revision', revision,
        'block', block, 'lon', lon, 'lat', lat),
    uuid_send(submission_id), CASE WHEN actor % 3 = 0 THEN 'rejected' ELSE 'open' END,
    CASE WHEN actor % 3 = 0 THEN now() END
FROM intake.submission LIMIT :held;

-- name: indexes
-- Every index of the households, as the migrations made it.
SELECT coalesce('ALTER TABLE intake.household ADD CONSTRAINT ' || c.conname || ' ' || pg_get_constraintdef(c.oid),
        i.indexdef) AS made,
    coalesce('ALTER TABLE intake.household DROP CONSTRAINT ' || c.conname, 'DROP INDEX intake.' || i.indexname) AS dropped
FROM pg_indexes i
LEFT JOIN pg_constraint c ON c.conname = i.indexname AND c.conrelid = to_regclass('intake.household')
WHERE i.schemaname = 'intake' AND i.tablename = 'household';
