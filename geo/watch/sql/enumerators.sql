-- name: in_order
-- The planner takes a policy to let next to nothing pass, and would gather all of a block to sort it: it may not.
SELECT set_config('enable_bitmapscan', 'off', true);

-- name: sent
-- Who sent from each of some blocks, and when that last arrived: one step down the index for each who did, however much
-- it was. From the last name backwards, which is how the newest of a name is the first to be met.
WITH RECURSIVE pair (number, enumerator, received_at) AS (
    SELECT b.number, s.enumerator, s.received_at
    FROM unnest(CAST(:numbers AS integer[])) AS b (number)
    CROSS JOIN LATERAL (
        SELECT enumerator, received_at FROM intake.submission
        WHERE number = b.number AND enumerator IS NOT NULL
        ORDER BY number DESC, enumerator DESC, received_at DESC LIMIT 1
    ) s
    UNION ALL
    SELECT p.number, s.enumerator, s.received_at
    FROM pair p
    CROSS JOIN LATERAL (
        SELECT enumerator, received_at FROM intake.submission
        WHERE number = p.number AND enumerator < p.enumerator
        ORDER BY number DESC, enumerator DESC, received_at DESC LIMIT 1
    ) s
)
SELECT number, enumerator, received_at FROM pair;

-- name: elsewhere
-- The same for pairs that are known.
SELECT p.number, p.enumerator, s.received_at
FROM unnest(CAST(:numbers AS integer[]), CAST(:names AS text[])) AS p (number, enumerator)
CROSS JOIN LATERAL (
    SELECT received_at FROM intake.submission
    WHERE number = p.number AND enumerator = p.enumerator
    ORDER BY number DESC, enumerator DESC, received_at DESC LIMIT 1
) s;

-- name: assigned
SELECT number, enumerator, supervisor FROM trust.assigned(CAST(:asked AS int4multirange), CAST(:names AS text[]));

-- name: people
-- What the devices of some people last said, and when the newest of what arrived last was captured: `numbers` and
-- `received` say where and when that was, null for those who sent nothing. Of those who are not `assigned`, whether they
-- are enumerators in what the actor answers for; a name without an account may be one.
SELECT n.name, n.assigned OR c.account_id IS NULL OR trust.works_in(c.account_id, (SELECT trust.overseen())) AS works,
    s.captured_at, h.heard_at, h.queued, h.last_event_at
FROM unnest(CAST(:names AS text[]), CAST(:assigned AS boolean[]), CAST(:numbers AS integer[]),
    CAST(:received AS timestamptz[])) AS n (name, assigned, number, received_at)
LEFT JOIN trust.account c ON c.name = n.name
CROSS JOIN LATERAL (
    SELECT max(captured_at) AS captured_at FROM intake.submission
    WHERE number = n.number AND enumerator = n.name AND received_at = n.received_at
) s
CROSS JOIN LATERAL (
    SELECT max(heard_at) AS heard_at, CAST(sum(queued) AS bigint) AS queued, max(last_event_at) AS last_event_at
    FROM intake.heartbeat WHERE actor = c.account_id
) h;
