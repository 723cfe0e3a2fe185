-- name: area
SELECT a.number, a.last FROM ground.campaign c JOIN ground.area a USING (edition_id)
WHERE a.level = :level AND a.code = :code;

-- name: give
INSERT INTO trust.granted
    (account_id, role, edition_id, level, code, assigned, expires_at, purpose, agreement, granted_by)
SELECT :account_id, :role, CASE WHEN CAST(:code AS text) IS NOT NULL THEN c.edition_id END, CAST(:level AS text),
    CAST(:code AS text), :assigned, CAST(:expires_at AS timestamptz), CAST(:purpose AS text), CAST(:agreement AS text), :by
FROM (VALUES (1)) one (row) LEFT JOIN ground.campaign c ON true
RETURNING granted_id;

-- name: extent
-- What grants reach: one that is in force, or all that an account was ever given. Null where the edition is not the
-- campaign's.
SELECT g.granted_id, g.account_id,
    CASE WHEN g.code IS NULL THEN 0 ELSE a.number END AS first,
    CASE WHEN g.code IS NULL THEN 2147483646 ELSE a.last END AS last
FROM trust.granted g
LEFT JOIN ground.campaign c ON true
LEFT JOIN ground.area a ON a.edition_id = c.edition_id AND a.edition_id = g.edition_id AND a.level = g.level
                       AND a.code = g.code
WHERE CASE WHEN CAST(:granted_id AS integer) IS NULL THEN g.account_id = :account_id
    ELSE g.granted_id = :granted_id AND g.ended_at IS NULL AND (g.expires_at IS NULL OR g.expires_at > now()) END;

-- name: end
UPDATE trust.granted SET ended_at = now(), ended_by = :by WHERE granted_id = :granted_id AND ended_at IS NULL;

-- name: of_accounts
SELECT g.granted_id, g.account_id, g.role, g.level, g.code, a.name AS area, e.code AS edition, g.assigned, g.purpose,
    g.agreement, b.name AS granted_by, g.created_at, g.expires_at, g.ended_at
FROM trust.granted g
LEFT JOIN ground.edition e USING (edition_id)
LEFT JOIN ground.area a ON a.edition_id = g.edition_id AND a.level = g.level AND a.code = g.code
LEFT JOIN trust.account b ON b.account_id = g.granted_by
WHERE g.account_id = ANY(CAST(:accounts AS integer[]))
  AND (:ended OR (g.ended_at IS NULL AND (g.expires_at IS NULL OR g.expires_at > now())))
ORDER BY g.granted_id;

-- name: holders
-- Who may see any of the numbers first … last. Local governments see no numbers, yet belong on the list of their areas.
WITH held AS (
    SELECT g.granted_id, g.account_id, 0 AS first, CAST(:end AS integer) AS last
    FROM trust.granted g WHERE g.code IS NULL AND NOT g.assigned
    UNION ALL
    SELECT g.granted_id, g.account_id, a.number, a.last
    FROM trust.granted g
    JOIN ground.campaign c ON c.edition_id = g.edition_id
    JOIN ground.area a ON a.edition_id = c.edition_id AND a.level = g.level AND a.code = g.code
    UNION ALL
    SELECT g.granted_id, g.account_id, a.number, a.last
    FROM trust.granted g
    JOIN trust.account n USING (account_id)
    CROSS JOIN ground.campaign c
    JOIN ground.assignment w ON w.edition_id = c.edition_id
        AND CASE g.role WHEN 'enumerator' THEN w.enumerator WHEN 'supervisor' THEN w.supervisor END = n.name
    JOIN ground.area a ON a.edition_id = c.edition_id AND a.code = w.code AND a.number = a.last
    WHERE g.assigned
)
SELECT n.name, g.granted_id, g.role, g.level, g.code, g.assigned, g.purpose, g.agreement, b.name AS granted_by,
    g.created_at, g.expires_at,
    bool_or(h.first <= :first AND h.last >= :last) AS whole,
    CAST(sum(least(h.last, :last) - greatest(h.first, :first) + 1) AS bigint) AS numbers
FROM held h
JOIN trust.granted g USING (granted_id)
JOIN trust.account n ON n.account_id = g.account_id AND n.disabled_at IS NULL
LEFT JOIN trust.account b ON b.account_id = g.granted_by
WHERE h.first <= :last AND h.last >= :first
  AND g.ended_at IS NULL AND (g.expires_at IS NULL OR g.expires_at > now())
GROUP BY n.name, g.granted_id, b.name
ORDER BY g.code IS NULL AND NOT g.assigned DESC, array_position(
    ARRAY['admin', 'coordinator', 'supervisor', 'enumerator', 'local_government'], g.role), n.name, g.granted_id;
