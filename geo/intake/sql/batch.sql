-- name: submissions
-- Append what is new; of two with one id or one revision the first counts. Ordered, so that two transactions seldom wait
-- for each other.
INSERT INTO intake.submission (submission_id, household_id, revision, batch_id, "row", actor, block, number,
    located, lon, lat, cell, accuracy_m, captured_at, day, result, origin, visit, revisit_at, welfare, started_at,
    finished_at, enumerator, flags, digest, received_at)
SELECT submission_id, household_id, revision, batch_id, "row", actor, block, number, located, lon, lat, cell,
    accuracy_m, captured_at, day, result, origin, visit, revisit_at, welfare, started_at, finished_at, enumerator,
    flags, digest, (SELECT ground.now())
FROM incoming
ORDER BY household_id, revision, "row"
ON CONFLICT DO NOTHING;

-- name: missed
-- Rows that met a record stored before, here or elsewhere.
UPDATE incoming i SET stored = false
WHERE NOT EXISTS (
    SELECT FROM intake.submission s
    WHERE s.submission_id = i.submission_id AND s.batch_id = i.batch_id AND s."row" = i."row"
);

-- name: fresh
-- Households heard of for the first time, by one record, count at once. Tells which others need a second look: known
-- before, or with several records among these.
WITH single AS (
    SELECT * FROM (SELECT *, count(*) OVER (PARTITION BY household_id) AS records FROM incoming WHERE stored) i
    WHERE records = 1
), inserted AS (
    INSERT INTO intake.household (household_id, revision, submission_id, block, number, located, cell, geom,
        accuracy_m, captured_at, day, result, origin, visit, revisit_at, welfare, enumerator, flags)
    SELECT household_id, revision, submission_id, block, number, located, cell,
        ST_SetSRID(ST_MakePoint(lon, lat), 4326), accuracy_m, captured_at, day, result, origin, visit, revisit_at,
        welfare, enumerator, flags
    FROM single
    ORDER BY household_id
    ON CONFLICT DO NOTHING
    RETURNING household_id, number, cell, day, result, origin, closed, visit
), added AS (
    INSERT INTO intake.delta (number, cell, day, completed, new, partial, not_met, refused, not_found, moved, deceased,
        ineligible, dropped, closed, located, spent, last_at)
    SELECT h.number, coalesce(ground.cell_parent(h.cell, 10), 0), h.day, sum(v.completed), sum(v.new), sum(v.partial),
        sum(v.not_met), sum(v.refused), sum(v.not_found), sum(v.moved), sum(v.deceased), sum(v.ineligible),
        sum(v.dropped), sum(v.closed), sum(v.located), sum(v.spent),
        (SELECT ground.now())
    FROM inserted h CROSS JOIN LATERAL intake.vector(h.result, h.origin, h.closed, h.cell, h.visit) v
    GROUP BY 1, 2, 3
)
SELECT household_id FROM incoming WHERE stored
EXCEPT
SELECT household_id FROM inserted
ORDER BY 1;

-- name: appear
-- A row for each, so that there is something to lock. Counts nothing: the result is set by `settle`.
INSERT INTO intake.household (household_id, revision, submission_id, number, captured_at, day, result, origin)
SELECT DISTINCT ON (household_id) household_id, 0, submission_id, number, captured_at, day, result, origin
FROM incoming
WHERE stored AND household_id = ANY(:households)
ORDER BY household_id
ON CONFLICT DO NOTHING;

-- name: lock
-- In the order of ids, so that two batches cannot wait for each other.
SELECT household_id FROM intake.household WHERE household_id = ANY(:households) ORDER BY household_id FOR UPDATE;

-- name: settle
-- Highest revision counts, in whatever order they came; its day is that of the first revision with the same result.
-- Takes back what the household counted for and adds what it counts for now; what cancels out leaves no delta. Where
-- somebody was met after all a closing lapses.
WITH before AS (
    SELECT household_id, number, cell, day, result, origin, closed, visit
    FROM intake.household
    WHERE household_id = ANY(:households) AND revision > 0
), top AS (
    SELECT DISTINCT ON (household_id) *
    FROM intake.submission
    WHERE household_id = ANY(:households)
    ORDER BY household_id, revision DESC
), reached AS (
    SELECT DISTINCT ON (s.household_id) s.household_id, s.day
    FROM intake.submission s JOIN top USING (household_id, result)
    ORDER BY s.household_id, s.revision
), settled AS (
    UPDATE intake.household h
    SET revision = t.revision, submission_id = t.submission_id, block = t.block, number = t.number,
        located = t.located, cell = t.cell, geom = ST_SetSRID(ST_MakePoint(t.lon, t.lat), 4326),
        accuracy_m = t.accuracy_m, captured_at = t.captured_at, day = r.day, result = t.result, origin = t.origin,
        visit = t.visit, revisit_at = t.revisit_at, welfare = t.welfare, enumerator = t.enumerator, flags = t.flags,
        closed = h.closed AND intake.closed(h.household_id)
    FROM top t JOIN reached r USING (household_id)
    WHERE h.household_id = t.household_id
    RETURNING h.household_id, h.number, h.cell, h.day, h.result, h.origin, h.closed, h.visit
), change AS (
    SELECT -1 AS sign, b.* FROM before b
    UNION ALL
    SELECT 1 AS sign, s.* FROM settled s
)
INSERT INTO intake.delta (number, cell, day, completed, new, partial, not_met, refused, not_found, moved, deceased,
    ineligible, dropped, closed, located, spent, last_at)
