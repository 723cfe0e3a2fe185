-- name: create
INSERT INTO trust.account (name, password_hash) VALUES (:name, :hash) RETURNING account_id;

-- name: by_name
SELECT account_id, name, disabled_at IS NOT NULL AS disabled FROM trust.account WHERE name = :name;

-- name: any
SELECT EXISTS (SELECT FROM trust.account);

-- name: names
SELECT name FROM trust.account;

-- name: listing
SELECT a.account_id, a.name, a.created_at, a.disabled_at, a.identity IS NOT NULL AS by_provider,
    a.password_hash IS NOT NULL AS by_password, coalesce(a.locked_until > now(), false) AS locked,
    (SELECT max(k.created_at) FROM trust.credential k WHERE k.account_id = a.account_id AND k.kind = 'session') AS logged_in_at
FROM trust.account a
WHERE strpos(lower(a.name), lower(:part)) > 0 AND a.name > :after
  AND (CAST(:account_id AS integer) IS NULL OR a.account_id = :account_id)
ORDER BY a.name LIMIT :limit;

-- name: set_password
UPDATE trust.account SET password_hash = :hash, failures = 0, locked_until = NULL WHERE account_id = :account_id;

-- name: disable
UPDATE trust.account SET disabled_at = CASE WHEN :disabled THEN coalesce(disabled_at, now()) END
WHERE account_id = :account_id;

-- name: hash
SELECT password_hash FROM trust.account WHERE account_id = :account_id AND disabled_at IS NULL;

-- name: password
SELECT account_id, password_hash, disabled_at IS NOT NULL AS disabled, coalesce(locked_until > now(), false) AS locked
FROM trust.account WHERE name = :name FOR UPDATE;

-- name: failed
-- Whether this failure locks the account.
UPDATE trust.account
SET failures = CASE WHEN failures + 1 >= :most THEN 0 ELSE failures + 1 END,
    locked_until = CASE WHEN failures + 1 >= :most THEN CAST(:lock AS timestamptz) END
WHERE account_id = :account_id
RETURNING locked_until IS NOT NULL;

-- name: succeeded
UPDATE trust.account SET failures = 0, locked_until = NULL WHERE account_id = :account_id;

-- name: of_identity
SELECT account_id FROM trust.account WHERE identity = :identity AND disabled_at IS NULL;

-- name: bind
UPDATE trust.account SET identity = :identity
WHERE name = :name AND identity IS NULL AND disabled_at IS NULL
RETURNING account_id;

-- name: act_as
SELECT set_config('app.actor', :actor, true), set_config('app.credential', :credential, true);
