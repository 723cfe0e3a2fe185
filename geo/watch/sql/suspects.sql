-- name: in_order
-- The planner takes a policy to let next to nothing pass, and would read all of a table instead: it may not.
SELECT set_config('enable_bitmapscan', 'off', true), set_config('enable_seqscan', 'off', true);

-- name: inside
-- Points of some blocks that lie in them: how the blocks' own people worked. People are told apart by a number, 0 where
-- nobody is named.
SELECT number, ST_X(geom) AS lon, ST_Y(geom) AS lat,
    CAST(coalesce(accuracy_m, 'NaN') AS double precision) AS accuracy_m,
    CAST(day - DATE '1970-01-01' AS bigint) AS day, coalesce(hashtextextended(enumerator, 0), 0) AS who
FROM intake.household
WHERE number = ANY(CAST(:numbers AS integer[])) AND geom IS NOT NULL AND located = number;

-- name: outside
-- Households that count in some blocks and lie elsewhere.
SELECT household_id, number, located, ST_X(geom) AS lon, ST_Y(geom) AS lat,
    CAST(coalesce(accuracy_m, 'NaN') AS double precision) AS accuracy_m,
    CAST(day - DATE '1970-01-01' AS bigint) AS day, coalesce(hashtextextended(enumerator, 0), 0) AS who, enumerator
FROM intake.household
WHERE number = ANY(CAST(:numbers AS integer[])) AND geom IS NOT NULL AND located <> number
ORDER BY number, household_id;

-- name: outlines
-- Outlines of blocks. They are public.
SELECT number, ST_AsBinary(geom) AS geom
FROM ground.area
WHERE edition_id = :edition_id AND number = ANY(CAST(:numbers AS integer[]));

-- name: houses
-- Residential footprints of blocks. They are public.
SELECT number, lon, lat, CAST(area_m2 AS double precision) AS area_m2
FROM ground.footprint
WHERE edition_id = :edition_id AND number = ANY(CAST(:numbers AS integer[]))
ORDER BY number, footprint_id;
