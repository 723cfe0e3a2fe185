-- name: moves
-- Families by block and forum, by their group before and after (before: 0 where nobody said), by the reason of the moved.
-- A family's newest consultation up to a day counts. Its group before is what that event says, else what the event that
-- it corrects (of the same day) said, else the group of the event of the day before. Codes of forums are resolved by
-- whoever asks: the planner takes a policy to let next to nothing pass, and would look each up by itself.
WITH heard AS MATERIALIZED (
    SELECT DISTINCT ON (e.household_id) e.household_id, e.number, e.dated, e.consultation, e.before, e.forum, e.reason
    FROM unnest(CAST(:los AS integer[]), CAST(:his AS integer[])) AS span (lo, hi)
    JOIN welfare.event e ON e.number BETWEEN span.lo AND span.hi
    WHERE e.scale = 'consultation' AND e.dated <= :until
    ORDER BY e.household_id, e.dated DESC, e.revision DESC
), compared AS (
    SELECT h.number, h.forum, coalesce(h.before, earlier.before, 0) AS before, h.consultation AS after, h.reason
    FROM heard h
    LEFT JOIN LATERAL (
        SELECT CASE WHEN e.dated = h.dated THEN e.before ELSE e.consultation END AS before
        FROM welfare.event e
        WHERE h.before IS NULL
          AND e.household_id = h.household_id
          AND e.scale = 'consultation'
          AND (e.dated < h.dated OR (e.dated = h.dated AND e.before IS NOT NULL))
          AND e.number <@ CAST(:scope AS int4multirange)
        ORDER BY e.dated DESC, e.revision DESC
        LIMIT 1
    ) earlier ON true
    WHERE h.dated >= :since
)
SELECT number, forum, before, after,
    CASE WHEN before NOT IN (0, after) THEN coalesce(reason, '') END AS reason,
    count(*) AS families
FROM compared
GROUP BY 1, 2, 3, 4, 5
ORDER BY 1, 2, 3, 4, 5
