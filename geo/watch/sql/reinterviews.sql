-- name: in_order
-- The planner takes a policy to let next to nothing pass, and would read all of a table instead: it may not.
SELECT set_config('enable_bitmapscan', 'off', true), set_config('enable_seqscan', 'off', true);

-- name: key
-- What decides who is drawn.
SELECT draw_key FROM ground.campaign;

-- name: drawn
-- Completed households of ranges of numbers: how many of each enumerator, and those that are drawn with what came of the
-- second interview. Drawn is whose HMAC-SHA256 (RFC 2104, `inner` and `outer` being the padded key) begins with less than
-- `edge`: so only those leave the database. The newest act counts; `reopened` takes the one before it back.
WITH whole AS MATERIALIZED (
    SELECT h.number, h.household_id, coalesce(h.enumerator, '') AS enumerator,
        substring(sha256(CAST(:outer AS bytea) || sha256(CAST(:inner AS bytea) || convert_to(h.household_id, 'UTF8')))
            FROM 1 FOR 8) < CAST(:edge AS bytea) AS drawn
    FROM unnest(CAST(:los AS integer[]), CAST(:his AS integer[])) AS span (lo, hi)
    CROSS JOIN LATERAL (
        SELECT number, household_id, enumerator
        FROM intake.household
        WHERE number BETWEEN span.lo AND span.hi AND result = 'completed' AND day BETWEEN :since AND :until
        OFFSET 0  -- range by range, never all households against the ranges
    ) h
)
SELECT (SELECT jsonb_object_agg(enumerator, n)
        FROM (SELECT enumerator, count(*) AS n FROM whole GROUP BY enumerator) w) AS of, d.*
FROM (SELECT 1) one LEFT JOIN (
    SELECT w.number, w.household_id, w.enumerator, r.decision
    FROM whole w LEFT JOIN LATERAL (
        SELECT decision FROM intake.review
        WHERE subject = 'reinterview' AND about = w.household_id
        ORDER BY place DESC LIMIT 1
    ) r ON r.decision <> 'reopened'
    WHERE w.drawn
) d ON true
ORDER BY d.number, d.household_id;

-- name: shown
-- What a page shows of its households, in no order.
SELECT h.household_id, h.number, ST_X(h.geom) AS lon, ST_Y(h.geom) AS lat, h.captured_at, h.result, h.enumerator,
    l.building, l.sequence, r.decision, r.note, r.decided_by, r.decided_at
FROM intake.household h
LEFT JOIN ground.prelist l ON l.edition_id = :edition_id AND l.household_id = h.household_id
LEFT JOIN LATERAL (
    SELECT v.decision, v.note, a.name AS decided_by, v.decided_at
    FROM intake.review v LEFT JOIN trust.account a ON a.account_id = v.actor
    WHERE v.subject = 'reinterview' AND v.about = h.household_id
    ORDER BY v.place DESC LIMIT 1
) r ON r.decision <> 'reopened'
WHERE h.household_id = ANY(CAST(:ids AS text[]));

-- name: one
-- The block in which a household counts.
SELECT number FROM intake.household WHERE household_id = :household_id;
