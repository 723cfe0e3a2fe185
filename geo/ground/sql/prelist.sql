-- name: incoming
-- Families on their way in, without names; `"row"` is their place in the file.
CREATE TEMP TABLE listing (
    "row" integer, household_id text, number integer, building text, sequence integer
) ON COMMIT DROP;

-- name: look
ANALYZE listing;

-- name: named
-- Blocks that the file names in a row that can be meant.
SELECT DISTINCT number FROM listing ORDER BY number;

-- name: repeated
-- Rows whose household stands in several; the first one counts.
SELECT l."row", l.number, l."row" = f.first AS counts
FROM listing l
JOIN (SELECT household_id, min("row") AS first FROM listing GROUP BY household_id HAVING count(*) > 1) f
    USING (household_id)
ORDER BY l."row";

-- name: drop_rows
DELETE FROM listing WHERE "row" = ANY(CAST(:rows AS integer[]));

-- name: clear
DELETE FROM ground.prelist WHERE edition_id = :edition_id AND number = ANY(CAST(:numbers AS integer[]));

-- name: elsewhere
-- Rows whose household is on the list of a block that this file does not name; asked once those it names are cleared.
SELECT l."row", l.number, p.number AS listed
FROM listing l
JOIN ground.prelist p ON p.edition_id = :edition_id AND p.household_id = l.household_id
ORDER BY l."row";

-- name: write
-- In the order in which lists are read, so that a block lies together.
INSERT INTO ground.prelist (edition_id, household_id, number, building, sequence)
SELECT :edition_id, household_id, number, building, sequence FROM listing ORDER BY number, household_id;

-- name: compared
-- Families listed in each block that was named, beside what the series `prelist` expects there.
SELECT n.number, coalesce(c.listed, 0) AS listed, e.expected
FROM unnest(CAST(:numbers AS integer[])) AS n (number)
LEFT JOIN (SELECT number, CAST(count(*) AS integer) AS listed FROM listing GROUP BY number) c USING (number)
LEFT JOIN ground.expected e ON e.edition_id = :edition_id AND e.series = 'prelist' AND e.number = n.number
ORDER BY n.number;
