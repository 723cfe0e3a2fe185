-- name: clear
DELETE FROM ground.footprint WHERE edition_id = :edition_id;

-- name: within
-- Footprints of a range of blocks. That index is to find them, not the one of the order: theirs are few of all.
WITH found AS MATERIALIZED (
    SELECT footprint_id AS id, number AS n, lon, lat, CAST(area_m2 AS double precision) AS area_m2
    FROM ground.footprint
    WHERE edition_id = :edition_id AND number BETWEEN :lo AND :hi
)
SELECT id, n, lon, lat, area_m2 FROM found WHERE id > :after ORDER BY id LIMIT :limit;
