-- name: accounts
-- Accounts in the order of their names: those numbered `known`, or all.
SELECT a.account_id, a.name, a.created_at, a.disabled_at, coalesce(a.locked_until > now(), false) AS locked,
    a.password_hash IS NOT NULL AS by_password, a.identity IS NOT NULL AS by_provider,
    (SELECT max(k.created_at) FROM trust.credential k WHERE k.account_id = a.account_id AND k.kind = 'session') AS logged_in_at
FROM trust.account a
WHERE a.name > :after
  AND strpos(lower(a.name), lower(:part)) > 0
  AND (CAST(:known AS integer[]) IS NULL OR a.account_id = ANY(CAST(:known AS integer[])))
ORDER BY a.name LIMIT :limit;

-- name: by_name
SELECT account_id FROM trust.account WHERE name = :name;

-- name: idle
-- Accounts without a grant in force whose every grant lay in the numbers `seen`.
SELECT g.account_id
FROM trust.granted g
LEFT JOIN ground.campaign c ON true
LEFT JOIN ground.area a ON a.edition_id = c.edition_id AND a.edition_id = g.edition_id AND a.level = g.level
                       AND a.code = g.code
WHERE NOT EXISTS (
    SELECT FROM trust.granted f
    WHERE f.account_id = g.account_id AND f.ended_at IS NULL AND (f.expires_at IS NULL OR f.expires_at > now())
)
GROUP BY g.account_id
HAVING bool_and(coalesce(int4range(a.number, a.last, '[]') <@ CAST(:seen AS int4multirange), false));

-- name: within
-- Which of some accounts were never granted anything but areas in the numbers `seen`: what is assigned may come to be
-- anywhere, and one that was wider once may be so again.
SELECT g.account_id
FROM trust.granted g
LEFT JOIN ground.campaign c ON true
LEFT JOIN ground.area a ON a.edition_id = c.edition_id AND a.edition_id = g.edition_id AND a.level = g.level
                       AND a.code = g.code
WHERE g.account_id = ANY(CAST(:accounts AS integer[]))
GROUP BY g.account_id
HAVING bool_and(coalesce(int4range(a.number, a.last, '[]') <@ CAST(:seen AS int4multirange), false));

-- name: grants
-- Grants in force of some accounts, of them those that touch the numbers `seen`.
SELECT g.granted_id AS id, g.account_id, g.role, g.level, g.code, a.name AS area, g.assigned, g.purpose, g.agreement,
    b.name AS granted_by, g.created_at AS since, g.expires_at AS until,
    :everything OR (NOT g.assigned AND coalesce(r.numbers <@ CAST(:seen AS int4multirange), false)) AS yours
FROM trust.granted g
LEFT JOIN ground.campaign c ON true
LEFT JOIN ground.area a ON a.edition_id = g.edition_id AND a.level = g.level AND a.code = g.code
LEFT JOIN trust.account b ON b.account_id = g.granted_by
CROSS JOIN LATERAL (
    SELECT CASE WHEN g.code IS NULL THEN int4range(0, 2147483646, '[]')
                WHEN g.edition_id = c.edition_id THEN int4range(a.number, a.last, '[]') END AS numbers
) r
WHERE g.account_id = ANY(CAST(:accounts AS integer[]))
  AND g.ended_at IS NULL AND (g.expires_at IS NULL OR g.expires_at > now())
  AND (:everything OR (NOT g.assigned AND r.numbers && CAST(:seen AS int4multirange)) OR (g.assigned AND EXISTS (
      SELECT FROM (
          SELECT w.code FROM trust.account n JOIN ground.assignment w ON w.enumerator = n.name
          WHERE n.account_id = g.account_id AND g.role = 'enumerator' AND w.edition_id = c.edition_id
          UNION ALL
          SELECT w.code FROM trust.account n JOIN ground.assignment w ON w.supervisor = n.name
          WHERE n.account_id = g.account_id AND g.role = 'supervisor' AND w.edition_id = c.edition_id
      ) w
      JOIN ground.area s ON s.edition_id = c.edition_id AND s.code = w.code AND s.number = s.last
      WHERE s.number <@ CAST(:seen AS int4multirange)
  )))
ORDER BY g.granted_id;