SELECT c.number, coalesce(ground.cell_parent(c.cell, 10), 0), c.day, sum(c.sign * v.completed), sum(c.sign * v.new),
    sum(c.sign * v.partial), sum(c.sign * v.not_met), sum(c.sign * v.refused), sum(c.sign * v.not_found),
    sum(c.sign * v.moved), sum(c.sign * v.deceased), sum(c.sign * v.ineligible), sum(c.sign * v.dropped),
    sum(c.sign * v.closed), sum(c.sign * v.located), sum(c.sign * v.spent),
    (SELECT ground.now())
FROM change c CROSS JOIN LATERAL intake.vector(c.result, c.origin, c.closed, c.cell, c.visit) v
GROUP BY 1, 2, 3
HAVING (sum(c.sign * v.completed), sum(c.sign * v.new), sum(c.sign * v.partial), sum(c.sign * v.not_met),
        sum(c.sign * v.refused), sum(c.sign * v.not_found), sum(c.sign * v.moved), sum(c.sign * v.deceased),
        sum(c.sign * v.ineligible), sum(c.sign * v.dropped), sum(c.sign * v.closed), sum(c.sign * v.located), sum(c.sign * v.spent))
    <> (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

-- name: receipts
-- What became of rows that were not simply stored: they met a record of the same id or the same household and revision,
-- or their household has a higher one.
SELECT i.place,
    CASE
        WHEN mine.submission_id IS NOT NULL AND h.revision > i.revision THEN 'superseded'
        WHEN mine.submission_id IS NOT NULL THEN 'stored'
        WHEN known.digest = i.digest OR (known.digest IS NULL AND twin.digest = i.digest) THEN 'duplicate'
        ELSE 'conflict'
    END AS status
FROM incoming i
LEFT JOIN intake.submission known ON known.submission_id = i.submission_id
LEFT JOIN intake.submission twin ON twin.household_id = i.household_id AND twin.revision = i.revision
LEFT JOIN intake.submission mine ON mine.submission_id = i.submission_id AND mine.batch_id = i.batch_id
                                AND mine."row" = i."row"
LEFT JOIN intake.household h ON h.household_id = i.household_id
WHERE NOT i.stored OR i.household_id = ANY(:households);

-- name: quarantine
-- Rows held back, each once: the same bad row sent again adds nothing. A row that is null arrives as no value at all.
-- One that names no block of the edition lies where its sender works, so that somebody there sees it.
WITH held AS (
    SELECT * FROM jsonb_to_recordset(CAST(:held AS jsonb)) AS q (batch_id uuid, "row" integer, actor integer,
        number integer, reason text, detail text, proposal jsonb, raw jsonb, digest bytea)
), sender AS MATERIALIZED (
    SELECT actor, lower(trust.scope_of(actor, NULL)) AS number FROM (SELECT DISTINCT actor FROM held WHERE number = 0) a
)
INSERT INTO intake.quarantine (batch_id, "row", actor, number, reason, detail, proposal, raw, digest, received_at)
SELECT q.batch_id, q."row", q.actor, CASE WHEN q.number > 0 THEN q.number ELSE coalesce(s.number, 0) END, q.reason,
    q.detail, q.proposal, coalesce(q.raw, 'null'), q.digest, (SELECT ground.now())
FROM held q LEFT JOIN sender s USING (actor)
ORDER BY q.digest
ON CONFLICT (digest) DO NOTHING;

-- name: batches
INSERT INTO intake.batch (batch_id, source, actor, body_sha256, bytes, counts, received_at)
SELECT b.batch_id, b.source, b.actor, b.body_sha256, b.bytes, b.counts, (SELECT ground.now())
FROM jsonb_to_recordset(CAST(:batches AS jsonb)) AS b (batch_id uuid, source text, actor integer, body_sha256 bytea,
    bytes bigint, counts jsonb);

-- name: receipt
-- The receipt of one submission as of now, for its sender or those in whose scope it counts.
SELECT s.submission_id, s."row", s.batch_id,
    CASE WHEN h.revision > s.revision THEN 'superseded' ELSE 'stored' END AS status
FROM intake.submission s LEFT JOIN intake.household h USING (household_id)
WHERE s.submission_id = :submission_id;
