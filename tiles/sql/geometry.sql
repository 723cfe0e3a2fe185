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
-- Single households of the caller's scope; the policy holds whatever is asked. At most 20,000 in a tile.
SELECT ST_AsMVT(shape, 'households', 4096, 'geom')
FROM (
    SELECT ST_AsMVTGeom(ST_Transform(geom, 3857), ST_TileEnvelope(:z, :x, :y), 4096, 0, true) AS geom,
        household_id, result, origin, revision, accuracy_m, flags
    FROM intake.household
    WHERE geom && ST_Transform(ST_TileEnvelope(:z, :x, :y), 4326)
      AND number BETWEEN :first AND :last
    ORDER BY household_id
    LIMIT 20000
) shape
WHERE geom IS NOT NULL;
