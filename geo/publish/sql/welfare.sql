-- name: arriving
-- Events on their way into the ledger; kept for the connection, emptied at each commit.
CREATE TEMP TABLE IF NOT EXISTS arriving (
    "row" integer, event_id uuid, household_id text, dated date, revision integer, field_status smallint,
    consultation smallint, before smallint, score double precision, rank integer, decile smallint, forum text,
    reason text, digest bytea, number integer
) ON COMMIT DELETE ROWS;

-- name: clear
DELETE FROM arriving;

-- name: place
-- Where each household counts, else where the prelist has it; null where nobody has heard of it.
UPDATE arriving a SET number = f.number
FROM (
    SELECT i."row", coalesce(NULLIF(h.number, 0), p.number, h.number) AS number
    FROM arriving i
    LEFT JOIN intake.household h ON h.household_id = i.household_id
    LEFT JOIN ground.prelist p ON p.household_id = i.household_id
                              AND p.edition_id = (SELECT edition_id FROM ground.campaign)
) f
WHERE f."row" = a."row";

-- name: append
-- What is new and the sender's to write of. Of two with one name the first counts; ordered, so that two imports seldom
-- wait for each other.
INSERT INTO welfare.event (event_id, household_id, number, scale, dated, revision, field_status, consultation, before,
    score, rank, decile, forum, reason, batch_id, "row", actor, digest, recorded_at)
SELECT event_id, household_id, number, :scale, dated, revision, field_status, consultation, before, score, rank,
    decile, forum, reason, CAST(:batch_id AS uuid), "row", CAST(:actor AS integer), digest, (SELECT ground.now())
FROM arriving
WHERE number <@ CAST(:scope AS int4multirange)
ORDER BY household_id, dated, revision, "row"
ON CONFLICT (event_id) DO NOTHING;

-- name: fates
-- What became of the rows that were not simply stored.
SELECT * FROM (
    SELECT a."row",
        CASE
            WHEN a.number IS NULL THEN 'unknown'
            WHEN NOT a.number <@ CAST(:scope AS int4multirange) THEN 'outside'
            WHEN e.batch_id = CAST(:batch_id AS uuid) AND e."row" = a."row" THEN 'stored'
            WHEN e.digest = a.digest THEN 'duplicate'
            ELSE 'conflict'
        END AS fate
    FROM arriving a LEFT JOIN welfare.event e USING (event_id)
) f
WHERE fate <> 'stored';

-- name: hold
-- Rows held back, each once: the same bad row of the same sender again adds nothing.
INSERT INTO welfare.held (batch_id, "row", actor, number, scale, household_id, reason, detail, raw, digest, received_at)
SELECT CAST(:batch_id AS uuid), q."row", CAST(:actor AS integer), coalesce(NULLIF(h.number, 0), p.number, 0), :scale,
    q.household_id, q.reason, q.detail, coalesce(q.raw, 'null'), q.digest, (SELECT ground.now())
FROM jsonb_to_recordset(CAST(:held AS jsonb)) AS q ("row" integer, household_id text, reason text, detail text,
    raw jsonb, digest bytea)
LEFT JOIN intake.household h ON h.household_id = q.household_id
LEFT JOIN ground.prelist p ON p.household_id = q.household_id
                          AND p.edition_id = (SELECT edition_id FROM ground.campaign)
ORDER BY q."row"
ON CONFLICT (digest) DO NOTHING;

-- name: resolve
-- A better row came: what was held back before it, of the same household and scale, need not be looked at any more.
UPDATE welfare.held h SET resolved_at = ground.now()
FROM (
    SELECT a.household_id, max(a."row") AS "row"
    FROM arriving a JOIN welfare.event e USING (event_id)
    WHERE e.batch_id = CAST(:batch_id AS uuid) AND e."row" = a."row"
    GROUP BY a.household_id
) s
WHERE h.household_id = s.household_id AND h.scale = :scale AND h.resolved_at IS NULL
  AND (h.batch_id <> CAST(:batch_id AS uuid) OR h."row" < s."row");

-- name: held
-- One page of open rows, newest first: those of blocks `first … last` in the scope, and those `mine` sent, wherever
-- they belong. The policy holds as well. Where a stranger's household lies is not told.
SELECT h.held_id AS id, h.scale, h.household_id, h.reason, h.detail, h.raw,
    CASE WHEN h.number <@ CAST(:scope AS int4multirange) THEN h.number ELSE 0 END AS number, h.batch_id, h."row",
    h.received_at, a.name AS sender, h.actor = CAST(:actor AS integer) AS own
FROM welfare.held h LEFT JOIN trust.account a ON a.account_id = h.actor
WHERE ((h.number <@ CAST(:scope AS int4multirange) AND h.number BETWEEN :first AND :last)
       OR h.actor = CAST(:mine AS integer))
  AND h.resolved_at IS NULL
  AND (CAST(:scale AS text) IS NULL OR h.scale = :scale)
  AND h.held_id < CAST(:after AS bigint)
ORDER BY h.held_id DESC
LIMIT :limit;

-- name: held_counts
-- How many there are for each reason, under the same rules.
SELECT h.reason, count(*) AS rows
FROM welfare.held h
WHERE ((h.number <@ CAST(:scope AS int4multirange) AND h.number BETWEEN :first AND :last)
       OR h.actor = CAST(:mine AS integer))
  AND h.resolved_at IS NULL
  AND (CAST(:scale AS text) IS NULL OR h.scale = :scale)
GROUP BY h.reason
ORDER BY h.reason;
