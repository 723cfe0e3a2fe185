-- name: open_edition
-- The edition of this code, made if new, and locked against a second import.
INSERT INTO ground.edition (code, digest) VALUES (:edition, '')
ON CONFLICT (code) DO UPDATE SET numbered_at = now()
RETURNING edition_id;

-- name: counted
-- Whether households hang on the numbers of this edition.
SELECT EXISTS (SELECT 1 FROM ground.campaign WHERE edition_id = :edition_id)
   AND EXISTS (SELECT 1 FROM intake.submission);

-- name: stored
SELECT a.level, a.code, a.name, p.code AS parent, ST_AsBinary(a.geom) AS geom, a.uninhabited, a.derived
FROM ground.area a LEFT JOIN ground.area p ON p.edition_id = a.edition_id AND p.number = a.parent
WHERE a.edition_id = :edition_id
ORDER BY a.number;

-- name: keep_expected
-- Expected families by code, so that they find their blocks again after numbering.
CREATE TEMP TABLE kept ON COMMIT DROP AS
SELECT e.series, a.level, a.code, e.expected, e.source, e.dated
FROM ground.expected e JOIN ground.area a USING (edition_id, number)
WHERE e.edition_id = :edition_id;

-- name: keep_cells
CREATE TEMP TABLE kept_cell ON COMMIT DROP AS
SELECT c.series, a.level, a.code, c.cell, c.expected, c.estimated
FROM ground.expected_cell c JOIN ground.area a USING (edition_id, number)
WHERE c.edition_id = :edition_id;

-- name: keep_prelist
-- The same for families of the prelist: their blocks by code, for theirs are too many rows to carry.
CREATE TEMP TABLE kept_block ON COMMIT DROP AS
SELECT a.number, a.level, a.code
FROM ground.area a
WHERE a.edition_id = :edition_id
  AND EXISTS (SELECT FROM ground.prelist p WHERE p.edition_id = a.edition_id AND p.number = a.number);

-- name: clear
WITH areas AS (DELETE FROM ground.area WHERE edition_id = :edition_id),
     owners AS (DELETE FROM ground.owner WHERE edition_id = :edition_id),
     cells AS (DELETE FROM ground.expected_cell WHERE edition_id = :edition_id)
DELETE FROM ground.expected WHERE edition_id = :edition_id;

-- name: return_expected
-- Gives expected families back to blocks of the same code; tells how many found none.
WITH found AS (
    INSERT INTO ground.expected (edition_id, series, number, expected, source, dated)
    SELECT a.edition_id, k.series, a.number, k.expected, k.source, k.dated
    FROM kept k JOIN ground.area a ON a.edition_id = :edition_id AND a.code = k.code AND a.level = k.level
    WHERE a.number = a.last
    RETURNING 1
)
SELECT (SELECT count(*) FROM kept) - (SELECT count(*) FROM found);

-- name: return_expected_cells
INSERT INTO ground.expected_cell (edition_id, series, number, cell, expected, estimated)
SELECT a.edition_id, k.series, a.number, k.cell, k.expected, k.estimated
FROM kept_cell k JOIN ground.area a ON a.edition_id = :edition_id AND a.code = k.code AND a.level = k.level
WHERE a.number = a.last;

-- name: return_prelist
-- Families of the prelist go with their block; tells how many were dropped, since it is gone or divided.
WITH place AS (
    SELECT k.number AS before, a.number
    FROM kept_block k
    LEFT JOIN ground.area a ON a.edition_id = :edition_id AND a.code = k.code AND a.level = k.level AND a.number = a.last
), moved AS (
    UPDATE ground.prelist p SET number = c.number
    FROM place c
    WHERE p.edition_id = :edition_id AND p.number = c.before AND c.number <> c.before
), dropped AS (
    DELETE FROM ground.prelist p USING place c
    WHERE p.edition_id = :edition_id AND p.number = c.before AND c.number IS NULL
    RETURNING 1
)
SELECT count(*) FROM dropped;

-- name: incoming
CREATE TEMP TABLE arriving (
    number integer, last integer, parent integer, level text, code text, name text, derived boolean,
    uninhabited boolean, lon double precision, lat double precision, wkb bytea
) ON COMMIT DROP;

-- name: write
INSERT INTO ground.area (edition_id, number, last, parent, level, code, name, derived, uninhabited, area_m2, lon, lat,
    geom, geom_3857)
SELECT :edition_id, number, last, parent, level, code, name, derived, uninhabited, ST_Area(geom::geography), lon, lat,
    geom, ST_Transform(geom, 3857)
FROM arriving CROSS JOIN LATERAL (SELECT ST_Multi(ST_GeomFromWKB(wkb, 4326)) AS geom) shape;

-- name: footprints
-- The footprints of each block in one piece: there are too many to send them row by row.
SELECT number, string_agg(int8send(footprint_id) || float8send(lon) || float8send(lat), ''::bytea) AS houses
FROM ground.footprint WHERE edition_id = :edition_id GROUP BY number;

-- name: moving
CREATE TEMP TABLE moving (footprint_id bigint, number integer) ON COMMIT DROP;

-- name: move
-- Footprints go with the ground they stand on; 0 is no block.
WITH dropped AS (DELETE FROM ground.footprint f USING moving m WHERE f.footprint_id = m.footprint_id AND m.number = 0)
UPDATE ground.footprint f SET number = m.number
FROM moving m WHERE f.footprint_id = m.footprint_id AND m.number > 0;

-- name: seal
UPDATE ground.edition SET digest = :digest, numbered_at = now() WHERE edition_id = :edition_id;

-- name: tree
SELECT number, last, parent, level, code, name, lon, lat,
    ST_XMin(geom) AS west, ST_YMin(geom) AS south, ST_XMax(geom) AS east, ST_YMax(geom) AS north
FROM ground.area WHERE edition_id = :edition_id ORDER BY number;

-- name: blocks
SELECT number, code, ST_AsBinary(geom) AS geom
FROM ground.area WHERE edition_id = :edition_id AND number = last ORDER BY number;

-- name: owners
SELECT lo, hi, number FROM ground.owner WHERE edition_id = :edition_id ORDER BY lo;

-- name: outlines
-- Outlines of some areas as GeoJSON, simplified to about ten metres: for lists on a map, not for measuring.
SELECT number, ST_AsGeoJSON(ST_SimplifyPreserveTopology(geom, 0.0001), 6) AS geometry
FROM ground.area WHERE edition_id = :edition_id AND number = ANY(:numbers);

-- name: known
SELECT a.code, a.level FROM ground.area a JOIN ground.edition e USING (edition_id) WHERE e.code = :edition;

-- name: editions
SELECT code FROM ground.edition ORDER BY edition_id;
