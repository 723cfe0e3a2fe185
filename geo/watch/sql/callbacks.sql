-- name: as_gathered
-- The planner takes a policy to let next to nothing pass, and might read the table for it: it may not. What is gathered of
-- a province should not go by way of the disk.
SELECT set_config('enable_seqscan', 'off', true), set_config('work_mem', '64MB', true);

-- name: listing
-- Households that are open or closed, by what is to be done (`callbacks.RANKS`): how many of each, and a page in the order
-- of the ranks. Those with an appointment, and those for later, go by the instant; others block by block, for who walks
-- from door to door. An appointment that does not lie after the visit at which it was made is none. Visits known from
-- records are looked for only where there are more records than visits stated; they count as in `geo.intake.visits`.
WITH open AS MATERIALIZED (
    SELECT h.number, h.household_id, h.captured_at, h.closed,
        CASE WHEN h.revisit_at > h.captured_at THEN h.revisit_at END AS agreed_at,
        CASE WHEN h.visit >= :most OR h.revision <= coalesce(h.visit, 1) THEN coalesce(h.visit, 1)
            ELSE greatest(coalesce(h.visit, 1), (
                WITH RECURSIVE met (n, captured_at, stated) AS (
                    (SELECT 1, s.captured_at, coalesce(s.visit, 0) FROM intake.submission s
                     WHERE s.household_id = h.household_id ORDER BY s.captured_at, s.revision LIMIT 1)
                    UNION ALL
                    SELECT m.n + 1, s.captured_at, greatest(m.stated, coalesce(s.visit, 0))
                    FROM met m CROSS JOIN LATERAL (
                        SELECT captured_at, visit FROM intake.submission
                        WHERE household_id = h.household_id AND captured_at >= m.captured_at + CAST(:between AS interval)
                          AND (visit IS NULL OR visit > m.stated OR visit = :most)
                        ORDER BY captured_at, revision LIMIT 1
                    ) s
                    WHERE m.n < :most
                ) SELECT max(n) FROM met)) END AS used
    FROM unnest(CAST(:los AS integer[]), CAST(:his AS integer[])) AS span (lo, hi)
    CROSS JOIN LATERAL (
        SELECT number, household_id, revision, visit, captured_at, revisit_at, closed
        FROM intake.household
        WHERE number BETWEEN span.lo AND span.hi AND result IN ('partial', 'not_met', 'refused')
        OFFSET 0  -- range by range, never all open households against the ranges
    ) h
), ranked AS (
    SELECT *, CASE
        WHEN closed THEN 6
        WHEN used >= :most THEN 5
        WHEN agreed_at < CAST(:missed AS timestamptz) OR agreed_at < CAST(:today AS timestamptz) THEN 0
        WHEN agreed_at < CAST(:tomorrow AS timestamptz) THEN 1
        WHEN agreed_at IS NOT NULL THEN 4
        WHEN captured_at < CAST(:today AS timestamptz) - CAST(:between AS interval) THEN 2
        WHEN captured_at < CAST(:tomorrow AS timestamptz) - CAST(:between AS interval) THEN 3
        ELSE 4 END AS rank
    FROM open
), page AS (
    SELECT r.*, d.*
    FROM ranked r CROSS JOIN LATERAL (
        SELECT coalesce(r.agreed_at, r.captured_at + CAST(:between AS interval)) AS due_at,
            CASE WHEN r.rank IN (0, 1) THEN r.agreed_at
                WHEN r.rank = 4 THEN coalesce(r.agreed_at, r.captured_at + CAST(:between AS interval))
                ELSE TIMESTAMPTZ 'epoch' END AS at
    ) d
    WHERE rank = ANY(CAST(:ranks AS integer[]))
      AND (CAST(:rank AS integer) IS NULL
           OR (rank, at, number, household_id) > (:rank, CAST(:at AS timestamptz), :number, :id))
    ORDER BY rank, at, number, household_id
    LIMIT :limit
)
SELECT (SELECT jsonb_object_agg(rank, n) FROM (SELECT rank, count(*) AS n FROM ranked GROUP BY rank) c) AS counts, p.*
FROM (SELECT 1) one LEFT JOIN page p ON true
ORDER BY p.rank, p.at, p.number, p.household_id;

-- name: shown
-- What a page shows of its households, in no order: where they stand in the prelist and why they are closed, as far as
-- that is known.
SELECT h.household_id, ST_X(h.geom) AS lon, ST_Y(h.geom) AS lat, h.result, h.enumerator, l.building, l.sequence,
    c.reason, c.decided_at AS closed_at
FROM intake.household h
LEFT JOIN ground.prelist l ON l.edition_id = :edition_id AND l.household_id = h.household_id
LEFT JOIN LATERAL (
    SELECT reason, decided_at FROM intake.closing
    WHERE household_id = h.household_id ORDER BY place DESC LIMIT 1
) c ON h.closed
WHERE h.household_id = ANY(CAST(:ids AS text[]));
