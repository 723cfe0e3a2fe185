-- name: authenticate
SELECT account_id, name, role, kind, credential_id, scope FROM trust.authenticate(:digest);

-- name: create
INSERT INTO trust.account (name, password_hash) VALUES (:name, :hash) RETURNING account_id;

-- name: grant
-- On an area of the campaign's edition, or without an area on the whole campaign.
INSERT INTO trust.granted (account_id, role, edition_id, level, code)
SELECT :account_id, :role, a.edition_id, a.level, a.code
FROM ground.campaign c JOIN ground.area a USING (edition_id)
WHERE a.level = CAST(:level AS text) AND a.code = CAST(:code AS text)
UNION ALL
SELECT :account_id, :role, NULL, NULL, NULL WHERE CAST(:code AS text) IS NULL;

-- name: by_name
SELECT account_id FROM trust.account WHERE name = :name;

-- name: listing
SELECT a.account_id, a.name, a.created_at, a.disabled_at, g.role, coalesce(g.level || ' ' || g.code, 'everything') AS area,
    g.expires_at
FROM trust.account a LEFT JOIN trust.granted g USING (account_id)
ORDER BY a.name, g.granted_id;

-- name: set_password
UPDATE trust.account SET password_hash = :hash, failures = 0, locked_until = NULL WHERE account_id = :account_id;

-- name: end_sessions
UPDATE trust.credential SET revoked_at = now()
WHERE account_id = :account_id AND kind = 'session' AND revoked_at IS NULL;

-- name: password
SELECT account_id, password_hash, disabled_at IS NOT NULL AS disabled, coalesce(locked_until > now(), false) AS locked
FROM trust.account WHERE name = :name FOR UPDATE;

-- name: failed
UPDATE trust.account
SET failures = CASE WHEN failures + 1 >= :most THEN 0 ELSE failures + 1 END,
    locked_until = CASE WHEN failures + 1 >= :most THEN CAST(:lock AS timestamptz) END
WHERE account_id = :account_id;

-- name: succeeded
UPDATE trust.account SET failures = 0, locked_until = NULL WHERE account_id = :account_id;

-- name: issue
INSERT INTO trust.credential (account_id, kind, name, secret_sha256, expires_at)
VALUES (:account_id, :kind, :name, :digest, :expires_at);

-- name: tokens
SELECT k.credential_id, a.name AS account, k.name, k.created_at, k.expires_at
FROM trust.credential k JOIN trust.account a USING (account_id)
WHERE k.kind = 'token' AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())
  AND (CAST(:account_id AS integer) IS NULL OR k.account_id = :account_id)
ORDER BY a.name, k.credential_id;

-- name: revoke
UPDATE trust.credential SET revoked_at = now() WHERE credential_id = :credential_id AND revoked_at IS NULL;

-- name: audit
INSERT INTO trust.audit (actor, act, subject) VALUES (:actor, :act, CAST(:subject AS jsonb));

-- name: act_as
SELECT set_config('app.actor', :actor, true);
