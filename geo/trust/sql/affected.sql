-- name: edition
SELECT e.code FROM ground.campaign c JOIN ground.edition e USING (edition_id);

-- name: readers
-- Reads of single households by account and act.
SELECT coalesce(a.name, 'operator') AS account, u.act, count(*) AS reads,
    CAST(sum(CAST(u.subject ->> 'households' AS bigint)) AS bigint) AS households, min(u.at) AS first_at,
    max(u.at) AS last_at, array_agg(DISTINCT u.credential_id) FILTER (WHERE u.credential_id IS NOT NULL) AS credentials
FROM trust.audit u LEFT JOIN trust.account a ON a.account_id = u.actor
WHERE u.subject ? 'households' AND u.at >= :since
  AND (CAST(:until AS timestamptz) IS NULL OR u.at < :until)
  AND (CAST(:account AS integer) IS NULL OR u.actor = :account)
  AND (CAST(:credential AS integer) IS NULL OR u.credential_id = :credential)
GROUP BY 1, 2 ORDER BY 4 DESC, 1, 2;

-- name: blocks
SELECT DISTINCT u.subject ->> 'edition' AS edition, CAST(b.value ->> 0 AS integer) AS first,
    CAST(b.value ->> 1 AS integer) AS last
FROM trust.audit u CROSS JOIN LATERAL jsonb_array_elements(u.subject -> 'blocks') b
WHERE u.subject ? 'households' AND u.at >= :since
  AND (CAST(:until AS timestamptz) IS NULL OR u.at < :until)
  AND (CAST(:account AS integer) IS NULL OR u.actor = :account)
  AND (CAST(:credential AS integer) IS NULL OR u.credential_id = :credential);

-- name: villages
-- Households that count in ranges of blocks, and families of their lists that do not, by the area above the block; those
-- of no block by themselves.
WITH span AS (
    SELECT * FROM unnest(CAST(:firsts AS integer[]), CAST(:lasts AS integer[])) AS span (first, last)
), counted AS (
    SELECT h.household_id, h.number FROM span JOIN intake.household h ON h.number BETWEEN span.first AND span.last
), concerned AS (
    SELECT household_id, number FROM counted
    UNION ALL
    SELECT p.household_id, p.number
    FROM span
    JOIN ground.prelist p ON p.edition_id = (SELECT edition_id FROM ground.campaign)
        AND p.number BETWEEN span.first AND span.last
    WHERE NOT EXISTS (SELECT FROM counted c WHERE c.household_id = p.household_id)
)
SELECT v.code AS village, v.name, count(*) AS households
FROM concerned h
LEFT JOIN ground.campaign c ON true
LEFT JOIN ground.area b ON b.edition_id = c.edition_id AND b.number = h.number AND h.number > 0
LEFT JOIN ground.area v ON v.edition_id = c.edition_id AND v.number = b.parent
GROUP BY v.code, v.name ORDER BY 3 DESC, 1;

-- name: households
-- The same one by one.
WITH span AS (
    SELECT * FROM unnest(CAST(:firsts AS integer[]), CAST(:lasts AS integer[])) AS span (first, last)
), counted AS (
    SELECT h.household_id, h.number FROM span JOIN intake.household h ON h.number BETWEEN span.first AND span.last
), concerned AS (
    SELECT household_id, number FROM counted
    UNION ALL
    SELECT p.household_id, p.number
    FROM span
    JOIN ground.prelist p ON p.edition_id = (SELECT edition_id FROM ground.campaign)
        AND p.number BETWEEN span.first AND span.last
    WHERE NOT EXISTS (SELECT FROM counted c WHERE c.household_id = p.household_id)
)
SELECT h.household_id, coalesce(v.code, '') AS village, b.code AS block
FROM concerned h
LEFT JOIN ground.campaign c ON true
LEFT JOIN ground.area b ON b.edition_id = c.edition_id AND b.number = h.number AND h.number > 0
LEFT JOIN ground.area v ON v.edition_id = c.edition_id AND v.number = b.parent
ORDER BY 2, 3, 1;
