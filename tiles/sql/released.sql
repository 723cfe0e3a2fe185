-- name: levels
-- Levels of the areas that are drawn as such; blocks have a layer of their own. One probe of an index each.
SELECT level
FROM unnest(CAST(:levels AS text[])) WITH ORDINALITY AS known (level, place)
WHERE level <> 'block' AND EXISTS (SELECT FROM release.area a WHERE a.level = known.level)
ORDER BY place;

-- name: points
-- Points of all blocks.
SELECT lon, lat FROM release.area WHERE number = last;

-- name: bounds
-- Where all of it lies, in degrees; cells reach over the edge. (Larger ones are drawn in tiles that hold all of it.)
SELECT ST_XMin(box) AS west, ST_YMin(box) AS south, ST_XMax(box) AS east, ST_YMax(box) AS north
FROM (
    SELECT ST_Extent(geom) AS box FROM (
        SELECT geom FROM release.area WHERE parent = 0
        UNION ALL
        SELECT geom FROM release.cell WHERE resolution = 8
    ) shape
) whole;

-- name: area_figures
-- Figures of the areas of one level that touch one tile; null where the policy shows none.
SELECT a.number AS key, f.n, f.value, f.draws, f.expected
FROM release.area a
LEFT JOIN release.area_figure f ON f.release = :release AND f.number = a.number
WHERE a.level = :level AND a.geom_3857 && ST_TileEnvelope(:z, :x, :y, margin => 64.0 / 4096)
ORDER BY a.number;

-- name: block_figures
SELECT a.number AS key, f.n, f.value, f.draws, f.expected
FROM release.area a
LEFT JOIN release.area_figure f ON f.release = :release AND f.number = a.number
WHERE a.number = a.last AND a.geom_3857 && ST_TileEnvelope(:z, :x, :y, margin => 64.0 / 4096)
ORDER BY a.number;

-- name: cell_figures
SELECT c.cell AS key, f.n, f.value, f.draws, f.expected
FROM release.cell c
LEFT JOIN release.cell_figure f ON f.release = :release AND f.cell = c.cell
WHERE c.resolution = :resolution AND c.geom_3857 && ST_TileEnvelope(:z, :x, :y, margin => 64.0 / 4096)
ORDER BY c.cell;

-- name: areas
-- The tile of given areas, with what is said of each; a null is left out.
SELECT ST_AsMVT(shape, :layer, 4096, 'geom', 'number')
FROM (
    SELECT a.number, ST_AsMVTGeom(a.geom_3857, ST_TileEnvelope(:z, :x, :y), 4096, 64, true) AS geom, a.code, a.name,
        said.households, said.poor, said.error, said.band, said.notes
    FROM unnest(CAST(:keys AS integer[]), CAST(:households AS integer[]), CAST(:poor AS integer[]),
        CAST(:error AS double precision[]), CAST(:band AS integer[]), CAST(:notes AS text[]))
        AS said (number, households, poor, error, band, notes)
    JOIN release.area a USING (number)
    ORDER BY a.number
) shape
WHERE geom IS NOT NULL;

-- name: cells
-- The tile of given cells; `ids` are their feature ids.
SELECT ST_AsMVT(shape, :layer, 4096, 'geom', 'id')
FROM (
    SELECT said.id, ST_AsMVTGeom(c.geom_3857, ST_TileEnvelope(:z, :x, :y), 4096, 64, true) AS geom,
        to_hex(c.cell) AS cell, said.households, said.poor, said.error, said.band, said.notes
    FROM unnest(CAST(:keys AS bigint[]), CAST(:ids AS bigint[]), CAST(:households AS integer[]),
        CAST(:poor AS integer[]), CAST(:error AS double precision[]), CAST(:band AS integer[]),
        CAST(:notes AS text[])) AS said (cell, id, households, poor, error, band, notes)
    JOIN release.cell c USING (cell)
    ORDER BY said.id
) shape
WHERE geom IS NOT NULL;
