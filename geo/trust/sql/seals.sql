-- name: alone
-- One sealer at a time; the key is a number of our own.
SELECT pg_try_advisory_xact_lock(7214630518005);

-- name: waiting
SELECT a.audit_id, to_char(a.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at, a.actor, a.credential_id,
    a.act, CAST(a.subject AS text) AS subject
FROM trust.unsealed u JOIN trust.audit a USING (audit_id)
ORDER BY u.audit_id LIMIT :most;

-- name: head
SELECT place, digest FROM trust.seal ORDER BY place DESC LIMIT 1;

-- name: seal
INSERT INTO trust.seal (place, audit_id, digest)
SELECT * FROM unnest(CAST(:places AS bigint[]), CAST(:rows AS bigint[]), CAST(:digests AS bytea[]));

-- name: sealed
DELETE FROM trust.unsealed WHERE audit_id = ANY(CAST(:rows AS bigint[]));

-- name: still
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;

-- name: chain
-- Seals in order, with the row each was made for; without one where that row is gone.
SELECT s.place, s.audit_id AS sealed_id, s.digest, a.audit_id,
    to_char(a.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at, a.actor, a.credential_id, a.act,
    CAST(a.subject AS text) AS subject
FROM trust.seal s LEFT JOIN trust.audit a USING (audit_id)
WHERE s.place > :after ORDER BY s.place LIMIT :most;

-- name: strays
-- Rows that are neither sealed nor wait for it, and rows that wait and are gone.
SELECT a.audit_id, false AS removed
FROM trust.audit a LEFT JOIN trust.seal s USING (audit_id) LEFT JOIN trust.unsealed u USING (audit_id)
WHERE s.audit_id IS NULL AND u.audit_id IS NULL
UNION ALL
SELECT u.audit_id, true
FROM trust.unsealed u LEFT JOIN trust.audit a USING (audit_id)
WHERE a.audit_id IS NULL
ORDER BY 1 LIMIT 1000;

-- name: count
SELECT count(*) FROM trust.unsealed;
