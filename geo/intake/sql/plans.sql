-- name: alone
-- One at a time for each supervisor and day: who saves upon an older plan is told, and overwrites nothing.
SELECT pg_advisory_xact_lock(hashtextextended('plan ' || :supervisor || CAST(CAST(:day AS date) AS text), 0));

-- name: append
INSERT INTO intake.plan (plan_id, supervisor, day, numbers, routes, actor, saved_at)
VALUES (:plan_id, :supervisor, :day, CAST(:numbers AS int4multirange), CAST(:routes AS jsonb), :actor,
    (SELECT ground.now()))
RETURNING place;

-- name: known
-- What was saved under an id.
SELECT p.plan_id, p.supervisor, p.day, p.routes, a.name AS saved_by, p.saved_at
FROM intake.plan p LEFT JOIN trust.account a ON a.account_id = p.actor
WHERE p.plan_id = :plan_id;

-- name: newest
-- The plan that stands for a supervisor's day; the policy hides those of teams that the actor does not answer for.
SELECT p.plan_id, p.supervisor, p.day, p.routes, a.name AS saved_by, p.saved_at
FROM intake.plan p LEFT JOIN trust.account a ON a.account_id = p.actor
WHERE p.supervisor = :supervisor AND p.day = :day
ORDER BY p.place DESC LIMIT 1;
