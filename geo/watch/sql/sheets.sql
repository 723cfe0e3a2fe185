-- name: shapes
-- Outlines as they are, for paper. Shapes are public.
SELECT number, ST_AsBinary(geom) AS wkb
FROM ground.area
WHERE edition_id = :edition_id AND number = ANY(CAST(:numbers AS integer[]));

-- name: visits
-- Where somebody knocked: households that count in some blocks (`near`), as far as they count or lie in those of a village.
-- The policy holds whatever is asked.
SELECT h.household_id, h.number, ST_X(h.geom) AS lon, ST_Y(h.geom) AS lat, h.accuracy_m
FROM intake.household h
WHERE h.number = ANY(CAST(:near AS integer[])) AND h.geom IS NOT NULL
  AND (h.number = ANY(CAST(:numbers AS integer[])) OR h.located = ANY(CAST(:numbers AS integer[])))
ORDER BY h.number, h.household_id;
