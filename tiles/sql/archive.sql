-- name: outlines
-- Outlines of some areas as they were imported, in the order of their numbers. Shapes are public.
SELECT number, ST_AsBinary(geom) AS wkb
FROM ground.area
WHERE edition_id = :edition_id AND number = ANY(CAST(:numbers AS integer[]))
ORDER BY number;
