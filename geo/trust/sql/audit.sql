-- name: note
INSERT INTO trust.audit (actor, act, subject) VALUES (:actor, :act, CAST(:subject AS jsonb));

-- name: read
-- Numbers mean nothing without their edition.
INSERT INTO trust.audit (actor, act, subject)
SELECT :actor, :act, CAST(:subject AS jsonb) || jsonb_build_object('edition',
    (SELECT e.code FROM ground.campaign c JOIN ground.edition e USING (edition_id)));

-- name: listing
SELECT u.audit_id AS id, u.at, a.name AS account, u.act, u.subject, u.credential_id AS credential,
    EXISTS (SELECT FROM trust.seal s WHERE s.audit_id = u.audit_id) AS sealed
FROM trust.audit u LEFT JOIN trust.account a ON a.account_id = u.actor
WHERE (CAST(:since AS timestamptz) IS NULL OR u.at >= :since)
  AND (CAST(:until AS timestamptz) IS NULL OR u.at < :until)
  AND (CAST(:account AS integer) IS NULL OR u.actor = :account)
  AND (CAST(:act AS text) IS NULL OR u.act = :act OR (right(:act, 1) = '.' AND starts_with(u.act, :act)))
  AND (CAST(:after AS bigint) IS NULL OR u.audit_id < :after)
ORDER BY u.audit_id DESC LIMIT :limit;