-- name: areas
-- Who may see any of the numbers `asked`, and which of them. Local governments see no numbers, yet belong on the list
-- of their areas. Begins with the areas, for they are few and the grants of a nation many: those asked about, those
-- these lie in, and whoever holds them. `after` is the grant that the page before ended with.
WITH RECURSIVE asked AS (
    SELECT lower(r) AS first, upper(r) - 1 AS last FROM unnest(CAST(:asked AS int4multirange)) r
), touched AS (
    SELECT a.edition_id, a.level, a.code, a.number, a.last
    FROM ground.campaign c CROSS JOIN asked q CROSS JOIN LATERAL (
        SELECT * FROM ground.area i WHERE i.edition_id = c.edition_id AND i.number BETWEEN q.first AND q.last OFFSET 0
    ) a
), above AS (
    SELECT a.edition_id, a.level, a.code, a.number, a.last, a.parent
    FROM ground.campaign c CROSS JOIN asked q
    JOIN ground.area f ON f.edition_id = c.edition_id AND f.number = q.first
    JOIN ground.area a ON a.edition_id = c.edition_id AND a.number = f.parent
    UNION
    SELECT a.edition_id, a.level, a.code, a.number, a.last, a.parent
    FROM above b JOIN ground.area a ON a.edition_id = b.edition_id AND a.number = b.parent
), held AS (
    SELECT g.granted_id, int4range(0, 2147483646, '[]') AS numbers
    FROM trust.granted g WHERE g.code IS NULL AND NOT g.assigned
    UNION ALL
    SELECT g.granted_id, int4range(a.number, a.last, '[]')
    FROM (TABLE touched UNION SELECT edition_id, level, code, number, last FROM above) a
    JOIN trust.granted g USING (edition_id, level, code)
    UNION ALL
    SELECT g.granted_id, int4range(a.number, a.last, '[]')
    FROM touched a
    JOIN ground.assignment w ON w.edition_id = a.edition_id AND w.code = a.code
    CROSS JOIN LATERAL (VALUES ('enumerator', w.enumerator), ('supervisor', w.supervisor)) s (role, name)
    JOIN trust.account n ON n.name = s.name
    JOIN trust.granted g ON g.account_id = n.account_id AND g.assigned AND g.role = s.role
    WHERE a.number = a.last
), found AS (
    SELECT g.*, n.name AS account, h.seen, coalesce(array_position(
            ARRAY['admin', 'coordinator', 'supervisor', 'enumerator', 'local_government'], g.role), 9) AS rank
    FROM (
        SELECT granted_id, range_agg(numbers) * CAST(:asked AS int4multirange) AS seen FROM held GROUP BY granted_id
    ) h
    JOIN trust.granted g USING (granted_id)
    JOIN trust.account n ON n.account_id = g.account_id AND (:shut OR n.disabled_at IS NULL)
    WHERE g.ended_at IS NULL AND (g.expires_at IS NULL OR g.expires_at > now())
)
SELECT f.granted_id AS id, f.account_id, f.account, f.role, f.level, f.code, a.name AS area, f.assigned, f.purpose,
    f.agreement, b.name AS granted_by, f.created_at AS since, f.expires_at AS until, f.seen,
    (SELECT count(DISTINCT account_id) FROM found) AS accounts
FROM found f
LEFT JOIN ground.area a ON a.edition_id = f.edition_id AND a.level = f.level AND a.code = f.code
LEFT JOIN trust.account b ON b.account_id = f.granted_by
WHERE CAST(:after AS integer) IS NULL
   OR (f.rank, f.account, f.granted_id) > (
       SELECT coalesce(array_position(
           ARRAY['admin', 'coordinator', 'supervisor', 'enumerator', 'local_government'], p.role), 9), m.name, p.granted_id
       FROM trust.granted p JOIN trust.account m USING (account_id) WHERE p.granted_id = :after)
ORDER BY f.rank, f.account, f.granted_id LIMIT CAST(:limit AS integer);

-- name: everybody
-- Who may see anything at all, as `areas` says it to whom everything belongs. Grants are chosen first, and what they
-- reach is looked up for those of the page alone.
WITH busy AS (
    SELECT DISTINCT 'enumerator' AS role, w.enumerator AS name
    FROM ground.campaign c JOIN ground.assignment w USING (edition_id)
    UNION ALL
    SELECT DISTINCT 'supervisor', w.supervisor
    FROM ground.campaign c JOIN ground.assignment w USING (edition_id) WHERE w.supervisor IS NOT NULL
), found AS (
    SELECT g.*, n.name AS account, coalesce(array_position(
            ARRAY['admin', 'coordinator', 'supervisor', 'enumerator', 'local_government'], g.role), 9) AS rank
    FROM trust.granted g
    JOIN trust.account n ON n.account_id = g.account_id AND (:shut OR n.disabled_at IS NULL)
    LEFT JOIN ground.campaign c ON true
    LEFT JOIN busy ON g.assigned AND busy.role = g.role AND busy.name = n.name
    WHERE g.ended_at IS NULL AND (g.expires_at IS NULL OR g.expires_at > now())
      AND CASE WHEN g.code IS NOT NULL THEN g.edition_id = c.edition_id ELSE NOT g.assigned OR busy.name IS NOT NULL END
), page AS (
    SELECT f.* FROM found f
    WHERE CAST(:after AS integer) IS NULL
       OR (f.rank, f.account, f.granted_id) > (
           SELECT coalesce(array_position(
               ARRAY['admin', 'coordinator', 'supervisor', 'enumerator', 'local_government'], p.role), 9), m.name, p.granted_id
           FROM trust.granted p JOIN trust.account m USING (account_id) WHERE p.granted_id = :after)
    ORDER BY f.rank, f.account, f.granted_id LIMIT CAST(:limit AS integer)
)
SELECT f.granted_id AS id, f.account_id, f.account, f.role, f.level, f.code, a.name AS area, f.assigned, f.purpose,
    f.agreement, b.name AS granted_by, f.created_at AS since, f.expires_at AS until,
    (SELECT count(DISTINCT account_id) FROM found) AS accounts,
    coalesce(CASE
        WHEN f.code IS NOT NULL THEN int4multirange(int4range(a.number, a.last, '[]'))
        WHEN NOT f.assigned THEN CAST('{[0,2147483646]}' AS int4multirange)
        ELSE (
            SELECT range_agg(int4range(s.number, s.last, '[]'))
            FROM ground.campaign c
            JOIN (
                SELECT w.edition_id, w.code FROM ground.assignment w
                WHERE f.role = 'enumerator' AND w.enumerator = f.account
                UNION ALL
                SELECT w.edition_id, w.code FROM ground.assignment w
                WHERE f.role = 'supervisor' AND w.supervisor = f.account
            ) w USING (edition_id)
            JOIN ground.area s ON s.edition_id = w.edition_id AND s.code = w.code AND s.number = s.last
        )
    END, '{}') AS seen
FROM page f
LEFT JOIN ground.area a ON a.edition_id = f.edition_id AND a.level = f.level AND a.code = f.code
LEFT JOIN trust.account b ON b.account_id = f.granted_by
ORDER BY f.rank, f.account, f.granted_id;

-- name: by_password
SELECT password_hash IS NOT NULL FROM trust.account WHERE account_id = :account_id;
