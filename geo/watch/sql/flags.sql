-- name: in_order
-- The planner takes a policy to let next to nothing pass, and would read all of a table instead: it may not.
SELECT set_config('enable_seqscan', 'off', true), set_config('work_mem', '64MB', true);

-- name: arrived
-- How many records count in some blocks: none is ever taken away.
SELECT count(*) FROM intake.submission WHERE number = ANY(CAST(:numbers AS integer[]));

-- name: records
-- Records that count in some blocks, whatever became of them: which is its household's newest, in which house it is
-- listed, and, of points marked as outside, the nearest place of the block. The policy holds whatever is asked.
SELECT s.household_id, s.enumerator, s.number, l.number || '/' || l.building AS building, s.lon, s.lat, s.accuracy_m,
    ST_X(e.place) AS edge_lon, ST_Y(e.place) AS edge_lat,
    extract(epoch FROM s.captured_at) AS captured, extract(epoch FROM s.started_at) AS started,
    extract(epoch FROM s.finished_at) AS finished,
    array_position(CAST(:results AS text[]), s.result) - 1 AS result, CAST(s.origin = 'new' AS integer) AS new,
    CAST(h.submission_id IS NOT NULL AS integer) AS counts, CAST(e.place IS NOT NULL AS integer) AS outside,
    CAST(coalesce(s.flags, '') LIKE '%low_accuracy%' AS integer) AS poor
FROM intake.submission s
LEFT JOIN intake.household h
    ON h.number = s.number AND h.household_id = s.household_id AND h.submission_id = s.submission_id
LEFT JOIN ground.prelist l ON l.edition_id = :edition_id AND l.household_id = s.household_id
LEFT JOIN LATERAL (
    SELECT ST_ClosestPoint(a.geom, ST_SetSRID(ST_MakePoint(s.lon, s.lat), 4326)) AS place
    FROM ground.area a
    WHERE a.edition_id = :edition_id AND a.number = s.number AND s.lon IS NOT NULL
      AND s.flags LIKE '%outside_block%'
) e ON true
WHERE s.number = ANY(CAST(:numbers AS integer[]));

-- name: houses
-- Residential footprints of some blocks. They are public; how many people live in them nobody says.
SELECT number, lon, lat, CAST(area_m2 AS double precision) AS area_m2
FROM ground.footprint
WHERE edition_id = :edition_id AND number = ANY(CAST(:numbers AS integer[]))
ORDER BY number, footprint_id;

-- name: centres
-- Where offices put points that they move to "the block": its centroid, and the point that carries its label.
SELECT number, ST_X(c.place) AS lon, ST_Y(c.place) AS lat
FROM ground.area a CROSS JOIN LATERAL (
    VALUES (ST_Centroid(a.geom)), (ST_SetSRID(ST_MakePoint(a.lon, a.lat), 4326))
) c (place)
WHERE edition_id = :edition_id AND number = ANY(CAST(:numbers AS integer[]));
