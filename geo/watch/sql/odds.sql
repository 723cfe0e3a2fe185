-- name: in_order
-- The planner takes a policy to let next to nothing pass, and would read all of a table instead: it may not.
SELECT set_config('enable_bitmapscan', 'off', true), set_config('enable_seqscan', 'off', true);

-- name: records
-- Every record that counts in some blocks: what was said at the door, when, for how long and by whom (place in `names`,
-- 0 for others). The household only as a number that keeps its records together.
SELECT hashtextextended(household_id, 0) AS household, revision, CAST(coalesce(visit, 0) AS integer) AS visit,
    array_position(CAST(:results AS text[]), result) AS result,
    CAST(extract(epoch FROM captured_at) AS double precision) AS at,
    CAST(coalesce(extract(epoch FROM finished_at - started_at) / 60, 'NaN') AS double precision) AS minutes,
    coalesce(lon, 'NaN') AS lon, coalesce(lat, 'NaN') AS lat,
    coalesce(array_position(CAST(:names AS text[]), enumerator), 0) AS who
FROM intake.submission
WHERE number = ANY(CAST(:numbers AS integer[]));
