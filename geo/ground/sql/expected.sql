-- name: edition
SELECT edition_id FROM ground.edition WHERE code = :edition;

-- name: codes
SELECT number, last, level, code FROM ground.area WHERE edition_id = :edition_id;

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

-- name: geometries
SELECT number, ST_AsBinary(geom) AS geom FROM ground.area
WHERE edition_id = :edition_id AND number = ANY(:numbers) ORDER BY number;

-- name: clear_cells
DELETE FROM ground.expected_cell WHERE edition_id = :edition_id AND series = :series AND number = ANY(:numbers);

-- name: sources
SELECT DISTINCT series, source, dated FROM ground.expected WHERE edition_id = :edition_id ORDER BY series, dated;
