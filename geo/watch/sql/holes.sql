-- name: in_order
-- The planner takes a policy to let next to nothing pass, and would read all of a table instead: it may not.
SELECT set_config('enable_bitmapscan', 'off', true), set_config('enable_seqscan', 'off', true);

-- name: houses
-- Residential footprints of some blocks. They are public; how many people live in them nobody says.
SELECT number, lon, lat, CAST(area_m2 AS double precision) AS area_m2
FROM ground.footprint
WHERE edition_id = :edition_id AND number = ANY(CAST(:numbers AS integer[]))
ORDER BY number, footprint_id;

-- name: points
-- Where somebody knocked: households that count in some blocks (`near`), as far as they count or lie in those asked
-- about. Whatever came of the visit, somebody was there. The policy holds whatever is asked.
SELECT ST_X(h.geom) AS lon, ST_Y(h.geom) AS lat,
    CAST(coalesce(h.accuracy_m, 'NaN') AS double precision) AS accuracy_m,
    CAST(h.day - DATE '1970-01-01' AS bigint) AS day
FROM intake.household h
WHERE h.number = ANY(CAST(:near AS integer[])) AND h.geom IS NOT NULL
  AND (h.number = ANY(CAST(:numbers AS integer[])) OR h.located = ANY(CAST(:numbers AS integer[])));
