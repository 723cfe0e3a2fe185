-- name: write
INSERT INTO ground.expected (edition_id, series, number, expected, source, dated)
VALUES (:edition_id, :series, :number, :expected, :source, :dated)
ON CONFLICT (edition_id, series, number) DO UPDATE
SET expected = excluded.expected, source = excluded.source, dated = excluded.dated;

-- name: sums
-- Families by level, each a sum over blocks.
SELECT a.level, sum(e.expected) AS families
FROM ground.area a
JOIN ground.expected e ON e.edition_id = a.edition_id AND e.number BETWEEN a.number AND a.last
WHERE a.edition_id = :edition_id AND e.series = :series
GROUP BY a.level;

-- name: stored
SELECT series, number, expected FROM ground.expected WHERE edition_id = :edition_id ORDER BY series, number;

-- name: footprints
-- The footprints of each block in one piece: there are too many to send them row by row.
SELECT number, string_agg(float8send(lon) || float8send(lat) || float8send(area_m2), ''::bytea) AS houses
FROM ground.footprint
WHERE edition_id = :edition_id AND number = ANY(CAST(:numbers AS integer[]))
GROUP BY number;

-- name: bases
-- Families of each series that were spread by footprints, and by area.
SELECT series, coalesce(sum(expected) FILTER (WHERE NOT estimated), 0), coalesce(sum(expected) FILTER (WHERE estimated), 0)
FROM ground.expected_cell WHERE edition_id = :edition_id GROUP BY series ORDER BY series;

-- name: geometries
SELECT number, ST_AsBinary(geom) AS geom FROM ground.area
WHERE edition_id = :edition_id AND number = ANY(:numbers) ORDER BY number;

-- name: clear_cells
DELETE FROM ground.expected_cell WHERE edition_id = :edition_id AND series = :series AND number = ANY(:numbers);

-- name: sources
SELECT DISTINCT series, source, dated FROM ground.expected WHERE edition_id = :edition_id ORDER BY series, dated;
