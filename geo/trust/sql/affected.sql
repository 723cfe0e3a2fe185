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

-- name: concerned
-- Whom reads in ranges of blocks concern: households with a record or an event of the ledger there, families listed
-- there, and rows held back there. One that was corrected into another block since was given out all the same: it stands where it counts now. With
-- `each` one by one, else counted by the area above the block; those of no block by themselves. A row held back that
-- names no household as one is named is called by its number.
WITH span AS (
    SELECT * FROM unnest(CAST(:firsts AS integer[]), CAST(:lasts AS integer[])) AS span (first, last)
), given AS (
    SELECT s.household_id, s.number FROM span JOIN intake.submission s ON s.number BETWEEN span.first AND span.last
    UNION ALL
    SELECT p.household_id, p.number
    FROM span
    JOIN ground.prelist p ON p.edition_id = (SELECT edition_id FROM ground.campaign)
        AND p.number BETWEEN span.first AND span.last
    UNION ALL
    SELECT coalesce(substring(q.raw ->> 'household_id' FROM '^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,63}$'),
        'row ' || q.quarantine_id || ' held back'), q.number
    FROM span JOIN intake.quarantine q ON q.number BETWEEN span.first AND span.last
    UNION ALL
    SELECT e.household_id, e.number FROM span JOIN welfare.event e ON e.number BETWEEN span.first AND span.last
    UNION ALL
    SELECT coalesce(w.household_id, 'row ' || w.held_id || ' of welfare held back'), w.number
    FROM span JOIN welfare.held w ON w.number BETWEEN span.first AND span.last
), concerned AS (
    SELECT g.household_id, coalesce(min(h.number), max(g.number)) AS number
    FROM given g LEFT JOIN intake.household h USING (household_id)
    GROUP BY g.household_id
)
SELECT v.code AS village, v.name, CASE WHEN CAST(:each AS boolean) THEN b.code END AS block,
    CASE WHEN CAST(:each AS boolean) THEN h.household_id END AS household_id, count(*) AS households
FROM concerned h
LEFT JOIN ground.campaign c ON true
LEFT JOIN ground.area b ON b.edition_id = c.edition_id AND b.number = h.number AND h.number > 0
LEFT JOIN ground.area v ON v.edition_id = c.edition_id AND v.number = b.parent
GROUP BY 1, 2, 3, 4
ORDER BY CASE WHEN CAST(:each AS boolean) THEN 0 ELSE count(*) END DESC, 1, 3, 4;
