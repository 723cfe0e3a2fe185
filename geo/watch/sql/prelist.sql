-- name: any_listed
-- Whether any block in ranges of numbers has a list.
SELECT EXISTS (
    SELECT FROM unnest(CAST(:los AS integer[]), CAST(:his AS integer[])) AS span (lo, hi)
    WHERE EXISTS (
        SELECT FROM ground.prelist p
        WHERE p.edition_id = :edition_id AND p.number BETWEEN span.lo AND span.hi
        OFFSET 0
    )
);

-- name: counts
-- Families of the lists of some blocks by what is known of them, and households that count there and are on no list.
-- Most count where they are listed, so those of the blocks are joined first, and only the rest is looked up by id. The
-- planner takes a policy to let next to nothing pass and would compare all with all: a full join it may only hash or
-- sort. OFFSET 0 keeps what is looked up one by one from becoming a join.
WITH listed AS MATERIALIZED (
    SELECT household_id FROM ground.prelist
    WHERE edition_id = :edition_id AND number = ANY(CAST(:numbers AS integer[]))
), here AS MATERIALIZED (
    SELECT household_id, result, closed FROM intake.household WHERE number = ANY(CAST(:numbers AS integer[]))
), known AS (
    SELECT l.household_id AS listed, x.listed AS elsewhere, coalesce(h.result, e.result) AS result,
        coalesce(h.closed, e.closed) AS closed
    FROM listed l FULL JOIN here h ON h.household_id = l.household_id
    LEFT JOIN LATERAL (
        SELECT o.result, o.closed FROM intake.household o
        WHERE h.household_id IS NULL AND o.household_id = l.household_id
        OFFSET 0
    ) e ON true
    LEFT JOIN LATERAL (
        SELECT true AS listed FROM ground.prelist p
        WHERE l.household_id IS NULL AND p.edition_id = :edition_id AND p.household_id = h.household_id
        OFFSET 0
    ) x ON true
)
SELECT count(*) FILTER (WHERE listed IS NOT NULL AND result IS NULL) AS missing,
    count(*) FILTER (WHERE listed IS NOT NULL AND result IN ('partial', 'not_met', 'refused') AND NOT closed) AS open,
    count(*) FILTER (WHERE listed IS NOT NULL AND (result = 'completed' OR closed)) AS done,
    count(*) FILTER (
        WHERE listed IS NOT NULL AND result IN ('not_found', 'moved', 'deceased', 'ineligible')
    ) AS dropped,
    count(*) FILTER (WHERE listed IS NULL AND elsewhere IS NULL) AS new
FROM known;

-- name: families
-- The same families one by one; their order is the caller's business. `found` is the block in which one counts.
WITH listed AS MATERIALIZED (
    SELECT household_id, number, building, sequence FROM ground.prelist
    WHERE edition_id = :edition_id AND number = ANY(CAST(:numbers AS integer[]))
), here AS MATERIALIZED (
    SELECT household_id, number, result, closed, origin, visit, geom
    FROM intake.household WHERE number = ANY(CAST(:numbers AS integer[]))
), known AS (
    SELECT coalesce(l.household_id, h.household_id) AS household_id, coalesce(l.number, h.number) AS number, l.building,
        l.sequence, l.household_id IS NOT NULL AS listed, x.listed AS elsewhere, coalesce(h.number, e.number) AS found,
        coalesce(h.result, e.result) AS result, coalesce(h.closed, e.closed) AS closed,
        coalesce(h.origin, e.origin) AS origin, coalesce(h.visit, e.visit) AS visit, coalesce(h.geom, e.geom) AS geom
    FROM listed l FULL JOIN here h ON h.household_id = l.household_id
    LEFT JOIN LATERAL (
        SELECT o.number, o.result, o.closed, o.origin, o.visit, o.geom FROM intake.household o
        WHERE h.household_id IS NULL AND o.household_id = l.household_id
        OFFSET 0
    ) e ON true
    LEFT JOIN LATERAL (
        SELECT true AS listed FROM ground.prelist p
        WHERE l.household_id IS NULL AND p.edition_id = :edition_id AND p.household_id = h.household_id
        OFFSET 0
    ) x ON true
)
SELECT k.household_id, k.number, k.building, k.sequence, k.listed, s.state, k.found, k.result, k.origin, k.visit,
    ST_X(k.geom) AS lon, ST_Y(k.geom) AS lat
FROM known k
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN NOT k.listed THEN CASE WHEN k.elsewhere IS NULL THEN 'new' END
        WHEN k.result IS NULL THEN 'missing'
        WHEN k.result = 'completed' OR k.closed THEN 'done'
        WHEN k.result IN ('partial', 'not_met', 'refused') THEN 'open'
        ELSE 'dropped'
    END AS state
) s
WHERE s.state = ANY(CAST(:states AS text[]));
