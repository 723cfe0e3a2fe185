-- name: newest
-- The number of the newest version; 0 before there is any.
SELECT coalesce(max(version), 0) FROM site.version;

-- name: recorded
-- When a version was made; no row where there is none of this number.
SELECT recorded_at FROM site.version WHERE version = :version;

-- name: rows
-- The list as it was after a version: of each site the newest row up to it, unless that closes the site. Sites are
-- numbered as they came, closed ones too, so that a number never means another site.
WITH known AS (
    SELECT site_id, min(version) AS first, max(version) AS version
    FROM site.revision WHERE version <= :version GROUP BY site_id
), numbered AS (
    SELECT site_id, version, row_number() OVER (ORDER BY first, site_id COLLATE "C") AS n FROM known
)
SELECT r.site_id, r.programme, r.kind, r.name, r.lon, r.lat, r.capacity, r.block, CAST(k.n AS integer) AS n, r.version
FROM numbered k JOIN site.revision r USING (site_id, version)
WHERE NOT r.closed
ORDER BY r.site_id COLLATE "C";

-- name: villages
-- Names of the areas that hold a block, nearest first, by the block's code; those of the releases, which never change.
WITH RECURSIVE above AS (
    SELECT a.code AS block, a.number, a.parent, 0 AS up FROM release.area a
    WHERE a.number = a.last AND a.code = ANY(CAST(:blocks AS text[]))
    UNION ALL
    SELECT above.block, a.number, a.parent, above.up + 1 FROM above JOIN release.area a ON a.number = above.parent
)
SELECT above.block, max(above.number) FILTER (WHERE up = 0) AS number,
    array_agg(a.name ORDER BY up) FILTER (WHERE up > 0) AS places
FROM above JOIN release.area a USING (number)
GROUP BY above.block;

-- name: versions
-- Versions, newest first, with how many sites each changed and closed.
SELECT v.version, v.change, v.note, a.name AS actor, v.recorded_at,
    CAST(count(r.site_id) AS integer) AS sites, CAST(count(*) FILTER (WHERE r.closed) AS integer) AS closed
FROM site.version v
LEFT JOIN site.revision r USING (version)
LEFT JOIN trust.account a ON a.account_id = v.actor
WHERE v.version < :before
GROUP BY v.version, a.name
ORDER BY v.version DESC
LIMIT :limit;

-- name: kept_by
-- Areas of the campaign's edition of which an account keeps the sites, by its grants in force; 0 to the last for all.
-- Internal scopes know nothing of local governments, which see none of the census: hence not `trust.scope_of`.
SELECT CASE WHEN g.code IS NULL THEN 0 ELSE a.number END AS first,
    CASE WHEN g.code IS NULL THEN CAST(:last AS integer) ELSE a.last END AS last
FROM trust.granted g
JOIN trust.account c ON c.account_id = g.account_id AND c.disabled_at IS NULL
CROSS JOIN ground.campaign p
LEFT JOIN ground.area a ON a.edition_id = p.edition_id AND a.edition_id = g.edition_id
                       AND a.level = g.level AND a.code = g.code
WHERE g.account_id = :account_id AND g.role = ANY(CAST(:roles AS text[])) AND NOT g.assigned
  AND g.ended_at IS NULL AND (g.expires_at IS NULL OR g.expires_at > now())
  AND (g.code IS NULL OR a.number IS NOT NULL);
