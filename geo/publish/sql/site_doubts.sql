-- name: nobody
-- Blocks where nobody is expected: marked uninhabited, or with none on the list.
SELECT a.number FROM ground.area a
LEFT JOIN ground.expected e ON e.edition_id = a.edition_id AND e.number = a.number AND e.series = :series
WHERE a.edition_id = :edition_id AND a.number = a.last AND (a.uninhabited OR e.expected = 0)
ORDER BY a.number;

-- name: unknown
-- Blocks of which the list says nothing: families may live there.
SELECT a.number FROM ground.area a
LEFT JOIN ground.expected e ON e.edition_id = a.edition_id AND e.number = a.number AND e.series = :series
WHERE a.edition_id = :edition_id AND a.number = a.last AND NOT a.uninhabited AND e.expected IS NULL
ORDER BY a.number;

-- name: lived_in
-- H3 cells where somebody is expected.
SELECT DISTINCT cell FROM ground.expected_cell
WHERE edition_id = :edition_id AND series = :series AND expected > 0
ORDER BY cell;

-- name: families
SELECT coalesce(sum(expected), 0) FROM ground.expected WHERE edition_id = :edition_id AND series = :series;
