-- name: accounts
-- New accounts; names that somebody took a moment ago are passed over.
INSERT INTO trust.account (name, password_hash)
SELECT one.name, one.hash FROM unnest(CAST(:names AS text[]), CAST(:hashes AS text[])) AS one (name, hash)
ON CONFLICT (name) DO NOTHING
RETURNING account_id, name;

-- name: grants
INSERT INTO trust.granted
    (account_id, role, edition_id, level, code, assigned, expires_at, purpose, agreement, granted_by)
SELECT g.account_id, g.role, CASE WHEN g.code IS NOT NULL THEN CAST(:edition_id AS integer) END, g.level, g.code,
    g.assigned, g.expires_at, g.purpose, g.agreement, 0
FROM unnest(CAST(:accounts AS integer[]), CAST(:roles AS text[]), CAST(:levels AS text[]), CAST(:codes AS text[]),
    CAST(:assigned AS boolean[]), CAST(:expires_at AS timestamptz[]), CAST(:purposes AS text[]),
    CAST(:agreements AS text[]))
    AS g (account_id, role, level, code, assigned, expires_at, purpose, agreement)
RETURNING granted_id AS "grant", account_id AS account, role, code AS area, level, assigned, expires_at;

-- name: tokens
INSERT INTO trust.credential (account_id, kind, name, secret_sha256, expires_at)
SELECT t.account_id, 'token', :name, t.digest, CAST(:expires_at AS timestamptz)
FROM unnest(CAST(:accounts AS integer[]), CAST(:digests AS bytea[])) AS t (account_id, digest);
