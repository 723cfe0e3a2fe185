-- name: snapshot
-- One view of everything for all statements that follow; must be the first of its transaction.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;

-- name: memory
-- Sorting a province of submissions should not go by way of the disk.
SET LOCAL work_mem = '256MB';

-- name: differences
-- Tallies and pending deltas against a recount from the submissions: every block, every pair of block and cell, every
-- block and day; only what differs. A key that a kind does not have is 0, or the first day of 1970.
WITH top AS (
    SELECT DISTINCT ON (household_id) household_id, number, cell, result, origin, visit
    FROM intake.submission
    ORDER BY household_id, revision DESC
), reached AS (
    SELECT DISTINCT ON (s.household_id) s.household_id, s.day
    FROM intake.submission s JOIN top USING (household_id, result)
    ORDER BY s.household_id, s.revision
), truth AS (
    SELECT t.number, coalesce(ground.cell_parent(t.cell, 10), 0) AS cell, r.day,
        v.completed, v.new, v.partial, v.not_met, v.refused, v.not_found, v.moved, v.deceased, v.ineligible,
        v.dropped, v.closed, v.located, v.spent
    FROM top t JOIN reached r USING (household_id)
    CROSS JOIN LATERAL intake.vector(t.result, t.origin,
        CASE WHEN t.result IN ('refused', 'not_met') THEN intake.closed(t.household_id) ELSE false END, t.cell, t.visit) v
), counted AS (
    SELECT CASE WHEN grouping(cell) = 0 THEN 'pairs' WHEN grouping(day) = 0 THEN 'days' ELSE 'blocks' END AS kind,
        number, coalesce(cell, 0) AS cell, coalesce(day, DATE '1970-01-01') AS day,
        sum(completed) AS completed, sum(new) AS new, sum(partial) AS partial, sum(not_met) AS not_met, sum(refused)
        AS refused, sum(not_found) AS not_found, sum(moved) AS moved, sum(deceased) AS deceased, sum(ineligible) AS
        ineligible, sum(dropped) AS dropped, sum(closed) AS closed, sum(located) AS located, sum(spent) AS spent
    FROM truth
    GROUP BY GROUPING SETS ((number), (number, cell), (number, day))
    HAVING grouping(cell) = 1 OR cell <> 0
), kept AS (
    SELECT kind, number, cell, day,
        sum(completed) AS completed, sum(new) AS new, sum(partial) AS partial, sum(not_met) AS not_met, sum(refused)
        AS refused, sum(not_found) AS not_found, sum(moved) AS moved, sum(deceased) AS deceased, sum(ineligible) AS
        ineligible, sum(dropped) AS dropped, sum(closed) AS closed, sum(located) AS located, sum(spent) AS spent
    FROM (
        SELECT 'blocks' AS kind, number, 0::bigint AS cell, DATE '1970-01-01' AS day,
            completed, new, partial, not_met, refused, not_found, moved, deceased, ineligible, dropped, closed,
            located, spent
        FROM intake.tally
        UNION ALL
        SELECT 'pairs', number, cell, DATE '1970-01-01',
            completed, new, partial, not_met, refused, not_found, moved, deceased, ineligible, dropped, closed,
            located, spent
        FROM intake.tally_cell
        UNION ALL
        SELECT 'days', number, 0, day,
            completed, new, partial, not_met, refused, not_found, moved, deceased, ineligible, dropped, closed,
            located, spent
        FROM intake.tally_day
        UNION ALL
        SELECT key.kind, d.number, key.cell, key.day,
            completed, new, partial, not_met, refused, not_found, moved, deceased, ineligible, dropped, closed,
            located, spent
        FROM intake.delta d
        CROSS JOIN LATERAL (VALUES ('blocks', 0::bigint, DATE '1970-01-01'), ('pairs', d.cell, DATE '1970-01-01'),
            ('days', 0, d.day)) AS key (kind, cell, day)
        WHERE key.kind <> 'pairs' OR key.cell <> 0
    ) every
    GROUP BY kind, number, cell, day
)
SELECT kind, number, cell, day,
    jsonb_build_object('completed', coalesce(a.completed, 0) - coalesce(b.completed, 0), 'new', coalesce(a.new, 0) - coalesce(b.new,
        0), 'partial', coalesce(a.partial, 0) - coalesce(b.partial, 0), 'not_met', coalesce(a.not_met, 0) -
        coalesce(b.not_met, 0), 'refused', coalesce(a.refused, 0) - coalesce(b.refused, 0), 'not_found',
        coalesce(a.not_found, 0) - coalesce(b.not_found, 0), 'moved', coalesce(a.moved, 0) - coalesce(b.moved, 0),
        'deceased', coalesce(a.deceased, 0) - coalesce(b.deceased, 0), 'ineligible', coalesce(a.ineligible, 0) -
        coalesce(b.ineligible, 0), 'dropped', coalesce(a.dropped, 0) - coalesce(b.dropped, 0), 'closed',
        coalesce(a.closed, 0) - coalesce(b.closed, 0), 'located', coalesce(a.located, 0) - coalesce(b.located, 0),
        'spent', coalesce(a.spent, 0) - coalesce(b.spent, 0)) AS difference
