-- name: stored
-- What became of a batch, where there is one: the same decision sent again, or twice at once, corrects nothing more.
SELECT counts FROM intake.batch WHERE batch_id = :batch_id;

-- name: lock
-- In the order of ids, like every batch: whatever a device sends meanwhile waits, and finds what was done.
SELECT household_id FROM intake.household WHERE household_id = ANY(CAST(:households AS text[])) ORDER BY household_id FOR UPDATE;

-- name: held
-- Records that count, of those households that still count in the declared block and lie in another one.
SELECT h.located, s.household_id, s.revision, s.block, s.lon, s.lat, s.accuracy_m, s.captured_at, s.result, s.origin,
    s.visit, s.revisit_at, s.welfare, s.started_at, s.finished_at, s.enumerator
FROM intake.household h JOIN intake.submission s USING (submission_id)
WHERE h.household_id = ANY(CAST(:households AS text[])) AND h.number = :number AND h.located > 0 AND h.located <> h.number
ORDER BY s.household_id;

-- name: told
-- How many were left as they are, beside what became of the others.
UPDATE intake.batch SET counts = counts || jsonb_build_object('left', CAST(:left AS integer)) WHERE batch_id = :batch_id;
