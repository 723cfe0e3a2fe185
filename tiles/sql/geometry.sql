-- name: areas
-- Outlines of the areas of one level in one tile, without any field: the unchanging half.
SELECT ST_AsMVT(shape, 'areas', 4096, 'geom', 'number')
FROM (
    SELECT number, ST_AsMVTGeom(geom_3857, ST_TileEnvelope(:z, :x, :y), 4096, 64, true) AS geom
    FROM ground.area
    WHERE edition_id = :edition_id AND level = :level
      AND geom_3857 && ST_TileEnvelope(:z, :x, :y, margin => 64.0 / 4096)
    ORDER BY number
) shape
WHERE geom IS NOT NULL;

-- name: blocks
SELECT ST_AsMVT(shape, 'blocks', 4096, 'geom', 'number')
FROM (
    SELECT number, ST_AsMVTGeom(geom_3857, ST_TileEnvelope(:z, :x, :y), 4096, 64, true) AS geom
    FROM ground.area
    WHERE edition_id = :edition_id AND number = last
      AND geom_3857 && ST_TileEnvelope(:z, :x, :y, margin => 64.0 / 4096)
    ORDER BY number
) shape
WHERE geom IS NOT NULL;

-- name: cells
-- Hexagons of given cells, in degrees as WKB, with their feature ids.
SELECT ST_AsMVT(shape, 'cells', 4096, 'geom', 'id')
FROM (
    SELECT id, ST_AsMVTGeom(ST_Transform(ST_GeomFromWKB(wkb, 4326), 3857), ST_TileEnvelope(:z, :x, :y), 4096, 64,
        true) AS geom
    FROM unnest(CAST(:ids AS bigint[]), CAST(:wkbs AS bytea[])) AS cell (id, wkb)
    ORDER BY id
) shape
WHERE geom IS NOT NULL;

-- name: households
-- Single households of the caller's scope; the policy holds whatever is asked. Found by ranges of cells that cover the
-- tile, which keeps the index under row-level security. A limit in each range keeps the planner from going by the scope
-- instead, and from reading the table once for all ranges. At most 20,000 in a tile.
WITH picked AS (
    SELECT ST_AsMVTGeom(ST_Transform(h.geom, 3857), ST_TileEnvelope(:z, :x, :y), 4096, 0, true) AS geom,
        h.household_id, h.result, h.origin, h.revision, h.accuracy_m, h.flags, h.number
    FROM unnest(CAST(:los AS bigint[]), CAST(:his AS bigint[])) AS span (lo, hi)
    CROSS JOIN LATERAL (
        SELECT * FROM intake.household
        WHERE cell BETWEEN span.lo AND span.hi AND number <@ CAST(:scope AS int4multirange)
        LIMIT 20000
    ) h
    ORDER BY h.household_id
    LIMIT 20000
), shown AS (
    SELECT * FROM picked WHERE geom IS NOT NULL
)
SELECT (SELECT coalesce(ST_AsMVT(shape, 'households', 4096, 'geom'), '')
        FROM (SELECT geom, household_id, result, origin, revision, accuracy_m, flags FROM shown) shape) AS body,
    (SELECT count(*) FROM shown) AS households,
    ARRAY(SELECT DISTINCT number FROM shown ORDER BY number) AS numbers;
