-- name: newest_first
-- For whom nothing is hidden: the newest rows are the page, so they are read in order.
SELECT set_config('enable_bitmapscan', 'off', true), set_config('enable_seqscan', 'off', true);

-- name: listing
-- One page of rows held back, newest first, as far as row-level security lets the reader see them: those of areas
-- numbered `first … last`, and those `mine` sent. `known` is the record that is stored under the same id, else under the
-- same household and revision.
WITH held AS (
    SELECT *
    FROM intake.quarantine
    WHERE (number BETWEEN :first AND :last OR actor = CAST(:mine AS integer))
      AND state = ANY(CAST(:states AS text[]))
      AND (cardinality(CAST(:reasons AS text[])) = 0 OR reason = ANY(CAST(:reasons AS text[])))
      AND quarantine_id < CAST(:after AS bigint)
    ORDER BY quarantine_id DESC
    LIMIT :limit
), page AS (
    SELECT *,
        CASE WHEN raw ->> 'submission_id' ~* '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$'
            THEN CAST(raw ->> 'submission_id' AS uuid) END AS sent_id
    FROM held
)
SELECT q.quarantine_id AS id, q.state, q.reason, q.detail, q.proposal, q.raw, q.number, q.batch_id, q."row",
    q.received_at, sender.name AS sender, q.actor = :actor AS own, k.record AS known,
    k.number AS known_number, q.resolved_at, decided.name AS resolved_by, q.note, q.submission_id
FROM page q
LEFT JOIN trust.account sender ON sender.account_id = q.actor
LEFT JOIN trust.account decided ON decided.account_id = q.resolved_by
LEFT JOIN LATERAL (
    SELECT jsonb_build_object('submission_id', s.submission_id, 'household_id', s.household_id, 'revision', s.revision,
        'result', s.result, 'block', s.block, 'lon', s.lon, 'lat', s.lat, 'captured_at', s.captured_at,
        'enumerator', s.enumerator) AS record, s.number
    FROM (
        SELECT 1 AS place, * FROM intake.submission WHERE submission_id = q.sent_id
        UNION ALL
        SELECT 2, * FROM intake.submission
        WHERE household_id = q.raw ->> 'household_id' AND CAST(revision AS text) = q.raw ->> 'revision'
    ) s
    ORDER BY s.place
    LIMIT 1
) k ON q.state = 'open'
ORDER BY q.quarantine_id DESC;

-- name: counts
-- How many rows there are of each state and reason, under the same rules.
SELECT state, reason, count(*) AS rows
FROM intake.quarantine
WHERE number BETWEEN :first AND :last OR actor = CAST(:mine AS integer)
GROUP BY state, reason;

-- name: waiting
-- How many are open, counted no further than anybody wants to read: by ranges of numbers, save for those who see all.
WITH seen AS MATERIALIZED (SELECT trust.scope() AS numbers, trust.actor() AS actor)
SELECT count(*) FROM (
    SELECT 1 FROM intake.quarantine
    WHERE state = 'open' AND upper_inf((SELECT numbers FROM seen))
    UNION ALL
    SELECT 1 FROM intake.quarantine
    WHERE state = 'open' AND NOT upper_inf((SELECT numbers FROM seen))
      AND (number BETWEEN (SELECT lower(numbers) FROM seen) AND (SELECT upper(numbers) - 1 FROM seen)
           OR actor = (SELECT actor FROM seen))
    LIMIT :most
) q;

-- name: held
-- One row of the caller's scope, locked: of two people who decide at once the second sees what the first did. Says, too,
-- whether its sender may send only for itself.
SELECT q.quarantine_id, q.state, q.reason, q.raw, encode(q.digest, 'hex') AS digest, a.name AS sender,
    a.account_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM trust.granted g WHERE g.account_id = q.actor AND g.role <> 'enumerator' AND g.ended_at IS NULL) AS only_itself
FROM intake.quarantine q LEFT JOIN trust.account a ON a.account_id = q.actor
WHERE q.quarantine_id = CAST(:id AS bigint)
  AND q.number <@ CAST(:scope AS int4multirange)
FOR UPDATE OF q;

-- name: top
-- The highest revision stored of a household, 0 where there is none.
SELECT coalesce(max(revision), 0) FROM intake.submission WHERE household_id = :household_id;

-- name: stored_as
-- The id under which a household's revision is stored: a duplicate may have come under another one.
SELECT submission_id FROM intake.submission WHERE household_id = :household_id AND revision = :revision;

-- name: close
UPDATE intake.quarantine
SET state = :state, resolved_at = ground.now(), resolved_by = :actor, note = :note, submission_id = :submission_id
WHERE quarantine_id = :id;