FROM kept a FULL JOIN counted b USING (kind, number, cell, day)
WHERE coalesce(a.completed, 0) <> coalesce(b.completed, 0) OR coalesce(a.new, 0) <> coalesce(b.new, 0) OR
    coalesce(a.partial, 0) <> coalesce(b.partial, 0) OR coalesce(a.not_met, 0) <> coalesce(b.not_met, 0) OR
    coalesce(a.refused, 0) <> coalesce(b.refused, 0) OR coalesce(a.not_found, 0) <> coalesce(b.not_found, 0) OR
    coalesce(a.moved, 0) <> coalesce(b.moved, 0) OR coalesce(a.deceased, 0) <> coalesce(b.deceased, 0) OR
    coalesce(a.ineligible, 0) <> coalesce(b.ineligible, 0) OR coalesce(a.dropped, 0) <> coalesce(b.dropped, 0) OR
    coalesce(a.closed, 0) <> coalesce(b.closed, 0) OR coalesce(a.located, 0) <> coalesce(b.located, 0)
    OR coalesce(a.spent, 0) <> coalesce(b.spent, 0)
ORDER BY kind, number, cell, day
LIMIT :most;

-- name: households
-- Households whose state is not that of their highest revision, or of what was decided on them.
SELECT count(*) AS wrong
FROM (SELECT DISTINCT ON (household_id) household_id, submission_id, revision, number
      FROM intake.submission ORDER BY household_id, revision DESC) t
FULL JOIN intake.household h USING (household_id)
WHERE (t.submission_id, t.revision, t.number) IS DISTINCT FROM (h.submission_id, h.revision, h.number)
   OR (h.closed AND NOT intake.closed(h.household_id))
   OR (h.result IN ('refused', 'not_met') AND NOT h.closed AND intake.closed(h.household_id));

-- name: counted
SELECT (SELECT count(*) FROM intake.submission) AS submissions, (SELECT count(*) FROM intake.household) AS households,
    (SELECT count(*) FROM intake.tally) AS blocks, (SELECT count(*) FROM intake.tally_cell) AS pairs,
    (SELECT count(*) FROM intake.tally_day) AS days, (SELECT count(*) FROM intake.delta) AS deltas,
    (SELECT coalesce(max(epoch), 0) FROM intake.epoch) AS epoch;

-- name: counted_households
SELECT household_id, revision, result, number FROM intake.household;

-- name: held_households
-- Ids that quarantined rows name, as far as they name one.
SELECT DISTINCT raw ->> 'household_id' FROM intake.quarantine WHERE raw ->> 'household_id' IS NOT NULL;

-- name: kept
SELECT (SELECT count(*) FROM intake.submission) AS submissions, (SELECT count(*) FROM intake.quarantine) AS quarantined;
