-- The short way for rows of which none was heard of before, each of another household: no row is looked up first, and
-- the first that meets a record stored ends it all. `batch.sql` has the way for any rows, and comes to the same.

-- name: append_new
INSERT INTO intake.submission (submission_id, household_id, revision, batch_id, "row", actor, block, number,
    located, lon, lat, cell, accuracy_m, captured_at, day, result, origin, visit, revisit_at, welfare, started_at,
    finished_at, enumerator, flags, digest, received_at)
SELECT submission_id, household_id, revision, batch_id, "row", actor, block, number, located, lon, lat, cell,
    accuracy_m, captured_at, day, result, origin, visit, revisit_at, welfare, started_at, finished_at, enumerator,
    flags, digest, (SELECT ground.now())
FROM incoming
ORDER BY household_id, revision, "row";

-- name: settle_new
INSERT INTO intake.household (household_id, revision, submission_id, block, number, located, cell, geom, accuracy_m,
    captured_at, day, result, origin, visit, revisit_at, welfare, enumerator, flags)
SELECT household_id, revision, submission_id, block, number, located, cell, ST_SetSRID(ST_MakePoint(lon, lat), 4326),
    accuracy_m, captured_at, day, result, origin, visit, revisit_at, welfare, enumerator, flags
FROM incoming
ORDER BY household_id;

-- name: count_new
INSERT INTO intake.delta (number, cell, day, completed, new, partial, not_met, refused, not_found, moved, deceased,
    ineligible, dropped, closed, located, spent, last_at)
SELECT i.number, coalesce(ground.cell_parent(i.cell, 10), 0), i.day, sum(v.completed), sum(v.new), sum(v.partial),
    sum(v.not_met), sum(v.refused), sum(v.not_found), sum(v.moved), sum(v.deceased), sum(v.ineligible),
    sum(v.dropped), sum(v.closed), sum(v.located), sum(v.spent), (SELECT ground.now())
FROM incoming i CROSS JOIN LATERAL intake.vector(i.result, i.origin, false, i.cell, i.visit) v
GROUP BY 1, 2, 3;
