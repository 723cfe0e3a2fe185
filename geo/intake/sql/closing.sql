-- name: held
-- One household of the caller's scope, locked: what arrives or is decided meanwhile waits, and sees what was done.
SELECT household_id, revision, number, result, closed
FROM intake.household
WHERE household_id = :household_id AND revision > 0 AND number <@ CAST(:scope AS int4multirange)
FOR UPDATE;

-- name: known
-- What was decided under an id before.
SELECT c.closing_id, c.household_id, c.revision, c.closed, c.reason, c.note, a.name AS decided_by, c.decided_at
FROM intake.closing c LEFT JOIN trust.account a ON a.account_id = c.actor
WHERE c.closing_id = :closing_id;

-- name: told
-- What every revision says of a visit.
SELECT revision, captured_at, visit FROM intake.submission WHERE household_id = :household_id;

-- name: append
-- Nothing where the id stands already: it was taken for another household a moment ago.
INSERT INTO intake.closing (closing_id, household_id, revision, number, closed, reason, note, actor, decided_at)
VALUES (:closing_id, :household_id, :revision, :number, :closed, :reason, :note, :actor, (SELECT ground.now()))
ON CONFLICT (closing_id) DO NOTHING
RETURNING place, decided_at;

-- name: settle
-- Takes back what the household counted for and adds what it counts for now. The instant is long ago: nothing arrived.
WITH settled AS (
    UPDATE intake.household SET closed = :closed
    WHERE household_id = :household_id AND closed <> :closed
    RETURNING number, cell, day, result, origin, closed, visit
)
INSERT INTO intake.delta (number, cell, day, completed, new, partial, not_met, refused, not_found, moved, deceased,
    ineligible, dropped, closed, located, spent, last_at)
SELECT s.number, coalesce(ground.cell_parent(s.cell, 10), 0), s.day, n.completed - b.completed, n.new - b.new,
    n.partial - b.partial, n.not_met - b.not_met, n.refused - b.refused, n.not_found - b.not_found, n.moved - b.moved,
    n.deceased - b.deceased, n.ineligible - b.ineligible, n.dropped - b.dropped, n.closed - b.closed,
    n.located - b.located, n.spent - b.spent, to_timestamp(0)
FROM settled s
CROSS JOIN LATERAL intake.vector(s.result, s.origin, NOT s.closed, s.cell, s.visit) b
CROSS JOIN LATERAL intake.vector(s.result, s.origin, s.closed, s.cell, s.visit) n
WHERE n.* IS DISTINCT FROM b.*;
