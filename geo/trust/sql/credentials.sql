-- name: authenticate
-- One row for each role in force; one without a role where there is none.
SELECT account_id, name, kind, credential_id, used_at, role, scope FROM trust.authenticate(:digest);

-- name: scopes
-- Every role of an account in force, as trust.authenticate says them of whoever holds its token.
SELECT r.role, trust.scope_of(r.account_id, r.role) AS scope
FROM (
    SELECT DISTINCT g.account_id, g.role
    FROM trust.granted g
    WHERE g.account_id = :account_id AND g.ended_at IS NULL AND (g.expires_at IS NULL OR g.expires_at > now())
) r;

-- name: issue
INSERT INTO trust.credential (account_id, kind, name, secret_sha256, expires_at)
VALUES (:account_id, :kind, :name, :digest, :expires_at);

-- name: tokens
SELECT k.credential_id, a.name AS account, k.name, k.created_at, k.used_at, k.expires_at
FROM trust.credential k JOIN trust.account a USING (account_id)
WHERE k.kind = 'token' AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())
  AND (CAST(:account_id AS integer) IS NULL OR k.account_id = :account_id)
ORDER BY a.name, k.credential_id;

-- name: sessions
SELECT k.credential_id, k.name, k.created_at, k.used_at, k.expires_at
FROM trust.credential k
WHERE k.kind = 'session' AND k.revoked_at IS NULL AND k.expires_at > now() AND k.account_id = :account_id
ORDER BY k.credential_id DESC;

-- name: of
SELECT account_id, kind FROM trust.credential WHERE credential_id = :credential_id AND revoked_at IS NULL;

-- name: revoke
UPDATE trust.credential SET revoked_at = now() WHERE credential_id = :credential_id AND revoked_at IS NULL;

-- name: end
UPDATE trust.credential SET revoked_at = now()
WHERE account_id = :account_id AND kind = ANY(CAST(:kinds AS text[])) AND revoked_at IS NULL;

-- name: used
UPDATE trust.credential SET used_at = now()
WHERE credential_id = :credential_id AND (used_at IS NULL OR used_at < now() - interval '1 hour');
